"""Networks of the search: fractions of sums of power products (weights are exponents), and products of sums."""

import math

import torch
from torch import Tensor, nn


def power_products(magnitude: Tensor, negative: Tensor, weight: Tensor) -> Tensor:
    """Return Π_i |x_i|^W_ki · cos(π Σ_i W_ki [x_i < 0]), (..., K), from log|x| and [x < 0], both (..., I).

    For integer W this is Π x_i^W_ki with its sign; otherwise it is the real part of the complex power. This is
    the equation of the RealNPU (Heim, Pevný & Šmídl 2020).
    """
    return torch.exp(magnitude @ weight.T) * torch.cos(math.pi * (negative @ weight.T))


class PowerFraction(nn.Module):
    """y = (b + Σ_k c_k Π_i x_i^W_ki) / (1 + Σ_l d_l Π_i x_i^V_li). (..., I) to (...,).

    Args:
        in_features: I.
        products: K, number of power products in the numerator.
        divisors: L, number of power products in the denominator; 0 for no denominator.
    """

    def __init__(
        self,
        in_features: int,
        products: int,
        divisors: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = torch.float64,
    ) -> None:
        super().__init__()
        self.in_features, self.products, self.divisors = in_features, products, divisors

        def empty(*shape: int) -> nn.Parameter:
            return nn.Parameter(torch.empty(shape, device=device, dtype=dtype))

        self.bias = empty()
        self.coefficient = empty(products)
        self.weight = empty(products, in_features)
        self.divisor = empty(divisors)
        self.divisor_weight = empty(divisors, in_features)
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sample exponents near -1, 0 and 1, most of them near 0; divisor coefficients from [0.1, 1]."""
        nn.init.zeros_(self.bias)
        nn.init.normal_(self.coefficient)
        nn.init.uniform_(self.divisor, 0.1, 1.0)
        with torch.no_grad():
            for weight in (self.weight, self.divisor_weight):
                trits = torch.randint_like(weight, -1, 2) * (torch.rand_like(weight) < 0.5)
                weight.copy_(trits + 0.1 * torch.randn_like(weight))

    def features(self, x: Tensor, y: Tensor) -> Tensor:
        """Return the features in which y is linear, (..., 1 + K + L): 1, products above, -y · products below."""
        above, below = self._products(x)
        return torch.cat([torch.ones_like(y)[..., None], above, -y[..., None] * below], -1)

    def forward(self, x: Tensor) -> Tensor:
        above, below = self._products(x)
        return (self.bias + above @ self.coefficient) / (1 + below @ self.divisor)

    def _products(self, x: Tensor) -> tuple[Tensor, Tensor]:
        magnitude = torch.log(x.abs().clamp_min(1e-6))
        negative = (x < 0).to(x.dtype)
        return (
            power_products(magnitude, negative, self.weight),
            power_products(magnitude, negative, self.divisor_weight),
        )

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, products={self.products}, divisors={self.divisors}"


class LinearProduct(nn.Module):
    """y = Π_k (u_k + Σ_i W_ki x_i) / Π_l (v_l + Σ_i V_li x_i). (..., I) to (...,).

    Args:
        in_features: I.
        factors, divisors: number of sums in the numerator and in the denominator.
    """

    def __init__(
        self,
        in_features: int,
        factors: int,
        divisors: int,
        *,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = torch.float64,
    ) -> None:
        super().__init__()
        self.in_features, self.factors, self.divisors = in_features, factors, divisors
        self.above = nn.Linear(in_features, factors, device=device, dtype=dtype)
        self.below = nn.Linear(in_features, divisors, device=device, dtype=dtype) if divisors else None
        self.reset_parameters()

    def reset_parameters(self) -> None:
        """Sample sums over about half of the columns; denominators start away from zero."""
        with torch.no_grad():
            self.above.weight.normal_().mul_(torch.rand_like(self.above.weight) < 0.5)
            self.above.bias.normal_()
            if self.below is not None:
                self.below.weight.uniform_(0, 1).mul_(torch.rand_like(self.below.weight) < 0.5)
                self.below.bias.fill_(1.0)

    def forward(self, x: Tensor) -> Tensor:
        above = self.above(x).prod(-1)
        return above if self.below is None else above / self.below(x).prod(-1)

    def extra_repr(self) -> str:
        return f"in_features={self.in_features}, factors={self.factors}, divisors={self.divisors}"
