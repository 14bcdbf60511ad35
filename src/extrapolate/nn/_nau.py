"""The neural addition unit (Madsen & Johansen 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn import _init
from extrapolate.nn._functional import distance_to_trit, linear


class NAU(nn.Module):
    """y = W x with W kept in [-1, 1] and pulled to -1, 0, 1 by its penalty. (..., I) to (..., O).

    Exact weights: (1, 1) adds, (1, -1) subtracts, 0 ignores. Source: Madsen & Johansen 2020.
    """

    operations = frozenset({"add", "sub"})
    box = {"weight": (-1.0, 1.0)}  # noqa: RUF012  (a constant of the class)

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
        _init.nau_(self.weight)

    def effective_weight(self) -> Tensor:
        """W of shape (O, I)."""
        return self.weight

    def penalty(self) -> Tensor:
        """mean min(|W|, |1 - |W||): zero exactly when every weight is -1, 0 or 1."""
        return distance_to_trit(self.weight).mean()

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.weight)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
