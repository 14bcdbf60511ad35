"""The neural multiplicative reciprocal unit (Mistry, Farrahi & Hare 2021)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic._boxed_weight import BitWeight
from extrapolate.nn.arithmetic._functional import (
    FLOAT32_EPSILON,
    GATE_SHARE,
    distance_to_bit,
    gated_product,
    linear,
    phase,
)


class NMRU(BitWeight):
    """Neural multiplicative reciprocal unit: y = NMU(|x'|)·cos(W k). (..., I) to (..., O).

    It applies an NMU to the inputs and their reciprocals, x' = [x, 1/x]; k = π·[x' < 0] keeps signs. W is (O, 2I) in
    the box [0, 1]: its first I columns multiply, the others divide. In training mode the reciprocal is 1/(x + ε),
    ε = 2^-23. Exact weights: (1, 1, 0, 0) multiplies, (1, 0, 0, 1) divides; both keep signs. Inputs must not be 0.

    Source: Mistry, Farrahi & Hare 2021 (arXiv 2110.05177), the form with sign retrieval.
    """

    operations = frozenset({"mul", "div"})

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(2 * in_features, out_features, device=device, dtype=dtype)
        self.in_features = in_features

    def effective_weight(self) -> Tensor:
        """Return W of shape (O, 2I), which acts on [x, 1/x]."""
        return self.weight

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return x and 1/x, each (..., I). Not concatenated: a fused step vectorises only over the parts."""
        return x, 1 / (x + FLOAT32_EPSILON if self.training else x)

    def forward(self, x: Tensor) -> Tensor:
        x, reciprocal = self.inputs(x)
        multiplied, divided = self.weight.chunk(2, -1)
        magnitude = gated_product(x.abs(), multiplied) * gated_product(reciprocal.abs(), divided)
        return magnitude * torch.cos(linear(phase(x), multiplied) + linear(phase(reciprocal), divided))


class GatedNMRU(NMRU):
    """NMRU of the gated inputs [x, 1/x]⊙g, with a gate g (2I,) in the box [0, 1]. (..., I) to (..., O).

    A closed gate replaces its input by 0; it does not remove the input. Exact weights: those of the NMRU, with gates
    of 1 wherever a weight is 1. Source: Mistry, Farrahi & Hare 2021, and its code.
    """

    box = {"weight": (0.0, 1.0), "gate": (0.0, 1.0)}  # noqa: RUF012  (a constant of the class)

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, device=device, dtype=dtype)
        self.gate = nn.Parameter(torch.full((2 * in_features,), 0.5, device=device, dtype=dtype))

    def reset_parameters(self) -> None:
        super().reset_parameters()
        nn.init.constant_(self.gate, 0.5)

    def penalty(self) -> Tensor:
        """Return mean min(|W|, |1 - W|), plus 0.1 times the same of the gate: zero when all are 0 or 1."""
        return super().penalty() + GATE_SHARE * distance_to_bit(self.gate).mean()

    def inputs(self, x: Tensor) -> tuple[Tensor, Tensor]:
        x, reciprocal = super().inputs(x)
        first, second = self.gate.chunk(2)
        return first * x, second * reciprocal
