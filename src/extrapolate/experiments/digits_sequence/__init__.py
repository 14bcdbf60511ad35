"""Digits in sequences: counted or added up, from ten images to a thousand."""

from extrapolate.experiments.digits_sequence.experiment import DIGITS_SEQUENCE

__all__ = ["DIGITS_SEQUENCE"]
