"""Noise that is added to gradients before a step."""

import math
from typing import Any

import torch
from torch import Tensor
from torch.optim import Optimizer

from extrapolate.optim._words import keys, words

#: Largest size of the noise, in standard deviations of the normal distribution.
TRUNCATED_AT = 2.0


class GradientNoise:
    """Adds truncated normal noise to every gradient before each step of an optimizer.

        noise = GradientNoise(std=1e-4, seed=7)
        optimizer.register_step_pre_hook(noise)
        ...
        noise.std = 1e-4 * error              # it may change during training

    The noise depends only on ``seed``, the number of steps and the index of the parameter. A training that is resumed
    with :meth:`state_dict` therefore equals an uninterrupted one.

    Args:
        std: standard deviation of the normal distribution before it is truncated at two standard deviations: a
            float, or a tensor (R,) with one per replica, for parameters (R, ...).
        seed: seed of the noise.

    Raises:
        ValueError: ``std`` is negative or not finite.

    Source: Neelakantan et al. 2015 (arXiv 1511.06807), whose std decays as ``(1 + step) ** -0.275``. Kaiser
    and Sutskever 2016 (arXiv 1511.08228) scale it by the error rate.
    """

    def __init__(self, std: float | Tensor, *, seed: int = 0) -> None:
        if not bool((torch.as_tensor(std) >= 0).all() and torch.isfinite(torch.as_tensor(std)).all()):
            raise ValueError(f"Invalid std: {std} must be finite and not negative")
        self.std = std
        self.seed = seed
        self.step = 0

    @torch.no_grad()
    def __call__(self, optimizer: Optimizer, args: Any = (), kwargs: Any = None) -> None:
        """Add the noise of one step to the optimizer's gradients."""
        self.step += 1
        params = [each for group in optimizer.param_groups for each in group["params"]]
        for index, each in enumerate(params):
            if each.grad is None:
                continue
            std = self.std
            if isinstance(std, Tensor) and std.dim():
                std = std.reshape(-1, *[1] * (each.dim() - 1)).to(each.grad)
            each.grad.add_(self._normal(each.grad, index) * std)

    def _normal(self, like: Tensor, index: int) -> Tensor:
        """Sample truncated standard normal numbers with the shape of ``like``."""
        seed, step = (torch.tensor([each], device=like.device) for each in (self.seed, self.step))
        uniform = (words(keys(seed, index, step), like.numel()).double() + 0.5) * 2.0**-32
        low = 0.5 * math.erfc(TRUNCATED_AT / math.sqrt(2))
        return torch.special.ndtri(low + (1 - 2 * low) * uniform).reshape(like.shape).to(like.dtype)

    def state_dict(self) -> dict[str, int]:
        """Return the state that a resumed training needs, without ``std``."""
        return {"seed": self.seed, "step": self.step}

    def load_state_dict(self, state: dict[str, int]) -> None:
        self.seed, self.step = state["seed"], state["step"]
