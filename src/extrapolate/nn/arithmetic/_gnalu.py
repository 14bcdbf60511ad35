"""The golden-ratio NALU (G-NALU)."""

import math

import torch
from torch import Tensor

from extrapolate.nn.arithmetic._functional import linear
from extrapolate.nn.arithmetic._nalu import NALU

#: log φ, with φ the golden ratio. φ^x = e^(LOG_PHI·x), so a function in base φ is one in base e of a scaled argument.
LOG_PHI = math.log((1 + math.sqrt(5)) / 2)


class GNALU(NALU):
    """NALU with every e replaced by the golden ratio φ = (1 + √5)/2: y = g⊙a + (1-g)⊙m. (..., I) to (..., O).

    Both paths share W = tanh_φ(Ŵ)·σ_φ(M̂), with σ_φ(x) = 1/(1 + φ^-x) and tanh_φ(x) = (φ^2x - 1)/(φ^2x + 1). The
    gate is g = σ_φ(G x), the addition path a = W x. The multiplication path m = φ^(W log_φ(|x| + 1e-7)) equals that
    of the NALU for the same W; it loses the sign of x.

    Source: G-NALU as described in Mistry, Farrahi & Hare 2022 (arXiv 2101.09530).
    """

    def effective_weight(self) -> Tensor:
        """Return W of shape (O, I), which both paths share."""
        return torch.tanh(LOG_PHI * self.nac.w_hat) * torch.sigmoid(LOG_PHI * self.nac.m_hat)

    def share_added(self, x: Tensor) -> Tensor:
        """Return the gate g of shape (..., O): the weight of the addition path in the output."""
        return torch.sigmoid(LOG_PHI * linear(x, self.gate))
