"""Recurrent layers in plain operations; import them from ``extrapolate.nn``."""
