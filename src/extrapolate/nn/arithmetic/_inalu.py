"""The improved NALU (Schlör, Ring & Hotho 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._functional import gated_signs, linear
from extrapolate.nn.arithmetic._nac import _NACWeights

EPSILON = 1e-7
#: The multiplication path saturates at e^20, and the penalty stops where a parameter is 20 away from 0.
OMEGA = 20.0


class _INALUWeights(_NACWeights):
    """W = tanh(Ŵ)·σ(M̂), started near 0.44 instead of around 0."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.w_hat, 0.88, 0.2)
        nn.init.normal_(self.m_hat, 0.5, 0.2)


class INALU(nn.Module):
    """y = σ(g)⊙a + (1 - σ(g))⊙m⊙s: weights of its own for each path, a gate that does not see x, signs kept.

    a = W_a x; m = exp(min(W_m log max(|x|, 1e-7), 20)); s_o = Π_i (sign(x_i)·|W_m,oi| + 1 - |W_m,oi|); both W
    are tanh(Ŵ)·σ(M̂), g is (O). (..., I) to (..., O). Exact weights: the NAC's where g is far above 0, NAC•'s
    where it is far below. Published training clips every gradient to ±0.1, adds 0.05 times the penalty after
    step 10,000 while the validation error is below 1, and starts stuck models anew. Source: Schlör, Ring &
    Hotho 2020.
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
        self.additive = _INALUWeights(in_features, out_features, device=device, dtype=dtype)
        self.multiplicative = _INALUWeights(in_features, out_features, device=device, dtype=dtype)
        self.gate = nn.Parameter(torch.empty(out_features, device=device, dtype=dtype))
        nn.init.normal_(self.gate, 0.0, 0.2)

    def reset_parameters(self) -> None:
        self.additive.reset_parameters()
        self.multiplicative.reset_parameters()
        nn.init.normal_(self.gate, 0.0, 0.2)

    def effective_weight(self) -> Tensor:
        """(O, I): of each output the weights of the path that its gate favours."""
        added, multiplied = self.additive.effective_weight(), self.multiplicative.effective_weight()
        return torch.where(self.gate[:, None] > 0, added, multiplied)

    def penalty(self) -> Tensor:
        """Σ of mean max(20 - |p|, 0) over the five parameters: zero where all are saturated."""
        paths = (self.additive, self.multiplicative)
        parameters = [hat for path in paths for hat in (path.w_hat, path.m_hat)] + [self.gate]
        return torch.stack([torch.relu(OMEGA - p.abs()).mean() for p in parameters]).sum()

    def forward(self, x: Tensor) -> Tensor:
        weight = self.multiplicative.effective_weight()
        added = linear(x, self.additive.effective_weight())
        multiplied = torch.exp(linear(x.abs().clamp_min(EPSILON).log(), weight).clamp_max(OMEGA))
        gate = torch.sigmoid(self.gate)
        return gate * added + (1 - gate) * multiplied * gated_signs(x, weight)
