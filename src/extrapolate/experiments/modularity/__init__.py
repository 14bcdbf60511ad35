"""Functional weight masks: which weights of trained networks do what."""
