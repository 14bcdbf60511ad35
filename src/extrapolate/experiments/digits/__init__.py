"""Arithmetic on pictures of digits."""
