"""Formulas and checks that Madam and IntegerMadam share."""

import math
import warnings
from collections.abc import Iterable, Mapping
from typing import Any

import torch
from torch import Tensor


def root_mean_square(parameter: Tensor, leading: tuple[int, ...]) -> Tensor:
    """Return the root mean square of each replica, (leading), in the parameter's dtype.

    Rows are computed one by one, so that a replica gets the same bits alone and in a stack.
    """
    rows = parameter.detach().reshape(math.prod(leading), -1)
    squares = [row.double().square().mean() for row in rows]
    return torch.stack(squares).sqrt().to(parameter.dtype).reshape(leading)


def check_positive(group: Mapping[str, Any], names: Iterable[str]) -> None:
    """Raise ValueError unless each named setting is a finite number above 0."""
    for name in names:
        value = group[name]
        if not (value > 0 and math.isfinite(value)):
            raise ValueError(f"Invalid {name}: {value} must be above 0 and finite")


def check_rates(group: Mapping[str, Any]) -> None:
    """Raise ValueError unless ``lr`` is above 0 and finite: one number, or one per replica."""
    rates = torch.as_tensor(group["lr"])
    if not bool((rates > 0).all() and torch.isfinite(rates).all()):
        raise ValueError(f"Invalid lr: {group['lr']} must be above 0 and finite")
    for parameter in group["params"]:
        replicas = parameter.shape[: group["replica_dims"]].numel()
        if rates.numel() not in (1, replicas):
            raise ValueError(
                f"Invalid lr: {replicas} replicas need 1 or {replicas} learning rates, got {rates.numel()}"
            )


def rates_of(lr: float | Tensor, leading: tuple[int, ...]) -> float | Tensor:
    """Return the learning rates: a float, or a tensor (leading)."""
    if not isinstance(lr, Tensor):
        return lr
    return (lr.reshape(()) if lr.numel() == 1 else lr.reshape(leading)).expand(leading)


def largest_rate(lr: float | Tensor) -> float:
    return float(lr.max()) if isinstance(lr, Tensor) else lr


def zeros_in(parameter: Tensor, leading: tuple[int, ...]) -> Tensor:
    """Return how many values of each replica are exactly zero, (leading)."""
    return (parameter.detach() == 0).reshape(*leading, -1).sum(-1)


def warn_of_zeros(parameter: Tensor, count: int) -> None:
    warnings.warn(
        f"{count} values of a parameter of shape {tuple(parameter.shape)} are exactly zero, and Madam never changes "
        'them: if this is intended, set zeros="freeze" in its group',
        RuntimeWarning,
        stacklevel=2,
    )


def correction(steps: Tensor, beta: float) -> Tensor:
    """Return 1 − βᵗ to full precision, also for small t."""
    return -torch.expm1(steps.clamp_min(1.0) * math.log(beta))


def tiny(dtype: torch.dtype) -> float:
    """Return the smallest divisor. It is much larger than gradients whose squares vanish, so their steps vanish."""
    return 1e3 * math.sqrt(torch.finfo(dtype).tiny)
