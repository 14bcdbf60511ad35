"""Relaxed sharing of parameters: what holds the copies together, and what makes them one."""

from dataclasses import dataclass

import torch
from torch import Tensor, nn

from extrapolate.nn import NeuralGPU
from extrapolate.training.plan import Evaluate
from extrapolate.training.replicas import Replicas


def disagreement(model: nn.Module) -> Tensor | float:
    """How far apart all relaxed copies in ``model`` are: the measure of a :class:`Penalty`, or a term of a loss."""
    relaxed = (part for part in model.modules() if isinstance(part, NeuralGPU))
    return sum((part.disagreement() for part in relaxed), start=0.0)


@torch.no_grad()
def merge_copies_(replicas: Replicas, rows: list[int]) -> None:
    """Gives all relaxed copies of the replicas ``rows`` their mean, in place."""
    for row in rows:
        model = replicas[row]
        for part in model.modules():
            if isinstance(part, NeuralGPU):
                part.merge_()
        for name, value in model.named_parameters():
            replicas.parameters[name][row] = value


@dataclass(frozen=True)
class Merging:
    """An evaluation; before it, the copies of those replicas are merged whose ``pull`` (R,) has reached ``top``."""

    evaluate: Evaluate
    pull: Tensor
    top: float = 0.1

    def __call__(self, replicas: Replicas) -> dict[str, Tensor]:
        merge_copies_(replicas, (self.pull >= self.top).nonzero().flatten().tolist())
        return self.evaluate(replicas)
