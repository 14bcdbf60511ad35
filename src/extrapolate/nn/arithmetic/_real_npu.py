"""The real neural power unit (Heim, Pevný & Šmídl 2020)."""

import torch
from torch import Tensor, nn

from extrapolate.nn.arithmetic import _init
from extrapolate.nn.arithmetic._functional import FLOAT32_EPSILON, distance_to_bit, linear, phase


class _PowerWeights(nn.Module):
    """Exponents ``weight`` (O, I) and a gate (I,). A closed gate replaces its input by 1, which no power changes."""

    operations = frozenset({"mul", "div"})
    initialise = staticmethod(nn.init.xavier_uniform_)

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
        self.gate = nn.Parameter(torch.full((in_features,), 0.5, device=device, dtype=dtype))
        self.initialise(self.weight)

    def reset_parameters(self) -> None:
        self.initialise(self.weight)
        nn.init.constant_(self.gate, 0.5)

    def effective_weight(self) -> Tensor:
        """Return ĝ⊙W of shape (O, I): the exponent of each input, 0 if its gate is closed."""
        return self.gate.clamp(0, 1) * self.weight

    def polar(self, x: Tensor) -> tuple[Tensor, Tensor]:
        """Return log r and k of the gated inputs, both (..., I)."""
        gate = self.gate.clamp(0, 1)
        return torch.log(gate * (x.abs() + FLOAT32_EPSILON) + (1 - gate)), gate * phase(x)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, out_features={self.out_features}"


class RealNPU(_PowerWeights):
    """Real neural power unit: y = exp(W log r)·cos(W k). (..., I) to (..., O).

    r = ĝ(|x| + ε) + 1 - ĝ, k = ĝ·π·[x < 0], with a gate per input ĝ = clip(g, 0, 1) and ε = 2^-23. Exact weights,
    with ĝ = 1: (1, 1) multiplies, (1, -1) divides, 1/2 is a square root; integer weights keep signs. Published
    training adds a multiple of :func:`l1_norm`, small at first and growing. Source: Heim, Pevný & Šmídl 2020
    (arXiv 2006.01681).
    """

    def forward(self, x: Tensor) -> Tensor:
        log_r, k = self.polar(x)
        return torch.exp(linear(log_r, self.weight)) * torch.cos(linear(k, self.weight))


class ModifiedRealNPU(RealNPU):
    """RealNPU with W in the box [-1, 1], g in [0, 1], and a penalty that pulls both to the ends of their boxes.

    W is initialised as in the NAU. For an irrelevant input the exact weights are W = ±1 with a closed gate. Source:
    Mistry, Farrahi & Hare 2021 (arXiv 2110.05177).
    """

    box = {"weight": (-1.0, 1.0), "gate": (0.0, 1.0)}  # noqa: RUF012  (a constant of the class)
    initialise = staticmethod(_init.nau_)

    def penalty(self) -> Tensor:
        """Return mean |1 - |W|| + mean min(g, 1 - g): zero exactly when every |W| is 1 and every gate 0 or 1."""
        return (1 - self.weight.abs()).abs().mean() + distance_to_bit(self.gate).mean()
