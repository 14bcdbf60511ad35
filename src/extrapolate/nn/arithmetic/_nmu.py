"""The neural multiplication unit (Madsen & Johansen 2020)."""

from torch import Tensor

from extrapolate.nn.arithmetic._boxed_weight import BitWeight
from extrapolate.nn.arithmetic._functional import gated_product


class NMU(BitWeight):
    """Neural multiplication unit: y_o = Π_i (W_oi x_i + 1 - W_oi), W in the box [0, 1]. (..., I) to (..., O).

    Exact weights: 1 multiplies by its input, 0 ignores the input. Signs and zeros of x are kept. Products of 100
    inputs far from 1 leave the range of float32: use float64 for them. Source: Madsen & Johansen 2020.
    """

    operations = frozenset({"mul"})

    def forward(self, x: Tensor) -> Tensor:
        return gated_product(x, self.weight)
