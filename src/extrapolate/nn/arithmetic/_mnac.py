"""The NMU with logistic weights (code of Madsen & Johansen 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic import _init
from extrapolate.nn.arithmetic._functional import gated_product


class MNAC(nn.Module):
    """NMU with logistic weights: y_o = Π_i (W_oi x_i + 1 - W_oi), W = σ(Ŵ). (..., I) to (..., O).

    Unlike in the NMU, weights are not clamped to an interval, and there is no penalty. A weight of 1 multiplies by
    its input, 0 ignores the input; W reaches both only as Ŵ goes to ±∞. Signs and zeros of x are kept. Other texts
    call the NAC in log space "MNAC": here that is :class:`NACMul`. Source: the code of Madsen & Johansen 2020, an
    earlier version of the NMU.
    """

    operations = frozenset({"mul"})

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
        self.w_hat = nn.Parameter(torch.empty(out_features, in_features, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        _init.mnac_(self.w_hat)

    def effective_weight(self) -> Tensor:
        """Return W of shape (O, I), each in (0, 1)."""
        return torch.sigmoid(self.w_hat)

    def forward(self, x: Tensor) -> Tensor:
        return gated_product(x, self.effective_weight())

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"
