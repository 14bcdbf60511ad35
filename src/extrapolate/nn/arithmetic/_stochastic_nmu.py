"""The stochastic NMU (Mistry, Farrahi & Hare 2022): noise that cancels only at the exact weights."""

from abc import abstractmethod

import torch
from torch import Tensor

from extrapolate import ops
from extrapolate.nn.arithmetic._functional import gated_product
from extrapolate.nn.arithmetic._nmu import NMU


class _NoisyNMU(NMU):
    """In training mode y = NMU(x⊙n) / NMU(n) with the same W, n uniform on [1, high); else y = NMU(x).

    The noise cancels at exact weights. At wrong optima it makes the gradient vary, so that training escapes from
    them. The denominator is at least 1 for n ≥ 1 and W in the box. ``x`` is not modified.

    The buffer ``key`` (int64, ``seed, stream, step``) makes the noise a pure function of the key. If it is None, the
    noise comes from torch's global generator. A loop over replicas sets it through ``torch.func.functional_call``.
    """

    key: Tensor | None

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__(in_features, out_features, device=device, dtype=dtype)
        self.register_buffer("key", None, persistent=False)

    @abstractmethod
    def noise_high(self, x: Tensor) -> Tensor | float:
        """Return the upper bound of the noise for the batch ``x``."""

    def sample_noise(self, x: Tensor) -> Tensor:
        """Sample noise of the shape of ``x``, uniform on [1, noise_high(x))."""
        uniform = torch.rand_like(x) if self.key is None else ops.uniform_like(self.key, x)
        return 1 + (self.noise_high(x) - 1) * uniform

    def forward(self, x: Tensor) -> Tensor:
        if not self.training:
            return super().forward(x)
        noise = self.sample_noise(x)
        return gated_product(x * noise, self.weight) / gated_product(noise, self.weight)


class StochasticNMU(_NoisyNMU):
    """Stochastic NMU: in training mode y = NMU(x⊙n) / NMU(n), n ~ U(1, high); else NMU(x). (..., I) to (..., O).

    The noise n has the shape of x and cancels at exact weights. At wrong optima it makes the gradient vary, so that
    training escapes from them.

    Args:
        high: upper bound of the noise, above 1; published: 5.

    Source: Mistry, Farrahi & Hare 2022 (arXiv 2211.05624).
    """

    def __init__(
        self,
        in_features: int,
        out_features: int,
        *,
        high: float = 5.0,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        if not 1.0 < high < float("inf"):
            raise ValueError(f"high must be a finite number above 1 (the noise is U(1, high)), got {high}")
        super().__init__(in_features, out_features, device=device, dtype=dtype)
        self.high = high

    def noise_high(self, x: Tensor) -> float:
        return self.high

    def extra_repr(self) -> str:
        return f"{super().extra_repr()}, high={self.high}"


class BatchStochasticNMU(_NoisyNMU):
    """Stochastic NMU with noise U(1, 1 + 1/std(x)) that depends on the batch. (..., I) to (..., O).

    Every call computes std over all elements of its batch, without a gradient. If all elements are equal, the upper
    bound is 1 + 1e6. Source: Mistry, Farrahi & Hare 2022.
    """

    def noise_high(self, x: Tensor) -> Tensor:
        # for fewer than two elements torch's std is NaN
        spread = x.detach().std() if x.numel() > 1 else x.new_zeros(())
        return 1 + 1 / spread.clamp_min(1e-6)
