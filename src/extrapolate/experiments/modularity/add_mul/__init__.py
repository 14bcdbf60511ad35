"""Masks over a network that adds and multiplies: which of its weights each operation needs."""
