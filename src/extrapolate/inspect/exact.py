"""From a trained arithmetic module to its formula, with proof; or a sentence why there is none."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from fractions import Fraction

import sympy
import torch
from torch import nn

from extrapolate.inspect import exact_additive, exact_multiplicative
from extrapolate.inspect.exact_rational import Domain, compare
from extrapolate.inspect.exact_units import NeverExactError, Snapped, WeightDistance, snap

#: The rooms whose rules are registered by their import.
RULES = (exact_additive, exact_multiplicative)


@dataclass(frozen=True)
class ExactCertificate:
    """The evidence for, or against, an exact formula.

    Attributes:
        weights: every snapped weight with its distance; empty where the module has no exact weights.
        distance: the largest of the distances; None without weights.
        verified: the snapped network's own equation, in fractions, equals the expressions.
        points, reach: on how many random integers and fractions, and how far out.
        undefined: in words, where the formula has no value or the module departs from it.
        reason: why there is no formula; None if there is one.
    """

    weights: tuple[WeightDistance, ...]
    distance: float | None
    verified: bool
    points: int
    reach: float
    undefined: tuple[str, ...]
    reason: str | None


@dataclass(frozen=True)
class Exact:
    """What :func:`exact` found.

    Attributes:
        expressions: one sympy expression an output; None where the module is not near an exact solution.
        symbols: its inputs.
        certificate: the evidence.
    """

    expressions: tuple[sympy.Expr, ...] | None
    symbols: tuple[sympy.Symbol, ...]
    certificate: ExactCertificate

    @property
    def found(self) -> bool:
        return self.expressions is not None


@torch.no_grad()
def exact(
    module: nn.Module, *, names: Sequence[str] | None = None, tolerance: float = 1e-2, seed: int = 0
) -> Exact:
    """The formula that ``module`` has learned: a unit, ``nn.Linear``, or an ``nn.Sequential`` of them.

    Every weight is snapped to the exact value of its kind. If all are within ``tolerance`` of it, the formula
    is read off symbolically and compared with the snapped network's own equation in rational arithmetic.

    Args:
        names: of the inputs; x0, x1, ... without.
        tolerance: how far a weight may be from its exact value. A weight of ``nn.Linear`` may be any fraction
            p/q, but has to be within tolerance/q² of it.
        seed: decides the points of the comparison.
    """
    try:
        layers = [_named(snap(layer, tolerance), name) for name, layer in _layers(module, "")]
    except NeverExactError as error:
        return _none(str(error))
    if not layers:
        return _none("the module is empty")
    weights = tuple(weight for layer in layers for weight in layer.weights)
    far = [weight for weight in weights if not weight.near]
    if far:
        worst = max(far, key=lambda each: each.distance / each.allowed)
        return _none(
            f"{len(far)} of {len(weights)} weights are not near an exact value; the worst, {worst.name} = "
            f"{worst.value:.6g}, is {worst.distance:.2g} from {worst.exact} ({worst.allowed:.2g} is allowed)",
            weights,
        )
    width = _in_features(module)
    symbols = tuple(sympy.Symbol(name) for name in (names or [f"x{index}" for index in range(width)]))
    if len(symbols) != width:
        raise ValueError(f"the module has {width} inputs, but names has {len(symbols)}")
    return _verified(layers, symbols, weights, seed)


def _verified(
    layers: list[Snapped], symbols: tuple[sympy.Symbol, ...], weights: tuple[WeightDistance, ...], seed: int
) -> Exact:
    values: list[sympy.Expr] = list(symbols)
    undefined: list[str] = []
    for layer in layers:
        values = layer.expressions(values)
        undefined += [*_poles(values), *layer.limits]

    def evaluate(x: Sequence[Fraction]) -> Sequence[Fraction]:
        for layer in layers:
            x = layer.evaluate(x)
        return x

    domain = Domain(positive=True, root=2) if any(layer.roots for layer in layers) else Domain()
    mixed = [domain] * len(symbols)
    agreement = compare(values, symbols, evaluate, mixed, seed)
    if agreement.points == 0:  # such as a logarithm of several negative inputs
        agreement = compare(values, symbols, evaluate, [replace(domain, positive=True)] * len(symbols), seed)
    reason = None
    if not agreement.equal:
        reason = (
            f"the expression is not verified: {agreement.disagreement or 'undefined at every point tried'}"
        )
    certificate = ExactCertificate(
        weights=weights,
        distance=max((weight.distance for weight in weights), default=0.0),
        verified=agreement.equal,
        points=agreement.points,
        reach=agreement.reach,
        undefined=tuple(dict.fromkeys(undefined)),
        reason=reason,
    )
    return Exact(tuple(values) if agreement.equal else None, symbols, certificate)


def _poles(expressions: Sequence[sympy.Expr]) -> Iterator[str]:
    """Where the powers in ``expressions`` have no value."""
    for expression in expressions:
        for part in sorted(expression.atoms(sympy.Pow), key=str):
            base, exponent = part.as_base_exp()
            if exponent.is_number and exponent.is_negative:
                yield f"{base} = 0: division by zero"
            if isinstance(exponent, sympy.Rational) and exponent.q % 2 == 0:
                yield f"{base} < 0: even root of a negative number"


def _layers(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        for name, part in module._modules.items():  # named_children() gives a layer that is used twice once
            assert part is not None
            yield from _layers(part, f"{prefix}{name}.")
    else:
        yield prefix, module


def _named(layer: Snapped, prefix: str) -> Snapped:
    return replace(
        layer, weights=tuple(replace(weight, name=f"{prefix}{weight.name}") for weight in layer.weights)
    )


def _in_features(module: nn.Module) -> int:
    """Of the first layer that has a weight."""
    for _, layer in _layers(module, ""):
        for name in ("in_features", "junction", "w_hat", "weight"):
            value = getattr(layer, name, None)
            if isinstance(value, int):
                return value
            if isinstance(value, torch.Tensor):
                return value.shape[-1]
        for part in layer.children():
            return _in_features(part)
    raise ValueError("no layer of the module tells how many inputs it has")


def _none(reason: str, weights: tuple[WeightDistance, ...] = ()) -> Exact:
    distance = max((weight.distance for weight in weights), default=None)
    return Exact(None, (), ExactCertificate(weights, distance, False, 0, 0.0, (), reason))
