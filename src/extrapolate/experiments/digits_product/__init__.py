"""Products of two digits: the labels that nobody supervises."""

from extrapolate.experiments.digits_product.experiment import DIGITS_PRODUCT

__all__ = ["DIGITS_PRODUCT"]
