"""The networks that take part: an eye, and what counts from its features."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.eye import Eye

FEATURES = 64


class NACWithBias(nn.NAC):
    """The NAC and a bias, from 0: the ablation."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.bias = torch_nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias


#: By name, the output layer: weights free or tanh·σ, with a bias or without.
HEADS: dict[str, Callable[[], torch_nn.Module]] = {
    "affine": lambda: torch_nn.Linear(FEATURES, 1),
    "linear": lambda: torch_nn.Linear(FEATURES, 1, bias=False),
    "NAC": lambda: nn.NAC(FEATURES, 1),
    "NAC-bias": lambda: NACWithBias(FEATURES, 1),
}


class Counter(torch_nn.Module):
    """Pictures (B, 1, S, S) to numbers (B,)."""

    def __init__(self, size: int, head: torch_nn.Module) -> None:
        super().__init__()
        self.eye = Eye(size, FEATURES)
        self.head = head

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(torch.relu(self.eye(pictures)))[..., 0]
