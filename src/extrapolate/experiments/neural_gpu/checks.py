"""Whether a network answers whole sequences right, every place of them, padding included."""

import torch
from torch import Tensor

from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.tasks import Examples

#: Places that are computed at once: their states stay in the caches.
PLACES = 1 << 13


@torch.no_grad()
def wrong(model: DiagonalNeuralGPU, examples: Examples) -> Tensor:
    """bool (B,): which sequences have an error, on the CPU; as many steps as places."""
    device = next(model.parameters()).device
    count = max(1, PLACES // max(1, examples.answer.shape[1]))
    found = []
    for part in _pieces(examples, count):
        logits = model(part.symbols.to(device), span=part.span.to(device))
        found.append(part.wrong(logits.cpu()))
    return torch.cat(found) if found else torch.zeros(0, dtype=torch.bool)


def _pieces(examples: Examples, count: int) -> list[Examples]:
    return [
        Examples(examples.symbols[start : start + count], examples.answer[start : start + count])
        for start in range(0, len(examples.answer), count)
    ]


def error_share(model: DiagonalNeuralGPU, examples: Examples) -> float:
    """The share of wrong sequences."""
    return float(wrong(model, examples).double().mean())
