"""Weights in a few bits: IntegerMadam against Madam on floats."""
