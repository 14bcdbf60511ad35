"""What it means for one unit to be exact: a registry from the class of a unit to its snapped twin."""

import math
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from fractions import Fraction

import sympy
from torch import Tensor, nn

from extrapolate.inspect.exact_rational import Evaluate

Matrix = list[list[Fraction]]


class NeverExactError(Exception):
    """This kind of module has no exact weights; the message says why."""


@dataclass(frozen=True)
class WeightDistance:
    """One weight, and the exact value it stands for.

    Attributes:
        name: parameter and index, such as ``0.weight[0, 1]``.
        value, exact: before and after snapping.
        allowed: how far apart the two may be.
    """

    name: str
    value: float
    exact: Fraction
    allowed: float

    @property
    def distance(self) -> float:
        return abs(self.value - float(self.exact))

    @property
    def near(self) -> bool:
        return self.distance <= self.allowed


@dataclass(frozen=True)
class Snapped:
    """A unit at its exact weights.

    Attributes:
        weights: every weight that was snapped; those that make no difference are left out.
        evaluate: the unit's own equation, in fractions.
        expressions: the same in sympy, one an output, for given input expressions.
        roots: inputs must be squares for the equation to stay rational.
        limits: in words, where the unit departs from its expression.
    """

    weights: tuple[WeightDistance, ...]
    evaluate: Evaluate
    expressions: Callable[[Sequence[sympy.Expr]], list[sympy.Expr]]
    roots: bool = False
    limits: tuple[str, ...] = ()


Rule = Callable[[nn.Module, float], Snapped]

_RULES: dict[type[nn.Module], Rule] = {}


def exact_rule(*kinds: type[nn.Module]) -> Callable[[Rule], Rule]:
    """Registers ``rule(unit, tolerance)`` for these classes, and for subclasses that compute what they do."""

    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return register


def snap(unit: nn.Module, tolerance: float) -> Snapped:
    """The snapped twin of one unit.

    Raises:
        NeverExactError: no rule is known for its class.
    """
    for kind in type(unit).__mro__:
        if kind in _RULES and not _computes_otherwise(type(unit), kind):
            return _RULES[kind](unit, tolerance)
    raise NeverExactError(f"no exact weights are known for {type(unit).__name__}")


#: What a subclass may have of its own and still be the same function.
HARMLESS = {
    "__init__",
    "__module__",
    "__doc__",
    "__qualname__",
    "extra_repr",
    "reset_parameters",
    "penalty",
    "box",
}


def _computes_otherwise(kind: type, known: type) -> bool:
    """Whether ``kind`` has a method of its own where ``known`` has one that its rule relies on."""
    own = {name for each in kind.__mro__[: kind.__mro__.index(known)] for name in vars(each)}
    return any(callable(getattr(known, name, None)) for name in own - HARMLESS)


#: The exact values of a weight of each kind.
BITS = (Fraction(0), Fraction(1))
TRITS = (Fraction(-1), Fraction(0), Fraction(1))
POWERS = tuple(Fraction(k, 2) for k in range(-6, 7))
ZERO = (Fraction(0),)


def snap_to(
    name: str, weight: Tensor, choices: Sequence[Fraction], tolerance: float
) -> tuple[list[Fraction], list[WeightDistance]]:
    """Each entry of ``weight`` at the nearest of ``choices``, flat, and how far that is."""
    distances = []
    for index, value in zip(_indices(weight), weight.detach().flatten().tolist(), strict=True):
        exact = min(choices, key=lambda each, value=value: abs(float(each) - value))
        distances.append(WeightDistance(f"{name}{index}", value, exact, tolerance))
    return [each.exact for each in distances], distances


def snap_to_fraction(
    name: str, weight: Tensor, tolerance: float
) -> tuple[list[Fraction], list[WeightDistance]]:
    """Each entry at the fraction p/q with the smallest q that lies within ``tolerance``/q².

    Any number has fractions within about 1/q²: a more complicated one must be met more closely, or every
    number would count as exact.
    """
    distances = []
    for index, value in zip(_indices(weight), weight.detach().flatten().tolist(), strict=True):
        if not math.isfinite(value):
            distances.append(WeightDistance(f"{name}{index}", value, Fraction(0), tolerance))
            continue
        best = WeightDistance(f"{name}{index}", value, Fraction(round(value)), tolerance)
        for q in range(2, 101):
            if best.near:
                break
            tried = WeightDistance(best.name, value, Fraction(round(value * q), q), tolerance / q**2)
            best = tried if tried.near else best
        distances.append(best)
    return [each.exact for each in distances], distances


def _indices(weight: Tensor) -> list[str]:
    indices: list[tuple[int, ...]] = [()]
    for size in weight.shape:
        indices = [(*index, k) for index in indices for k in range(size)]
    return [f"[{', '.join(map(str, index))}]" for index in indices]


def rows(flat: Sequence[Fraction], shape: Sequence[int]) -> Matrix:
    """A flat list as a matrix (O, I)."""
    return [list(flat[start : start + shape[1]]) for start in range(0, shape[0] * shape[1], shape[1])]
