"""The mass-conserving layer (Hoedt et al. 2021)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic import _init
from extrapolate.nn.arithmetic._functional import linear


class MCFC(nn.Module):
    """Mass-conserving fully connected layer: y = o ⊙ (S x). (..., I) to (..., O).

    S is the softmax of the junction R (O, I) over the outputs; o = σ(w + b) is a gate per output. Each input is
    divided among the outputs, so mass is lost (o < 1) but never created. Exact weights: S and o of 0 and 1, which add
    disjoint groups of inputs; parameters reach them only at infinity. Source: Hoedt et al. 2021 (arXiv 2101.05186),
    the layer of the MC-LSTM without state.
    """

    operations = frozenset({"add"})

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.in_features, self.out_features = in_features, out_features
        self.junction = nn.Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        self.gate_weight = nn.Parameter(torch.empty(out_features, 1, device=device, dtype=dtype))
        self.gate_bias = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        _init.junction_(self.junction)
        _init.orthogonal_(self.gate_weight)
        nn.init.zeros_(self.gate_bias)

    def fractions(self) -> Tensor:
        """Return S of shape (O, I): the fraction of each input for each output; columns sum to 1."""
        return torch.softmax(self.junction, 0)

    def effective_weight(self) -> Tensor:
        """Return o ⊙ S of shape (O, I), each in (0, 1)."""
        return torch.sigmoid(self.gate_weight + self.gate_bias[:, None]) * self.fractions()

    def penalty(self) -> Tensor:
        """Return -mean(R²) - mean(w²) - mean(b²): it has no minimum, so it saturates softmax and gate."""
        squares = (self.junction.square(), self.gate_weight.square(), self.gate_bias.square())
        return -torch.stack([square.mean() for square in squares]).sum()

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.effective_weight())

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
