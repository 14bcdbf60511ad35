"""The neural reciprocal unit (Mistry, Farrahi & Hare 2021)."""

import torch
from torch import Tensor

from extrapolate.nn.arithmetic._boxed_weight import TritWeight
from extrapolate.nn.arithmetic._functional import gated_signs, product

#: In training mode tanh(1000 W)² replaces |W|; it is 1 for all but the smallest weights.
STEEPNESS = 1000.0


class NRU(TritWeight):
    """Neural reciprocal unit: y_o = Π_i (sign(x_i)·|x_i|^W_oi·s_oi + 1 - s_oi), s = |W|. (..., I) to (..., O).

    W is in the box [-1, 1]. In training mode s = tanh(1000 W)² instead: almost a switch, constant except for |W|
    below about 0.002. Exact weights: (1, 1) multiplies, (1, -1) divides, both with signs; 0 ignores. Inputs must not
    be 0: their negative powers are infinite. Source: Mistry, Farrahi & Hare 2021 (arXiv 2110.05177).
    """

    operations = frozenset({"mul", "div"})

    def powers(self, x: Tensor) -> Tensor:
        """Return |x_i|^W_oi, (..., O, I)."""
        magnitude = x.abs().unsqueeze(-2)
        if not self.training:
            return magnitude**self.weight
        # forward and backward twice as fast; off by a few float32 rounding errors for large magnitudes
        return torch.exp(torch.special.xlogy(self.weight, magnitude))

    def product_of(self, factors: Tensor) -> Tensor:
        """Return Π_i (factor_oi·s_oi + 1 - s_oi), (..., O), of factors (..., O, I)."""
        strength = torch.tanh(STEEPNESS * self.weight).square() if self.training else self.weight.abs()
        return product(factors * strength + (1 - strength))

    def forward(self, x: Tensor) -> Tensor:
        return self.product_of(torch.sign(x).unsqueeze(-2) * self.powers(x))


class NRUSeparateSign(NRU):
    """NRU of |x|, times the sign Π_i sign(x_i)^round(W_oi). (..., I) to (..., O).

    The sign is correct once every weight rounds to the correct integer; it has no gradient. Source: Mistry, Farrahi &
    Hare 2021.
    """

    def forward(self, x: Tensor) -> Tensor:
        return self.product_of(self.powers(x)) * gated_signs(x, self.weight.round())
