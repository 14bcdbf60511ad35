"""The NALU in the base of the golden ratio."""

import math

import torch
from torch import Tensor, nn

from extrapolate.nn._functional import linear, log_magnitude
from extrapolate.nn._nac import _NACWeights

#: The logarithm of the golden ratio φ. φ^x = e^(LOG_PHI·x): a function in base φ is a wider one in base e.
LOG_PHI = math.log((1 + math.sqrt(5)) / 2)


class _GoldenWeights(_NACWeights):
    """W = tanh_φ(Ŵ)·σ_φ(M̂)."""

    def effective_weight(self) -> Tensor:
        return torch.tanh(LOG_PHI * self.w_hat) * torch.sigmoid(LOG_PHI * self.m_hat)


class GNALU(nn.Module):
    """The NALU with every e replaced by φ = (1 + √5)/2: y = g⊙a + (1-g)⊙m. (..., I) to (..., O).

    σ_φ(x) = 1/(1 + φ^-x) and tanh_φ(x) = (φ^2x - 1)/(φ^2x + 1) make W = tanh_φ(Ŵ)·σ_φ(M̂), shared by both
    paths, and the gate g = σ_φ(G x); a = W x; m = φ^(W log_φ(|x| + 1e-7)), which is the NALU's own. The
    multiplication path loses the sign of x. Source: G-NALU as described in
    Mistry, Farrahi & Hare 2022 (arXiv 2101.09530).
    """

    operations = frozenset({"add", "sub", "mul", "div"})

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.weights = _GoldenWeights(in_features, out_features, device=device, dtype=dtype)
        self.gate = nn.Parameter(torch.empty_like(self.weights.w_hat))
        nn.init.xavier_uniform_(self.gate)

    def reset_parameters(self) -> None:
        self.weights.reset_parameters()
        nn.init.xavier_uniform_(self.gate)

    def effective_weight(self) -> Tensor:
        """W of shape (O, I), shared by both paths."""
        return self.weights.effective_weight()

    def forward(self, x: Tensor) -> Tensor:
        weight = self.effective_weight()
        added = linear(x, weight)
        multiplied = torch.exp(linear(log_magnitude(x), weight))
        gate = torch.sigmoid(LOG_PHI * linear(x, self.gate))
        return gate * added + (1 - gate) * multiplied
