"""The neural arithmetic logic unit (Trask et al. 2018)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._functional import linear, log_magnitude
from extrapolate.nn.arithmetic._nac import NAC


class NALU(nn.Module):
    """Neural arithmetic logic unit: y = g⊙a + (1-g)⊙m. (..., I) to (..., O).

    The addition path a = W x and the multiplication path m = exp(W log(|x| + 1e-7)) share W = tanh(Ŵ)·σ(M̂) of the
    accumulator ``nac``. The gate g = σ(G x) depends on x and has no bias. The multiplication path loses the sign of
    x. Source: Trask et al. 2018.
    """

    operations = frozenset({"add", "sub", "mul", "div"})

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        self.nac = NAC(in_features, out_features, device=device, dtype=dtype)
        self.gate = nn.Parameter(torch.empty_like(self.nac.w_hat))
        nn.init.xavier_uniform_(self.gate)

    def reset_parameters(self) -> None:
        self.nac.reset_parameters()
        nn.init.xavier_uniform_(self.gate)

    def effective_weight(self) -> Tensor:
        """Return W of shape (O, I), which both paths share."""
        return self.nac.effective_weight()

    def share_added(self, x: Tensor) -> Tensor:
        """Return the gate g of shape (..., O): the weight of the addition path in the output."""
        return torch.sigmoid(linear(x, self.gate))

    def forward(self, x: Tensor) -> Tensor:
        weight = self.effective_weight()
        added = linear(x, weight)
        multiplied = torch.exp(linear(log_magnitude(x), weight))
        gate = self.share_added(x)
        return gate * added + (1 - gate) * multiplied
