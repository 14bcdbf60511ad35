"""Even digits in a picture, counted."""

from extrapolate.experiments.digits_parity.experiment import DIGITS_PARITY

__all__ = ["DIGITS_PARITY"]
