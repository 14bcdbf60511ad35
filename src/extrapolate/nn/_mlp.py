"""The baseline: an ordinary network that learns arithmetic."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._functional import linear


class MLP(nn.Module):
    """Linear, ReLU, Linear: accurate inside the training range, a straight line outside. (..., I) to (..., O).

    Args:
        hidden_features: width of the hidden layer. The published baselines use 1 and 100.
    """

    operations: frozenset[str] = frozenset()

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        hidden_features: int = 100,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.hidden = nn.Linear(in_features, hidden_features, device=device, dtype=dtype)
        self.output = nn.Linear(hidden_features, out_features, device=device, dtype=dtype)

    def forward(self, x: Tensor) -> Tensor:
        hidden = torch.relu(linear(x, self.hidden.weight) + self.hidden.bias)
        return self.output(hidden)
