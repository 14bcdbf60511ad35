"""The NALU in the base of the golden ratio."""

import math

import torch
from torch import Tensor

from extrapolate.nn.arithmetic._functional import linear
from extrapolate.nn.arithmetic._nalu import NALU

#: The logarithm of the golden ratio φ. φ^x = e^(LOG_PHI·x): a function in base φ is a wider one in base e.
LOG_PHI = math.log((1 + math.sqrt(5)) / 2)


class GNALU(NALU):
    """The NALU with every e replaced by φ = (1 + √5)/2: y = g⊙a + (1-g)⊙m. (..., I) to (..., O).

    σ_φ(x) = 1/(1 + φ^-x) and tanh_φ(x) = (φ^2x - 1)/(φ^2x + 1) make W = tanh_φ(Ŵ)·σ_φ(M̂), shared by both
    paths, and the gate g = σ_φ(G x); a = W x; m = φ^(W log_φ(|x| + 1e-7)), which is the NALU's own. The
    multiplication path loses the sign of x. Source: G-NALU as described in
    Mistry, Farrahi & Hare 2022 (arXiv 2101.09530).
    """

    def effective_weight(self) -> Tensor:
        """W of shape (O, I), shared by both paths."""
        return torch.tanh(LOG_PHI * self.nac.w_hat) * torch.sigmoid(LOG_PHI * self.nac.m_hat)

    def share_added(self, x: Tensor) -> Tensor:
        """g of shape (..., O): how much of the answer is the addition path's."""
        return torch.sigmoid(LOG_PHI * linear(x, self.gate))
