"""Madam beside other optimizers."""
