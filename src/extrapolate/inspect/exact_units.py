"""What it means for one unit to be exact: a registry from the class of a unit to its snapped twin."""

import itertools
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy
import torch
from torch import Tensor, nn

from extrapolate.inspect.exact_bounds import Twin
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
        expressions: the same in sympy, one per output, for given input expressions.
        roots: inputs must be squares for the equation to stay rational.
        limits: in words, where the unit departs from its expression.
        parameters: values by name that make the unit its expression; None where none are known.
        enclose: the unit's own equation in twins, which bounds its distance from the expression; None where
            there is none, and then the unit is never called exact.
        nonzero, positive: indices of the inputs that must not be 0, or must be above 0.
    """

    distances: tuple[WeightDistance, ...]
    evaluate: Evaluate
    expressions: Callable[[Sequence[sympy.Expr]], list[sympy.Expr]]
    roots: bool = False
    limits: tuple[str, ...] = ()
    parameters: Mapping[str, Tensor] | None = None
    enclose: Callable[[Twin], Twin] | None = None
    nonzero: frozenset[int] = frozenset()
    positive: frozenset[int] = frozenset()


@dataclass(frozen=True)
class Layer:
    """A layer of a network and its snapped twin; ``prefix`` is its place, such as ``0.``."""

    prefix: str
    module: nn.Module
    snapped: Snapped

    def distances(self) -> list[WeightDistance]:
        """Its weights, named by their place in the network."""
        return [replace(weight, name=f"{self.prefix}{weight.name}") for weight in self.snapped.distances]


Rule = Callable[[nn.Module, float], Snapped]

_RULES: dict[type[nn.Module], Rule] = {}


def exact_rule(*kinds: type[nn.Module]) -> Callable[[Rule], Rule]:
    """Register ``rule(unit, tolerance)`` for these classes, and for subclasses with the same function."""

    def register(rule: Rule) -> Rule:
        _RULES.update(dict.fromkeys(kinds, rule))
        return rule

    return register


def snap(module: nn.Module, tolerance: float) -> Snapped:
    """The snapped twin of one unit.

    Raises:
        NeverExactError: no rule is known for its class.
    """
    for kind in type(module).__mro__:
        if kind in _RULES and not _computes_otherwise(type(module), kind):
            return _RULES[kind](module, tolerance)
    raise NeverExactError(f"no exact weights are known for {type(module).__name__}")


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

#: Of a weight that may be any fraction.
LARGEST_DENOMINATOR = 100

#: Weights whose fractions are searched at once.
CHUNK = 2**14


@dataclass(frozen=True)
class ExactWeights:
    """The entries of one weight tensor, each at an exact value.

    Attributes:
        value: the tensor before snapping.
        distances: its entries in order.
    """

    value: Tensor
    distances: list[WeightDistance]

    @property
    def fractions(self) -> list[Fraction]:
        return [each.exact for each in self.distances]

    @property
    def matrix(self) -> Matrix:
        """Of a weight (O, I)."""
        columns = self.value.shape[1]
        flat = self.fractions
        return [flat[start : start + columns] for start in range(0, len(flat), columns)]

    @property
    def exact(self) -> Tensor:
        """The exact values, float64, of the shape of ``value``."""
        return torch.tensor([float(each) for each in self.fractions], dtype=torch.float64).reshape(self.value.shape)

    @property
    def twin(self) -> Twin:
        return Twin.constants(self.value, self.exact)


def snap_to(name: str, weight: Tensor, choices: Sequence[Fraction], tolerance: float) -> ExactWeights:
    """Each entry of ``weight`` at the nearest of ``choices``."""
    grid = torch.tensor([float(each) for each in choices], dtype=torch.float64)
    nearest = (weight.detach().double()[..., None] - grid).abs().argmin(-1).flatten().tolist()
    return _exact_weights(name, weight, [choices[index] for index in nearest], [tolerance] * len(nearest))


def snap_to_fraction(name: str, weight: Tensor, tolerance: float) -> ExactWeights:
    """Each entry at the fraction p/q with the smallest q ≤ 100 that lies within ``tolerance``/q², or an integer.

    Any number has fractions within about 1/q²: a more complicated one must be met more closely, or every
    number would count as exact.
    """
    value = weight.detach().double().flatten().nan_to_num(0.0, 0.0, 0.0)
    denominators = [q for part in value.split(CHUNK) for q in _smallest_denominators(part, tolerance)]
    exact = [Fraction(round(v * q), q) for v, q in zip(value.tolist(), denominators, strict=True)]
    return _exact_weights(name, weight, exact, [tolerance / q**2 for q in denominators])


def _smallest_denominators(value: Tensor, tolerance: float) -> list[int]:
    """Of each entry the smallest q with a p/q near it; 1 where there is none."""
    q = torch.arange(1, LARGEST_DENOMINATOR + 1)
    near = (value[:, None] - (value[:, None] * q).round() / q).abs() <= tolerance / q**2
    return q[near.int().argmax(-1)].tolist()  # argmax gives the first of equals, and 0 without any


def _exact_weights(name: str, weight: Tensor, exact: list[Fraction], allowed: list[float]) -> ExactWeights:
    parts = zip(_indices(weight), weight.detach().flatten().tolist(), exact, allowed, strict=True)
    distances = [WeightDistance(f"{name}{index}", value, at, within) for index, value, at, within in parts]
    return ExactWeights(weight.detach(), distances)


def _indices(weight: Tensor) -> list[str]:
    indices = itertools.product(*map(range, weight.shape))
    return [f"[{', '.join(map(str, index))}]" for index in indices]
