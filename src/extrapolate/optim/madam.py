"""Madam: a multiplicative optimizer with one learning rate for networks of any depth."""

# pyright: reportPrivateImportUsage=false
# (torch does not export its foreach functions to type checkers)

import math
from collections.abc import Mapping, Sequence
from typing import Any

import torch
from torch import Tensor
from torch.optim.optimizer import ParamsT

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate.optim._formulas import (
    check_positive,
    check_rates,
    correction,
    largest_rate,
    rates_of,
    root_mean_square,
    tiny,
    warn_of_zeros,
    zeros_in,
)
from extrapolate.optim._step import Entry, State, StepwiseOptimizer

#: Choices for parameters that are initially zero.
ZEROS = ("additive", "freeze", "error")


class Madam(StepwiseOptimizer):
    r"""Changes every weight by a few per cent of its size, against its gradient (Bernstein et al., 2020).

    With :math:`g` the gradient and :math:`t` = 1, 2, ... the step, elementwise,

    .. math::
        v &\leftarrow \beta v + (1 - \beta) g^2, \qquad
        \hat g = \operatorname{clip}\bigl(g / \sqrt{v / (1 - \beta^t)},\ \pm\text{gradient\_bound}\bigr) \\
        W &\leftarrow \operatorname{clip}\bigl(W \exp(-\text{lr}\, \hat g \operatorname{sign} W),\
        \pm\text{scale\_bound} \cdot \operatorname{RMS}(W_0)\bigr)

    with one :math:`\operatorname{RMS}(W_0)` per tensor, computed at its first step. The sign of a weight never
    changes, and **a weight of zero never changes**. ``zeros`` sets what happens to a tensor that is all zeros at its
    first step, such as a bias. Zeros in other tensors do not change; a warning counts them.

    The state of a parameter is one float per weight, half of Adam's. The scale of the gradient has no effect down to
    about 1e-16. For smaller gradients the steps become smaller.

    Args:
        params: tensors, (name, tensor) pairs, or groups of them; float32 or float64.
        lr: learning rate: the typical relative change of a weight per step. Use 0.01 for any network, and a smaller
        value at the end of
            training. It may be a tensor with one number, or with one per replica.
        scale_bound: largest size of a weight, in units of its tensor's RMS at the first step. Usual values: 1 to 3.
        gradient_bound: the largest :math:`|\hat g|`.
        beta: decay of ``v`` per step.
        zeros: for tensors that are all zeros at first. ``"additive"``: they change by :math:`-\text{lr} \cdot
            \text{zero\_scale} \cdot \hat g`, without bound, and may change sign. ``"freeze"``: they stay zero, as
            published. ``"error"``: a parameter with any zero is refused at its first step.
        zero_scale: the typical weight size that ``"additive"`` assumes for such tensors.
        replica_dims: number of leading replica axes (1 for parameters stacked by ``training.Replicas``). Each replica
            has its own RMS, step count and test for gradients that are not finite. Its weights equal, bit for bit,
            those of the same model trained alone.
        nonfinite: a replica with a NaN or infinite gradient, and its state, do not change in that step.
            ``"skip"``: the state's ``skipped`` counts such steps; on the CPU there is also one warning. ``"raise"``:
            raise, which makes the CPU wait for the GPU at every step.
        maximize: step along the gradient instead of against it.
        capturable: allow the step to be captured in a CUDA graph. Take at least one step before the capture.
        fused: use the one-pass kernel where possible (contiguous float32 on the CPU).

    Raises:
        ValueError: a setting is out of range; at the first step: zeros with ``zeros="error"``.
        TypeError: a parameter is neither float32 nor float64. The spacing of half precision, up to 0.8 %, is too
            large for steps of 1 %: use float32 weights with autocast, or :class:`IntegerMadam`.

    Source: arXiv 2006.14560. It differs from the published code in how it treats weights of 0, gradients that are not
    finite and very small gradients. It also saves the settings and the bounds of the weights in ``state_dict``.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        scale_bound: float = 3.0,
        gradient_bound: float = 10.0,
        beta: float = 0.999,
        *,
        zeros: str = "additive",
        zero_scale: float = 0.1,
        replica_dims: int = 0,
        nonfinite: str = "skip",
        maximize: bool = False,
        capturable: bool = False,
        fused: bool = True,
    ) -> None:
        defaults = {
            "lr": lr,
            "scale_bound": scale_bound,
            "gradient_bound": gradient_bound,
            "beta": beta,
            "zeros": zeros,
            "zero_scale": zero_scale,
            "replica_dims": replica_dims,
            "nonfinite": nonfinite,
            "maximize": maximize,
            "capturable": capturable,
            "fused": fused,
        }
        super().__init__(params, defaults)

    def _check(self, group: dict[str, Any]) -> None:
        check_rates(group)
        check_positive(group, ("scale_bound", "gradient_bound", "zero_scale"))
        if not 0 < group["beta"] < 1:
            raise ValueError(f"Invalid beta: {group['beta']} must be between 0 and 1")
        if group["zeros"] not in ZEROS:
            raise ValueError(f"Invalid zeros: {group['zeros']!r} must be one of {', '.join(ZEROS)}")

    def _begin(self, parameter: Tensor, leading: tuple[int, ...], group: dict[str, Any]) -> State:
        bound = group["scale_bound"] * root_mean_square(parameter, leading)
        state = {
            "step": torch.zeros(leading, dtype=torch.float32, device=parameter.device),
            "skipped": torch.zeros(leading, dtype=torch.int64, device=parameter.device),
            "second_moment": torch.zeros_like(parameter, memory_format=torch.preserve_format),
            "bound": bound,
        }
        if group["zeros"] == "freeze":
            return state
        empty = bound == 0
        stuck = int((zeros_in(parameter, leading) * ~empty).sum())
        refused = stuck or bool(empty.any()) if group["zeros"] == "error" else False
        if refused:
            raise ValueError(
                f"Madam cannot change zeros, and a parameter of shape {tuple(parameter.shape)} has zeros: "
                'initialise it differently, or set zeros="additive" or "freeze" in its group'
            )
        if stuck:
            warn_of_zeros(parameter, stuck)
        if bool(empty.any()):
            state["additive"] = empty.to(parameter.dtype) * group["zero_scale"]
            state["bound"] = bound.masked_fill(empty, math.inf)
        return state

    def _shapes(
        self, parameter: Tensor, leading: tuple[int, ...], group: Mapping[str, Any]
    ) -> dict[str, tuple[int, ...]]:
        rows = dict.fromkeys(("step", "skipped", "bound", "additive"), leading)
        return {"second_moment": tuple(parameter.shape), **rows}

    def _move(self, entries: list[Entry]) -> None:
        fused = [each for each in entries if each.group["fused"] and _one_pass(each)]
        if fused:
            from extrapolate.optim import _madam_kernel  # the kernel's compiler is a slow import

            _madam_kernel.move(fused, tiny(torch.float32))
        chosen = {id(each) for each in fused}
        batches: dict[tuple[Any, ...], list[Entry]] = {}
        for each in entries:
            if id(each) not in chosen:
                key = (id(each.group), each.parameter.device, each.parameter.dtype)
                batches.setdefault(key, []).append(each)
        for batch in batches.values():
            move(batch)


def move(batch: Sequence[Entry]) -> None:
    """Update entries of one group, device and dtype by one step of Madam: the definition."""
    group = batch[0].group
    lr, beta = group["lr"], group["beta"]
    weights = [each.parameter for each in batch]
    seconds = [each.state["second_moment"] for each in batch]
    # a replica that is not usable has g = 0, keeps v, and has no limit: nothing below changes it
    usable = [each.spread(each.usable) for each in batch]
    gradients = [torch.where(ok, each.gradient, 0.0) for ok, each in zip(usable, batch, strict=True)]
    torch._foreach_add_([each.state["step"] for each in batch], [each.usable.float() for each in batch])
    weight = [ok.to(v.dtype) * (1 - beta) for ok, v in zip(usable, seconds, strict=True)]
    torch._foreach_lerp_(seconds, torch._foreach_mul(gradients, gradients), weight)
    roots = torch._foreach_div(
        seconds,
        [each.spread(correction(each.state["step"].to(each.parameter.dtype), beta)) for each in batch],
    )
    torch._foreach_sqrt_(roots)
    torch._foreach_clamp_min_(roots, tiny(weights[0].dtype))
    torch._foreach_div_(gradients, roots)
    torch._foreach_clamp_min_(gradients, -group["gradient_bound"])
    torch._foreach_clamp_max_(gradients, group["gradient_bound"])
    if isinstance(lr, Tensor):
        rates = [rates_of(lr.to(each.gradient), each.leading) for each in batch]
        lr = [each.spread(torch.as_tensor(rate)) for each, rate in zip(batch, rates, strict=True)]
    torch._foreach_mul_(gradients, lr)
    if not group["maximize"]:
        torch._foreach_neg_(gradients)
    for each, step in zip(batch, gradients, strict=True):
        if "additive" in each.state:
            # a tensor of zeros changes by this additive step; the factor is 1 for its row
            scale = each.spread(each.state["additive"])
            each.parameter.addcmul_(step, scale)
            step.masked_fill_(scale > 0, 0.0)
    factors = torch._foreach_sign(weights)
    torch._foreach_mul_(factors, gradients)
    torch._foreach_exp_(factors)
    torch._foreach_mul_(weights, factors)
    limits = [
        torch.where(ok, each.spread(each.state["bound"]), math.inf) for ok, each in zip(usable, batch, strict=True)
    ]
    torch._foreach_clamp_max_(weights, limits)
    torch._foreach_clamp_min_(weights, torch._foreach_neg(limits))


def _one_pass(entry: Entry) -> bool:
    """Return whether the kernel supports this parameter: contiguous float32 on the CPU, and lr not too large."""
    tensors = (entry.parameter, entry.gradient, entry.state["second_moment"])
    if entry.parameter.device.type != "cpu" or entry.parameter.dtype != torch.float32 or not numba_is_installed():
        return False
    exponent = largest_rate(entry.group["lr"]) * entry.group["gradient_bound"]
    return all(each.is_contiguous() for each in tensors) and exponent < 80
