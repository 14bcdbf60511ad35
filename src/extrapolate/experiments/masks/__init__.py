"""Functional weight masks: which weights of a trained network do what."""
