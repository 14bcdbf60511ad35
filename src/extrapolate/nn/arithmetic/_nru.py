"""The neural reciprocal unit (Mistry, Farrahi & Hare 2021)."""

import torch
from torch import Tensor

from extrapolate.nn.arithmetic._boxed_weight import TritWeight
from extrapolate.nn.arithmetic._functional import gated_signs, product

#: While training, tanh(1000 W)² stands for |W|: 1 for all but the smallest weights.
STEEPNESS = 1000.0


class NRU(TritWeight):
    """y_o = Π_i (sign(x_i)·|x_i|^W_oi·s_oi + 1 - s_oi), s = |W|, with W kept in [-1, 1].

    (..., I) to (..., O). While training s = tanh(1000 W)² instead: almost a switch, flat but for |W| below
    about 0.002. Exact weights: (1, 1) multiplies, (1, -1) divides, 0 ignores; signs of x are kept there.
    Inputs of 0 must be excluded: their negative powers are infinite. Source: Mistry, Farrahi & Hare 2021
    (arXiv 2110.05177).
    """

    operations = frozenset({"mul", "div"})

    def powers(self, x: Tensor) -> Tensor:
        """|x_i|^W_oi, (..., O, I)."""
        magnitude = x.abs().unsqueeze(-2)
        if not self.training:
            return magnitude**self.weight
        # twice as fast with its gradient, and off by a few float32 roundings where the magnitude is large
        return torch.exp(torch.special.xlogy(self.weight, magnitude))

    def product_of(self, factors: Tensor) -> Tensor:
        """Multiplies the factors (..., O, I) together, each as far as its weight lets it in."""
        strength = torch.tanh(STEEPNESS * self.weight).square() if self.training else self.weight.abs()
        return product(factors * strength + (1 - strength))

    def forward(self, x: Tensor) -> Tensor:
        return self.product_of(torch.sign(x).unsqueeze(-2) * self.powers(x))


class NRUSeparateSign(NRU):
    """The NRU of |x|, times the sign Π_i sign(x_i)^round(W_oi). (..., I) to (..., O).

    The sign is right as soon as every weight rounds to the right integer, and carries no gradient.
    Source: Mistry, Farrahi & Hare 2021.
    """

    def forward(self, x: Tensor) -> Tensor:
        return self.product_of(self.powers(x)) * gated_signs(x, self.weight.round())
