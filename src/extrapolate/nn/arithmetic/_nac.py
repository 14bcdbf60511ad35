"""The neural accumulator and its multiplicative variant (Trask et al. 2018)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic import _init
from extrapolate.nn.arithmetic._functional import linear, log_magnitude


class _NACWeights(nn.Module):
    """W = tanh(Ŵ)·σ(M̂), a shape that favours -1, 0 and 1; it reaches ±1 only as the parameters go to infinity."""

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
        shape = (out_features, in_features)
        self.w_hat = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.m_hat = nn.Parameter(torch.empty(shape, device=device, dtype=dtype))
        self.reset_parameters()

    def reset_parameters(self) -> None:
        _init.nac_(self.w_hat)
        _init.nac_(self.m_hat)

    def effective_weight(self) -> Tensor:
        """Return W of shape (O, I), each in (-1, 1)."""
        return torch.tanh(self.w_hat) * torch.sigmoid(self.m_hat)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


class NAC(_NACWeights):
    """Neural accumulator: y = W x with W = tanh(Ŵ)·σ(M̂). (..., I) to (..., O).

    Exact weights: (1, 1) adds, (1, -1) subtracts, 0 ignores. Source: Trask et al. 2018.
    """

    operations = frozenset({"add", "sub"})

    def forward(self, x: Tensor) -> Tensor:
        return linear(x, self.effective_weight())


class NACMul(_NACWeights):
    """NAC•, the neural accumulator in log space: y = exp(W log(|x| + 1e-7)). (..., I) to (..., O).

    W = tanh(Ŵ)·σ(M̂). Exact weights: (1, 1) multiplies, (1, -1) divides. It loses the sign of x, so it cannot be
    exact for negative inputs. Source: Trask et al. 2018; named NAC• by Madsen & Johansen 2020.
    """

    operations = frozenset({"mul", "div"})

    def forward(self, x: Tensor) -> Tensor:
        return torch.exp(linear(log_magnitude(x), self.effective_weight()))
