"""The Arithmetic Dataset Task: an additive and a multiplicative layer find two sums among 100 numbers."""

from extrapolate.experiments.arithmetic_dataset.experiment import ARITHMETIC_DATASET

__all__ = ["ARITHMETIC_DATASET"]
