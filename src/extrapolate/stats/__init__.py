"""Estimates with 95 % intervals."""

from extrapolate.stats.intervals import (
    NOTHING,
    Estimate,
    difference_of_rates,
    mean_of_positive,
    mean_of_sparsity,
    mean_ratio,
    student,
    success_rate,
)

__all__ = [
    "NOTHING",
    "Estimate",
    "difference_of_rates",
    "mean_of_positive",
    "mean_of_sparsity",
    "mean_ratio",
    "student",
    "success_rate",
]
