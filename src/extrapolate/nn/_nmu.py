"""The neural multiplication unit (Madsen & Johansen 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn import _init
from extrapolate.nn._functional import distance_to_bit, gated_product


class NMU(nn.Module):
    """y_o = Π_i (W_oi x_i + 1 - W_oi) with W kept in [0, 1]. (..., I) to (..., O).

    A weight of 1 multiplies its input in, 0 leaves it out. Signs and zeros of x are kept. Source: Madsen &
    Johansen 2020. Products of 100 inputs leave float32's range for inputs far from 1: use
    float64 there.
    """

    operations = frozenset({"mul"})
    box = {"weight": (0.0, 1.0)}  # noqa: RUF012  (a constant of the class)

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
        self.weight = nn.Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        _init.nmu_(self.weight)

    def effective_weight(self) -> Tensor:
        """W of shape (O, I)."""
        return self.weight

    def penalty(self) -> Tensor:
        """mean min(|W|, |1 - W|): zero exactly when every weight is 0 or 1."""
        return distance_to_bit(self.weight).mean()

    def forward(self, x: Tensor) -> Tensor:
        return gated_product(x, self.weight)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
