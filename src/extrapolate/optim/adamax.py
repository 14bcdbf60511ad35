"""AdaMax of the diagonal Neural GPU: each gradient is clipped relative to its earlier values."""

# pyright: reportPrivateImportUsage=false
# (torch does not export its foreach functions to type checkers)

from collections.abc import Callable
from typing import overload

import torch
from torch import Tensor
from torch.optim import Optimizer
from torch.optim.optimizer import ParamsT


class AdaMax(Optimizer):
    r"""AdaMax with clipping relative to earlier gradients.

    With :math:`g` the gradient, :math:`t` = 0, 1, ... the step, and everything elementwise,

    .. math::
        \kappa &= \text{relative\_clip} \cdot v + \text{floor}, \qquad
        g \leftarrow \operatorname{clip}(g, \pm\kappa) \\
        m &\leftarrow \beta m + (1 - \beta) g, \qquad v \leftarrow \max(\beta_2 v, |g|) \\
        \beta_2 &= 1 - \max(\text{last\_forgotten}, \text{forgotten} \cdot 2^{-t / \text{half\_life}}), \qquad
        W \leftarrow W - \text{lr} \cdot m / (v + \epsilon)

    With the default settings ``v`` grows by at most about a fifth per step, and it decays more and more slowly.
    Unlike ``torch.optim.Adamax``, there is no bias correction. A NaN gradient counts as 0.

    Args:
        params: tensors or groups of them.
        lr: learning rate; published: 0.01 · 48/C for C channels. A tensor (R,) sets one per replica, for
            parameters (R, ...).
        beta: share of the mean gradient m that each step keeps.
        relative_clip: gradients are clipped to ± κ = relative_clip · v + floor, with v the decaying maximum.
        floor: see ``relative_clip``.
        forgotten: share of ``v`` that decays in the first step.
        last_forgotten: smallest share of ``v`` that decays in a step.
        half_life: number of steps in which ``forgotten`` halves.
        eps: added to the divisor.

    Raises:
        ValueError: a setting is out of range.

    Source: the code of Freivalds & Liepins 2017 (arXiv 1702.08727), after AdaMax of Kingma & Ba 2015.
    """

    def __init__(
        self,
        params: ParamsT,
        lr: float | Tensor = 0.01,
        beta: float = 0.9,
        *,
        relative_clip: float = 1.2,
        floor: float = 1e-4,
        forgotten: float = 0.01,
        last_forgotten: float = 0.0005,
        half_life: float = 2000.0,
        eps: float = 1e-8,
    ) -> None:
        if not 0 <= beta < 1:
            raise ValueError(f"Invalid beta: {beta} must be at least 0 and below 1")
        if not (
            relative_clip >= 0 and floor > 0 and half_life > 0 and eps > 0 and bool((torch.as_tensor(lr) >= 0).all())
        ):
            raise ValueError(
                f"AdaMax: lr={lr}, relative_clip={relative_clip}, floor={floor}, half_life={half_life}, eps={eps}"
            )
        if not 0 < last_forgotten <= forgotten < 1:
            raise ValueError(f"AdaMax: 0 < {last_forgotten=} <= {forgotten=} < 1 must hold")
        settings = {
            "lr": lr,
            "beta": beta,
            "relative_clip": relative_clip,
            "floor": floor,
            "forgotten": forgotten,
            "last_forgotten": last_forgotten,
            "half_life": half_life,
            "eps": eps,
        }
        super().__init__(params, settings)

    @overload
    def step(self, closure: None = None) -> None: ...
    @overload
    def step(self, closure: Callable[[], float]) -> float: ...

    @torch.no_grad()
    def step(self, closure: Callable[[], float] | None = None) -> float | None:
        """Take one step. A ``closure`` first computes the gradients; its value is returned."""
        loss = None
        if closure is not None:
            with torch.enable_grad():
                loss = closure()
        for group in self.param_groups:
            params = [each for each in group["params"] if each.grad is not None and each.numel()]
            if not params:
                continue
            for each in params:
                self._begin(each)
            slots = [self.state[each] for each in params]
            _move(params, [s["mean"] for s in slots], [s["largest"] for s in slots], group, slots[0]["step"])
            for slot in slots:
                slot["step"] += 1
        return loss

    def _begin(self, parameter: Tensor) -> None:
        state = self.state[parameter]
        if not state:
            state["step"] = 0
            state["mean"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)
            state["largest"] = torch.zeros_like(parameter, memory_format=torch.preserve_format)


def _move(params: list[Tensor], means: list[Tensor], largest: list[Tensor], group: dict, step: int) -> None:
    bounds = torch._foreach_mul(largest, group["relative_clip"])
    torch._foreach_add_(bounds, group["floor"])
    gradients = [each.grad.nan_to_num(nan=0.0) for each in params if each.grad is not None]
    gradients = list(torch._foreach_minimum(gradients, bounds))
    torch._foreach_neg_(bounds)
    torch._foreach_maximum_(gradients, bounds)
    torch._foreach_lerp_(means, gradients, 1 - group["beta"])
    forgotten = max(group["last_forgotten"], group["forgotten"] * 2 ** (-step / group["half_life"]))
    torch._foreach_mul_(largest, 1 - forgotten)
    torch._foreach_maximum_(largest, torch._foreach_abs(gradients))
    steps = torch._foreach_div(means, torch._foreach_add(largest, group["eps"]))
    lr = group["lr"]
    if isinstance(lr, Tensor) and lr.dim():
        for each in steps:
            each.mul_(lr.to(each).view(-1, *[1] * (each.dim() - 1)))
    else:
        torch._foreach_mul_(steps, lr)
    torch._foreach_sub_(params, steps)
