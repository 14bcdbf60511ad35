"""The improved NALU (Schlör, Ring & Hotho 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._functional import gated_signs, linear
from extrapolate.nn.arithmetic._nac import _NACWeights

EPSILON = 1e-7
#: The multiplication path saturates at e^20; the penalty is 0 for parameters of magnitude 20 or more.
OMEGA = 20.0


class _INALUWeights(_NACWeights):
    """W = tanh(Ŵ)·σ(M̂), initialised near 0.44 instead of around 0."""

    def reset_parameters(self) -> None:
        nn.init.normal_(self.w_hat, 0.88, 0.2)
        nn.init.normal_(self.m_hat, 0.5, 0.2)


class INALU(nn.Module):
    """Improved NALU: y = σ(g)⊙a + (1 - σ(g))⊙m⊙s. (..., I) to (..., O).

    Unlike the NALU, each path has its own weights, the gate does not depend on x, and signs are kept. The addition
    path is a = W_a x. The multiplication path is m = exp(min(W_m log max(|x|, 1e-7), 20)), its sign
    s_o = Π_i (sign(x_i)·|W_m,oi| + 1 - |W_m,oi|). Both W are tanh(Ŵ)·σ(M̂) of shape (O, I); g has shape (O,).
    The unit is exact if, for each output, either g is far above 0 and W_a is 0, 1 or -1, or g is far below 0 and W_m
    is 0, 1 or -1.

    Published training clips every gradient to ±0.1. After step 10,000, while the validation error is below 1, it adds
    0.05 times the penalty. It reinitialises stuck models. Source: Schlör, Ring & Hotho 2020.
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
        """Return (O, I): for each output, the weights of the path that its gate favours."""
        added, multiplied = self.additive.effective_weight(), self.multiplicative.effective_weight()
        return torch.where(self.gate[:, None] > 0, added, multiplied)

    def penalty(self) -> Tensor:
        """Return Σ_p mean max(20 - |p|, 0) over the five parameters p: zero if all are saturated."""
        paths = (self.additive, self.multiplicative)
        parameters = [hat for path in paths for hat in (path.w_hat, path.m_hat)] + [self.gate]
        return torch.stack([torch.relu(OMEGA - p.abs()).mean() for p in parameters]).sum()

    def forward(self, x: Tensor) -> Tensor:
        weight = self.multiplicative.effective_weight()
        added = linear(x, self.additive.effective_weight())
        multiplied = torch.exp(linear(x.abs().clamp_min(EPSILON).log(), weight).clamp_max(OMEGA))
        gate = torch.sigmoid(self.gate)
        return gate * added + (1 - gate) * multiplied * gated_signs(x, weight)
