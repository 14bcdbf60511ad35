"""Madam compared with other optimizers."""
