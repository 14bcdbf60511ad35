"""The NALU with separate weights per path (code of Madsen & Johansen 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._functional import linear
from extrapolate.nn.arithmetic._nac import NAC, NACMul


class IndependentNALU(nn.Module):
    """NALU with separate weights per path: y = g⊙NAC(x) + (1-g)⊙NAC•(x), g = σ(G x). (..., I) to (..., O).

    The gate has no bias. The effective weights are those of the submodules ``nac`` and ``nac_mul``, whose outputs the
    gate mixes, depending on x. The multiplication path loses the sign of x. Source: the code of Madsen & Johansen
    2020.
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
        self.nac_mul = NACMul(in_features, out_features, device=device, dtype=dtype)
        self.gate = nn.Parameter(torch.empty_like(self.nac.w_hat))
        nn.init.xavier_uniform_(self.gate)

    def reset_parameters(self) -> None:
        self.nac.reset_parameters()
        self.nac_mul.reset_parameters()
        nn.init.xavier_uniform_(self.gate)

    def forward(self, x: Tensor) -> Tensor:
        gate = torch.sigmoid(linear(x, self.gate))
        return gate * self.nac(x) + (1 - gate) * self.nac_mul(x)
