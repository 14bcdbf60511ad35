"""The neural multiplication unit (Madsen & Johansen 2020)."""

from torch import Tensor

from extrapolate.nn.arithmetic._boxed_weight import BitWeight
from extrapolate.nn.arithmetic._functional import gated_product


class NMU(BitWeight):
    """y_o = Π_i (W_oi x_i + 1 - W_oi) with W kept in [0, 1]. (..., I) to (..., O).

    A weight of 1 multiplies its input in, 0 leaves it out. Signs and zeros of x are kept. Source: Madsen &
    Johansen 2020. Products of 100 inputs leave float32's range for inputs far from 1: use
    float64 there.
    """

    operations = frozenset({"mul"})

    def forward(self, x: Tensor) -> Tensor:
        return gated_product(x, self.weight)
