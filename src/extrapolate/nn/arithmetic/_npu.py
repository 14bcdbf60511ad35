"""The neural power unit (Heim, Pevný & Šmídl 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._functional import linear
from extrapolate.nn.arithmetic._real_npu import _PowerWeights


class NPU(_PowerWeights):
    """Neural power unit: y = exp(W_r log r - W_i k)·cos(W_r k + W_i log r). (..., I) to (..., O).

    It is the real part of a product of complex powers. r, k and the gate ĝ are those of :class:`RealNPU`; ``weight``
    is W_r, ``weight_imag`` W_i. Exact weights, with W_i = 0 and ĝ = 1: (1, 1) multiplies, (1, -1) divides; both keep
    signs. Published training adds a multiple of :func:`l1_norm`, small at first and growing. Source: Heim, Pevný &
    Šmídl 2020 (arXiv 2006.01681).
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
        self.weight_imag = nn.Parameter(torch.zeros_like(self.weight))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.zeros_(self.weight_imag)

    def forward(self, x: Tensor) -> Tensor:
        log_r, k = self.polar(x)
        log_magnitude = linear(log_r, self.weight) - linear(k, self.weight_imag)
        angle = linear(k, self.weight) + linear(log_r, self.weight_imag)
        return torch.exp(log_magnitude) * torch.cos(angle)
