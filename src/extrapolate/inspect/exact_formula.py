"""Find the formula of a trained arithmetic module and the evidence for it, or the reason why there is none."""

import copy
from collections.abc import Iterator, Sequence
from dataclasses import replace
from fractions import Fraction

import sympy
import torch
from torch import nn

from extrapolate.inspect import exact_additive, exact_gated, exact_log_space, exact_multiplicative
from extrapolate.inspect.exact_box import Ranges, away_from_poles, box_error, choose_box
from extrapolate.inspect.exact_rational import Domain, compare
from extrapolate.inspect.exact_result import Exact, ExactCertificate
from extrapolate.inspect.exact_units import Layer, NeverExactError, WeightDistance, snap
from extrapolate.inspect.exact_untrained import estimate_untrained_chance

#: Importing these modules registers their rules.
RULES = (exact_additive, exact_multiplicative, exact_log_space, exact_gated)


@torch.no_grad()
def exact(
    module: nn.Module,
    *,
    names: Sequence[str] | None = None,
    tolerance: float = 1e-2,
    box: Ranges | None = None,
    trained_on: Ranges | None = None,
    max_error: float = 1e-2,
    max_chance: float = 1e-4,
    seed: int = 0,
) -> Exact:
    """Find the formula that ``module`` has learned: a unit, ``nn.Linear``, or an ``nn.Sequential`` of them.

    First every weight is snapped to the nearest value that gives exact arithmetic, such as 0 or 1 for an NMU. The
    module is exact if it passes three separate checks:

    1. The formula of the snapped weights is correct. It is derived symbolically. Then the formula and the
       equations of the snapped network are evaluated at random points in exact fractions, and must be equal.
    2. The module itself, with its unsnapped weights, is near that formula. On a box of inputs,
       |module - formula| is bounded by interval arithmetic, and sampled. The bound must be at most ``max_error``
       times the largest value of the formula. A module without a bound is not exact.
    3. The weights are nearer to exact values than those of an untrained module. The probability that all
       weights of an untrained module are as near must be at most ``max_chance``.

    The module is evaluated in float64 and in evaluation mode, and does not change. If the formula has a pole where an
    input x is 0, such as 1/x, then values with |x| below 1 % of its largest one in the box are not compared.

    Args:
        module: the trained module.
        names: names of the inputs. Default: x0, x1, ...
        tolerance: largest distance of a weight from its exact value. A weight of ``nn.Linear`` may be any
            fraction p/q with q ≤ 100; its distance must be at most tolerance/q².
        box: one range (low, high) for all inputs, or one per input.
        trained_on: range of the training inputs, instead of ``box``. The box also contains 10 times its
            ends: (1, 2) gives [1, 20]. The default is (-1, 1), which gives [-10, 10].
        max_error: largest bound, as a share of the formula's largest value on the box.
        max_chance: largest probability that an untrained module is as near to exact values.
        seed: seed of the compared points and of the untrained weights.

    Raises:
        TypeError: ``module`` is not a torch module.
        ValueError: names, box or trained_on do not fit the module's inputs.
    """
    if not isinstance(module, nn.Module):
        raise TypeError(f"module must be a torch.nn.Module, got {type(module).__name__}")
    plain = copy.deepcopy(module).to("cpu", torch.float64).eval()
    try:
        layers = [Layer(prefix, layer, snap(layer, tolerance)) for prefix, layer in _parts(plain, "")]
    except NeverExactError as error:
        return _none(str(error))
    if not layers:
        return _none("the module is empty")
    if not any(True for _ in module.parameters()):
        return _none("the module has no parameters, so it has learned nothing")
    symbols = _symbols(names, _in_features(plain))
    region = choose_box(len(symbols), box, trained_on)
    weights = tuple(weight for layer in layers for weight in layer.distances())
    if far := [weight for weight in weights if not weight.near]:
        return _none(_far_weights(far, len(weights)), weights)

    formula = _build_formula(layers, symbols, seed)
    region = away_from_poles(region, layers, [str(symbol) for symbol in symbols])
    certificate = replace(
        formula,
        distances=weights,
        error=box_error(plain, layers, formula.snapped or (), symbols, region, allowed=max_error, seed=seed),
        untrained=estimate_untrained_chance(layers, tolerance=tolerance, allowed=max_chance, seed=seed),
    )
    certificate = replace(certificate, reason=formula.reason or _why_not(certificate))
    expressions = certificate.snapped if certificate.reason is None else None
    return Exact(expressions, symbols, _build_module(module, layers), certificate)


def _symbols(names: Sequence[str] | None, width: int) -> tuple[sympy.Symbol, ...]:
    names = [f"x{index}" for index in range(width)] if names is None else list(names)
    if len(names) != width:
        raise ValueError(f"the module has {width} inputs, but names has {len(names)}")
    if len(set(names)) != width:
        raise ValueError(f"names must differ from each other, got {names}")
    return tuple(sympy.Symbol(name) for name in names)


def _far_weights(far: Sequence[WeightDistance], count: int) -> str:
    worst = max(far, key=lambda each: each.distance / each.allowed)
    return (
        f"{len(far)} of {count} weights are not near an exact value; the worst, {worst.name} = "
        f"{worst.value:.6g}, is {worst.distance:.2g} from {worst.exact} (allowed: {worst.allowed:.2g})"
    )


def _build_formula(layers: Sequence[Layer], symbols: tuple[sympy.Symbol, ...], seed: int) -> ExactCertificate:
    """Derive the formula of the snapped weights and compare it with the snapped network in rational arithmetic."""
    values: list[sympy.Expr] = list(symbols)
    undefined: list[str] = []
    for layer in layers:
        values = layer.snapped.expressions(values)
        undefined += [*_poles(values), *layer.snapped.limits]

    def evaluate(x: Sequence[Fraction]) -> Sequence[Fraction]:
        for layer in layers:
            x = layer.snapped.evaluate(x)
        return x

    roots = any(layer.snapped.roots for layer in layers)
    domain = Domain(positive=True, root=2) if roots else Domain()
    agreement = compare(values, symbols, evaluate, [domain] * len(symbols), seed)
    if agreement.points == 0:  # such as a logarithm of several negative inputs
        agreement = compare(values, symbols, evaluate, [replace(domain, positive=True)] * len(symbols), seed)
    differs = agreement.counterexample or "undefined at all tested points"
    return ExactCertificate(
        snapped=tuple(values),
        snapped_agrees=agreement.equal,
        checked_points=agreement.points,
        checked_reach=agreement.reach,
        undefined=tuple(dict.fromkeys(undefined)),
        reason=None if agreement.equal else f"the expression differs from the snapped network: {differs}",
    )


def _why_not(certificate: ExactCertificate) -> str | None:
    """Return why the module is not exact although its weights are near exact values; None if it is exact."""
    assert certificate.error is not None
    assert certificate.untrained is not None
    if not certificate.error.near:
        return f"the module is not near the formula of its snapped weights: {certificate.error.words()}"
    if not certificate.untrained.unlikely:
        return certificate.untrained.words()
    return None


def _build_module(module: nn.Module, layers: Sequence[Layer]) -> nn.Module | None:
    """Return a copy of ``module`` with exact weights; None if a rule has no values for a layer's parameters."""
    snapped = copy.deepcopy(module).eval()
    for (_, copied), layer in zip(_parts(snapped, ""), layers, strict=True):
        own = dict(copied.named_parameters())
        values = layer.snapped.parameters or {}
        if own.keys() != values.keys():
            return None
        for name, value in values.items():
            own[name].copy_(value)
    return snapped


def _poles(expressions: Sequence[sympy.Expr]) -> Iterator[str]:
    """Yield the conditions under which a power in ``expressions`` is undefined."""
    for expression in expressions:
        for part in sorted(expression.atoms(sympy.Pow), key=str):
            base, exponent = part.as_base_exp()
            if exponent.is_number and exponent.is_negative:
                yield f"{base} = 0: division by zero"
            if isinstance(exponent, sympy.Rational) and exponent.q % 2 == 0:
                yield f"{base} < 0: even root of a negative number"


def _parts(module: nn.Module, prefix: str) -> Iterator[tuple[str, nn.Module]]:
    if isinstance(module, nn.Sequential) and type(module).forward is nn.Sequential.forward:
        for name, part in module._modules.items():  # named_children() yields a repeated layer only once
            assert part is not None
            yield from _parts(part, f"{prefix}{name}.")
    else:
        yield prefix, module


def _in_features(module: nn.Module) -> int:
    """Return the number of inputs of the first layer that has a weight."""
    for _, layer in _parts(module, ""):
        for name in ("in_features", "junction", "w_hat", "weight"):
            value = getattr(layer, name, None)
            if isinstance(value, int):
                return value
            if isinstance(value, torch.Tensor):
                return value.shape[-1]
        for part in layer.children():
            return _in_features(part)
    raise ValueError("cannot find the number of inputs: no layer has in_features or a weight")


def _none(reason: str, distances: tuple[WeightDistance, ...] = ()) -> Exact:
    return Exact(None, (), None, ExactCertificate(distances=distances, reason=reason))
