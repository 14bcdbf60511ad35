"""A registry that maps the class of a unit to the rule that snaps its weights to exact values."""

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
    """This kind of module has no exact weights. The message gives the reason."""


@dataclass(frozen=True)
class WeightDistance:
    """One weight and its exact value.

    Attributes:
        name: parameter and index, such as ``0.weight[0, 1]``.
        value: the weight before snapping.
        exact: the weight after snapping.
        allowed: the largest distance between the two.
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
    """A unit with its exact weights.

    Attributes:
        distances: the snapped weights, without those that have no effect.
        evaluate: the unit's own equation in rational arithmetic.
        expressions: function that maps sympy expressions of the inputs to one expression per output.
        roots: inputs must be squares for rational results.
        limits: conditions under which the unit differs from its expression, in words.
        parameters: values by name with which the unit computes its expression. None if unknown.
        enclose: the unit's own equation in twins, which bounds its distance from the expression. A unit without
            it is never exact.
        nonzero: indices of the inputs that must not be 0.
        positive: indices of the inputs that must be above 0.
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
    """A layer of a network with its snapped form. ``prefix`` is its path in the network, such as ``0.``."""

    prefix: str
    module: nn.Module
    snapped: Snapped

    def distances(self) -> list[WeightDistance]:
        """Return its weights, named by their path in the network."""
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
    """Return the snapped form of one unit.

    Raises:
        NeverExactError: no rule is known for its class.
    """
    for kind in type(module).__mro__:
        if kind in _RULES and not _computes_otherwise(type(module), kind):
            return _RULES[kind](module, tolerance)
    raise NeverExactError(f"no exact weights are known for {type(module).__name__}")


#: A subclass may define these attributes and still compute the same function.
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
    """Return whether ``kind`` overrides a method of ``known`` on which the rule relies."""
    own = {name for each in kind.__mro__[: kind.__mro__.index(known)] for name in vars(each)}
    return any(callable(getattr(known, name, None)) for name in own - HARMLESS)


#: The exact values of a weight of each kind.
BITS = (Fraction(0), Fraction(1))
TRITS = (Fraction(-1), Fraction(0), Fraction(1))
POWERS = tuple(Fraction(k, 2) for k in range(-6, 7))
ZERO = (Fraction(0),)

#: Largest denominator of a weight that may be any fraction.
LARGEST_DENOMINATOR = 100

#: Number of weights whose fractions are searched at once.
CHUNK = 2**14


@dataclass(frozen=True)
class ExactWeights:
    """One weight tensor with the exact values of its entries.

    Attributes:
        value: the tensor before snapping.
        distances: one per entry, in order.
    """

    value: Tensor
    distances: list[WeightDistance]

    @property
    def fractions(self) -> list[Fraction]:
        return [each.exact for each in self.distances]

    @property
    def matrix(self) -> Matrix:
        """The exact values as rows, for a weight (O, I)."""
        columns = self.value.shape[1]
        flat = self.fractions
        return [flat[start : start + columns] for start in range(0, len(flat), columns)]

    @property
    def exact(self) -> Tensor:
        """The exact values as a float64 tensor with the shape of ``value``."""
        return torch.tensor([float(each) for each in self.fractions], dtype=torch.float64).reshape(self.value.shape)

    @property
    def twin(self) -> Twin:
        return Twin.constants(self.value, self.exact)


def snap_to(name: str, weight: Tensor, choices: Sequence[Fraction], tolerance: float) -> ExactWeights:
    """Snap each entry of ``weight`` to the nearest of ``choices``."""
    grid = torch.tensor([float(each) for each in choices], dtype=torch.float64)
    nearest = (weight.detach().double()[..., None] - grid).abs().argmin(-1).flatten().tolist()
    return _exact_weights(name, weight, [choices[index] for index in nearest], [tolerance] * len(nearest))


def snap_to_fraction(name: str, weight: Tensor, tolerance: float) -> ExactWeights:
    """Snap each entry to the fraction p/q within ``tolerance``/q² with the smallest q ≤ 100, else to an integer.

    Every number has fractions within about 1/q². A larger q therefore needs a smaller distance, or every number
    would be exact.
    """
    value = weight.detach().double().flatten().nan_to_num(0.0, 0.0, 0.0)
    denominators = [q for part in value.split(CHUNK) for q in _smallest_denominators(part, tolerance)]
    exact = [Fraction(round(v * q), q) for v, q in zip(value.tolist(), denominators, strict=True)]
    return _exact_weights(name, weight, exact, [tolerance / q**2 for q in denominators])


def _smallest_denominators(value: Tensor, tolerance: float) -> list[int]:
    """Return, for each entry, the smallest q with a near p/q; 1 if there is none."""
    q = torch.arange(1, LARGEST_DENOMINATOR + 1)
    near = (value[:, None] - (value[:, None] * q).round() / q).abs() <= tolerance / q**2
    return q[near.int().argmax(-1)].tolist()  # argmax returns the first of equal values


def _exact_weights(name: str, weight: Tensor, exact: list[Fraction], allowed: list[float]) -> ExactWeights:
    parts = zip(_indices(weight), weight.detach().flatten().tolist(), exact, allowed, strict=True)
    distances = [WeightDistance(f"{name}{index}", value, at, within) for index, value, at, within in parts]
    return ExactWeights(weight.detach(), distances)


def _indices(weight: Tensor) -> list[str]:
    indices = itertools.product(*map(range, weight.shape))
    return [f"[{', '.join(map(str, index))}]" for index in indices]
