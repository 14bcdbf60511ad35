"""The mass-conserving layer in log space (Hoedt et al. 2021), and two variants that keep signs."""

from abc import abstractmethod

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._functional import GATE_SHARE, distance_to_bit, gated_signs, linear, phase
from extrapolate.nn.arithmetic._mcfc import MCFC


class MulMCFC(nn.Module):
    """Multiplicative MCFC: y = exp(MCFC(log x) + b). (..., I) to (..., O).

    Inputs must be positive: negative ones give nan. Exact weights: those of the MCFC, with b = 0; an exponent of 1
    multiplies. Source: Hoedt et al. 2021, without their extra output that absorbs mass, as in Mistry, Farrahi & Hare
    2022 (arXiv 2101.09530).
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
        self.mcfc = MCFC(in_features, out_features, device=device, dtype=dtype)
        self.bias = nn.Parameter(torch.zeros(out_features, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        self.mcfc.reset_parameters()
        nn.init.zeros_(self.bias)

    def effective_weight(self) -> Tensor:
        """Return the exponents (O, I), each in (0, 1)."""
        return self.mcfc.effective_weight()

    def forward(self, x: Tensor) -> Tensor:
        return torch.exp(self.mcfc(torch.log(x)) + self.bias)


class _SignedMulMCFC(MulMCFC):
    """Base class: MulMCFC(|x|) times a sign."""

    @abstractmethod
    def sign(self, x: Tensor) -> Tensor:
        """Return the sign of the product, (..., O)."""

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x.abs()) * self.sign(x)


class MulMCFCSignINALU(_SignedMulMCFC):
    """MulMCFC(|x|) times the iNALU's sign Π_i (sign(x_i)·S_oi + 1 - S_oi). (..., I) to (..., O).

    S is the softmax of the junction. Source: Mistry, Farrahi & Hare 2022 (arXiv 2101.09530).
    """

    def sign(self, x: Tensor) -> Tensor:
        return gated_signs(x, self.mcfc.fractions())


class MulMCFCSignRealNPU(_SignedMulMCFC):
    """MulMCFC(|x|) times the RealNPU's sign cos(S k), k = ĝ·π·[x < 0]. (..., I) to (..., O).

    S is the softmax of the junction; ĝ = clip(g, 0, 1) is a gate per input. Source: Mistry, Farrahi & Hare 2022
    (arXiv 2101.09530).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, device=device, dtype=dtype)
        self.gate = nn.Parameter(torch.full((in_features,), 0.5, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.constant_(self.gate, 0.5)

    def penalty(self) -> Tensor:
        """Return mean min(g, 1 - g) of the gate, divided by 10; the submodule ``mcfc`` has its own penalty."""
        return GATE_SHARE * distance_to_bit(self.gate).mean()

    def sign(self, x: Tensor) -> Tensor:
        return torch.cos(linear(self.gate.clamp(0, 1) * phase(x), self.mcfc.fractions()))
