"""Sums and products learned on 20 bits and computed on 2,000."""
