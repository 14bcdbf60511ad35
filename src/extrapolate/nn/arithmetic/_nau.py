"""The neural addition unit (Madsen & Johansen 2020)."""

from torch import Tensor

from extrapolate.nn.arithmetic._boxed_weight import TritWeight
from extrapolate.nn.arithmetic._functional import linear


class NAU(TritWeight):
    """Neural addition unit: y = W x, with W in the box [-1, 1]. (..., I) to (..., O).

    The penalty pulls weights to -1, 0 or 1. Exact weights: (1, 1) adds, (1, -1) subtracts, 0 ignores. Source: Madsen
    & Johansen 2020.
    """

    operations = frozenset({"add", "sub"})

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight)
