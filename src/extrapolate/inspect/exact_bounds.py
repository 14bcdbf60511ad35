"""Rigorous bounds on |module - formula|: interval arithmetic on both at once, in float64.

A :class:`Twin` encloses the values of a module and of its formula for every input of a box. Twins are added and
multiplied like numbers. A unit's own equation, evaluated with twins, therefore bounds the distance of the unit
from its formula. Every operation widens its result by the rounding errors of float64.
"""

from collections.abc import Callable
from dataclasses import dataclass, replace
from typing import Any, Self

import torch
from torch import Tensor

#: Relative spacing of float64, and a bound on the absolute rounding errors of tiny values.
EPSILON, TINY = 2.0**-52, 2.0**-1000

#: Rounding errors of one operation, in units of ``EPSILON``. Those of torch's exp and log are smaller.
ROUNDINGS = 16


@dataclass(frozen=True)
class Interval:
    """Per entry of the tensors, the set of numbers v with low ≤ v ≤ high and |v| ≥ away."""

    low: Tensor
    high: Tensor
    away: Tensor

    @classmethod
    def between(cls, low: Tensor, high: Tensor, away: Tensor | float = 0.0) -> Self:
        """Return the interval. If an end is NaN (such as 0·∞), that side is unbounded."""
        low, high = low.masked_fill(low.isnan(), -torch.inf), high.masked_fill(high.isnan(), torch.inf)
        outside = torch.maximum(low, -high).clamp_min(0)
        return cls(low, high, torch.fmax(outside, torch.as_tensor(away, dtype=low.dtype)))

    @property
    def magnitude(self) -> Tensor:
        return torch.maximum(self.low.abs(), self.high.abs())

    def __add__(self, other: Self) -> Self:
        return self.between(self.low + other.low, self.high + other.high)

    def __mul__(self, other: Self) -> Self:
        corners = torch.stack(
            torch.broadcast_tensors(*(one * two for one in (self.low, self.high) for two in (other.low, other.high)))
        )  # amin and amax keep NaN
        return self.between(corners.amin(0), corners.amax(0), self.away * other.away)

    def __getitem__(self, index: Any) -> Self:
        return type(self)(self.low[index], self.high[index], self.away[index])

    def absolute(self) -> Self:
        return self.between(self.away, self.magnitude, self.away)

    def power(self, exponent: Tensor) -> Self:
        """Return v^exponent for v ≥ 0, which is monotone in v."""
        ends = torch.stack([self.low.clamp_min(0) ** exponent, self.high**exponent])
        return self.between(ends.amin(0), ends.amax(0))

    def widen(self, by: Tensor) -> Self:
        return self.between(self.low - by, self.high + by, (self.away - by).clamp_min(0))


def _replace_nan(gap: Tensor) -> Tensor:
    return gap.masked_fill(gap.isnan(), torch.inf)


@dataclass(frozen=True)
class Twin:
    """Enclosures of the values of a module and of its formula, for every input of a box.

    Attributes:
        module, formula: intervals that contain the values of each.
        gap: |module - formula| ≤ gap for every input.
    """

    module: Interval
    formula: Interval
    gap: Tensor

    @classmethod
    def same(cls, low: Tensor, high: Tensor, away: Tensor) -> Self:
        """Return a twin of inputs, which are equal for module and formula."""
        both = Interval.between(low, high, away)
        return cls(both, both, torch.zeros_like(both.low))

    @classmethod
    def constants(cls, value: Tensor, exact: Tensor) -> Self:
        """Return a twin of a weight of the module and its exact value in the formula."""
        value, exact = value.double(), exact.double()
        gap = (value - exact).abs() + EPSILON * exact.abs()  # `exact` may be a rounded fraction
        return cls(Interval.between(value, value), Interval.between(exact, exact), gap)

    @classmethod
    def deviation(cls, values: Interval) -> Self:
        """Return a twin of a term of the module that is 0 in the formula."""
        zero = torch.zeros_like(values.low)
        return cls(values, Interval.between(zero, zero), values.magnitude)

    def _on_both_sides(self, change: Callable[[Interval], Interval]) -> Self:
        """Apply ``change`` to module and formula and keep the gap."""
        return replace(self, module=change(self.module), formula=change(self.formula))

    def _with_rounding(self, errors: Tensor | float = 0.0) -> Self:
        """Add the rounding errors of one operation, and bound the gap by that of the intervals."""
        size = torch.maximum(self.module.magnitude, self.formula.magnitude)
        rounding = ROUNDINGS * EPSILON * size + errors + TINY
        module, formula = self.module.widen(rounding), self.formula.widen(rounding)
        furthest = torch.maximum(module.high - formula.low, formula.high - module.low)
        gap = torch.minimum(_replace_nan(self.gap + rounding), _replace_nan(furthest))
        return type(self)(module, formula, gap * (1 + ROUNDINGS * EPSILON))

    def __add__(self, other: Self) -> Self:
        total = type(self)(self.module + other.module, self.formula + other.formula, self.gap + other.gap)
        return total._with_rounding(EPSILON * (_size(self) + _size(other)))

    def __mul__(self, other: Self) -> Self:
        """Multiply, with |ab - a'b'| ≤ |a - a'| |b| + |a'| |b - b'|."""
        gap = self.gap * other.module.magnitude + self.formula.magnitude * other.gap
        return type(self)(self.module * other.module, self.formula * other.formula, gap)._with_rounding()

    def scale(self, factor: float) -> Self:
        return self * self.constants(*(torch.tensor(factor, dtype=torch.float64),) * 2)

    def complement(self) -> Self:
        """Return 1 - v."""
        one = torch.ones((), dtype=torch.float64)
        return self.constants(one, one) + self.scale(-1.0)

    def sum(self) -> Self:
        """Sum over the last axis. The bound holds for any order of the terms."""
        terms = self.gap.shape[-1]
        total = self._on_both_sides(lambda side: Interval.between(side.low.sum(-1), side.high.sum(-1)))
        gap = self.gap.sum(-1)
        return replace(total, gap=gap)._with_rounding(2 * terms * EPSILON * _size(self).sum(-1))

    def product(self) -> Self:
        """Multiply over the last axis."""
        factors = [self[..., index] for index in range(self.gap.shape[-1])]
        result = factors[0]
        for factor in factors[1:]:
            result = result * factor
        return result

    def __getitem__(self, index: Any) -> Self:
        return replace(self._on_both_sides(lambda side: side[index]), gap=self.gap[index])

    def absolute(self) -> Self:
        return self._on_both_sides(Interval.absolute)

    def _same_sign(self) -> Tensor:
        return (self.gap == 0) | (self.gap < self.module.away + self.formula.away)

    def sign(self) -> Self:
        def side(values: Interval) -> Interval:
            low, high = (values.low > 0).double() * 2 - 1, 1 - (values.high < 0).double() * 2
            return Interval.between(low, high, (values.away > 0).double())

        return replace(self._on_both_sides(side), gap=2 * (~self._same_sign()).double())

    def negative(self) -> Self:
        """Return 1 where v < 0, else 0."""

        def side(values: Interval) -> Interval:
            return Interval.between((values.high < 0).double(), (values.low < 0).double())

        return replace(self._on_both_sides(side), gap=(~self._same_sign()).double())

    def cosine(self) -> Self:
        ones = torch.ones_like(self.gap)
        side = Interval.between(-ones, ones)
        return type(self)(side, side, self.gap)._with_rounding()

    def exponential(self) -> Self:
        powers = self._on_both_sides(lambda side: Interval.between(side.low.exp(), side.high.exp()))
        steepest = torch.maximum(self.module.high, self.formula.high).exp()
        return replace(powers, gap=self.gap * steepest)._with_rounding()

    def plus_epsilon(self, epsilon: Tensor | float) -> Self:
        """Add ε ≥ 0 in the module only."""
        epsilon = torch.as_tensor(epsilon, dtype=torch.float64)
        return type(self)(
            self.module + Interval.between(epsilon, epsilon), self.formula, self.gap + epsilon
        )._with_rounding()

    def at_least(self, smallest: float) -> Self:
        """Replace v by max(v, smallest) in the module only."""
        module = Interval.between(self.module.low.clamp_min(smallest), self.module.high.clamp_min(smallest))
        return replace(self, module=module, gap=self.gap + (smallest - self.module.low).clamp_min(0))

    def at_most(self, largest: float) -> Self:
        """Replace v by min(v, largest) in the module only."""
        module = Interval.between(self.module.low.clamp_max(largest), self.module.high.clamp_max(largest))
        return replace(self, module=module, gap=self.gap + (self.module.high - largest).clamp_min(0))


def _size(twin: Twin) -> Tensor:
    return torch.maximum(twin.module.magnitude, twin.formula.magnitude)


def power(base: Twin, value: Tensor, exact: Tensor) -> Twin:
    """Return base^value in the module and base^exact in the formula, for base ≥ 0.

    |m^w - f^v| ≤ |m^w - m^v| + |m^v - f^v|. The derivative along the exponent, |ln m| m^ξ, bounds the first term.
    The derivative along the base bounds the second term; for 0 < v ≤ 1, |m - f|^v bounds it too.
    """
    value, exact = value.double(), exact.double()
    low, high = base.module.low.clamp_min(0), base.module.high
    least, most = torch.minimum(value, exact), torch.maximum(value, exact)
    above = high.clamp_min(1).log() * torch.maximum(high.clamp_min(1) ** most, low.clamp_min(1) ** most)
    below = -low.clamp_max(1).log() * torch.maximum(low.clamp_max(1) ** least, high.clamp_max(1) ** least)
    # m^ξ |ln m| is at most 1/(e ξ) on (0, 1)
    crest = torch.where(least > 0, 1 / (torch.e * least.clamp_min(TINY)), torch.inf)
    steepest = torch.maximum(above, torch.minimum(_replace_nan(below), crest))
    along_exponent = torch.where(value == exact, 0.0, (value - exact).abs() * steepest)

    ends = (torch.minimum(low, base.formula.low.clamp_min(0)), torch.maximum(high, base.formula.high))
    slope = exact.abs() * torch.maximum(ends[0] ** (exact - 1), ends[1] ** (exact - 1))
    root = torch.where((exact > 0) & (exact <= 1), base.gap**exact, torch.inf)
    along_base = torch.minimum(_replace_nan(slope * base.gap), root)
    along_base = torch.where((exact == 0) | (base.gap == 0), 0.0, along_base)

    sides = base.module.power(value), base.formula.power(exact)
    # the rounding error of exp(Σ w log m) grows with |w log m| and with the number of terms
    logarithm = torch.maximum(low.clamp_min(1e-300).log().abs(), high.clamp_min(1e-300).log().abs())
    errors = (ROUNDINGS + 2 * value.shape[-1]) * EPSILON * (1 + most.abs() + least.abs()) * (1 + logarithm)
    size = torch.maximum(*(side.magnitude for side in sides))
    return Twin(*sides, _replace_nan(along_exponent + along_base))._with_rounding(errors * size)
