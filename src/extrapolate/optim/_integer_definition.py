"""The definition of IntegerMadam in tensor operations. ``_integer_kernel.py`` is the fast version."""

from collections.abc import Mapping
from typing import Any

import torch
from torch import Tensor

from extrapolate.optim import _codes
from extrapolate.optim._formulas import correction, rates_of, tiny
from extrapolate.optim._step import Entry
from extrapolate.optim._words import keys, words


def base_of(group: Mapping[str, Any]) -> float:
    """Return the distance of neighbouring weights in log space."""
    return _codes.base_for(group["span"], group["bits"])


def next_keys(entry: Entry) -> Tensor:
    """Return the keys of the next step."""
    steps = entry.state["step"].reshape(-1).long() + 1
    return keys(entry.state["seed"].reshape(-1), entry.position, steps)


def decode(parameter: Tensor, state: Mapping[str, Tensor], group: Mapping[str, Any]) -> Tensor:
    """Return the float values of a parameter's integers, in the parameter's shape."""
    codes, bound = state["codes"], state["bound"]
    return _codes.unpack_floats(codes, bound, base_of(group), group["bits"], parameter.shape)


def move(entry: Entry) -> None:
    """Update the integers of one parameter by one step: the definition."""
    state, group = entry.state, entry.group
    bits, base, usable = group["bits"], base_of(group), entry.usable.reshape(-1, 1)
    count = entry.parameter.numel() // usable.numel()
    gradient = entry.gradient.reshape(-1, count)
    random_words = words(next_keys(entry), count)
    state["step"].add_(entry.usable)
    steps = state["step"].reshape(-1)

    before = state["second_moment"].reshape(-1, count)
    second = torch.lerp(_codes.lengthen(before), gradient.square(), 1 - group["beta"])
    after = _codes.shorten(second, random_words)
    root = (second / correction(steps[:, None], group["beta"])).sqrt_().clamp_min_(tiny(torch.float32))
    levels = (gradient / root).clamp_(-group["gradient_bound"], group["gradient_bound"])
    rate = rates_of(group["lr"], entry.leading)
    factor = (rate.to(gradient).reshape(-1, 1) if isinstance(rate, Tensor) else rate) / base
    levels.mul_(-factor if group["maximize"] else factor)
    if group["rounding"] == "stochastic":
        levels = (levels + (random_words >> _codes.DROPPED) * 2.0**-17).floor_()
    else:
        levels = levels.round_()

    before_move = _codes.unpack(state["codes"].reshape(usable.numel(), -1), bits, count)
    top = _codes.count_codes(bits)
    sign = before_move & top
    exponent = (before_move & (top - 1)) + torch.where(sign > 0, -levels, levels).nan_to_num_().long()
    moved = torch.where(usable, exponent.clamp_(0, top - 1) | sign, before_move)
    state["codes"].copy_(_codes.pack(moved, bits).reshape(state["codes"].shape))
    state["second_moment"].copy_(torch.where(usable, after, before).reshape(entry.parameter.shape))
