"""Experiments on arithmetic with images of digits."""
