"""Recurrent layers in plain tensor operations; import them from ``extrapolate.nn``."""
