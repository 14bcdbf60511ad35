"""The result of :func:`exact`, as data and as text."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from torch import nn

from extrapolate.inspect.exact_box import BoxError
from extrapolate.inspect.exact_units import WeightDistance
from extrapolate.inspect.exact_untrained import UntrainedChance


@dataclass(frozen=True)
class ExactCertificate:
    """The evidence for or against an exact formula: the results of three separate checks.

    Attributes:
        distances: every weight with its distance from the nearest exact value. Empty if no exact values are defined
            for this kind of module.
        snapped: the formula of the snapped weights, one expression per output. None if weights are far from
            exact values. It describes the module only if ``error`` is small.
        snapped_agrees: whether ``snapped`` equals the snapped network's own equation in rational arithmetic.
        checked_points: number of random points of this comparison.
        checked_reach: the largest magnitude of their inputs.
        undefined: conditions under which the formula is undefined or differs from the snapped network, in words.
        error: distance of the module itself from the formula on a box. None if ``snapped`` is None.
        untrained: probability that an untrained module is as near to exact. None if ``snapped`` is None.
        reason: why there is no exact formula. None if there is one.
    """

    distances: tuple[WeightDistance, ...] = ()
    snapped: tuple[sympy.Expr, ...] | None = None
    snapped_agrees: bool = False
    checked_points: int = 0
    checked_reach: float = 0.0
    undefined: tuple[str, ...] = ()
    error: BoxError | None = None
    untrained: UntrainedChance | None = None
    reason: str | None = None

    @property
    def distance(self) -> float | None:
        """The largest distance of a weight from its exact value; None without weights."""
        return max((weight.distance for weight in self.distances), default=None)


@dataclass(frozen=True, repr=False)
class Exact:
    """The result of :func:`exact`. Its ``repr`` shows the result of each check.

    Attributes:
        expressions: one sympy expression per output. None if the module is not exact.
        symbols: symbols of the inputs.
        module: the snapped network: a copy of the module in evaluation mode, with every weight at its nearest exact
            value. Its outputs equal the formulas ``certificate.snapped`` up to floating-point rounding. None if
            weights are far from exact values, or if the :func:`exact_rule` of a layer gives no ``parameters``.
        certificate: the evidence.
    """

    expressions: tuple[sympy.Expr, ...] | None
    symbols: tuple[sympy.Symbol, ...]
    module: nn.Module | None
    certificate: ExactCertificate

    @property
    def found(self) -> bool:
        """Whether the module is exact: it passed the three checks of its :class:`ExactCertificate`."""
        return self.expressions is not None

    def __repr__(self) -> str:
        certificate = self.certificate
        lines = [f"Not exact: {certificate.reason}"]
        if self.expressions is not None:
            lines = ["Exact:", *(f"  {line}" for line in _formulas(self.expressions))]
        if certificate.snapped is not None:
            lines += _evidence(certificate, certificate.snapped)
        return "\n".join(lines)


#: A ``repr`` shows at most this many formulas, and this many characters of each.
OUTPUTS, LETTERS = 8, 200


def _formulas(expressions: Sequence[sympy.Expr]) -> list[str]:
    equations = [f"y{index} = {expression}" for index, expression in enumerate(expressions[:OUTPUTS])]
    lines = [line if len(line) <= LETTERS else f"{line[:LETTERS]} …" for line in equations]
    return lines + ([f"… and {len(expressions) - OUTPUTS} more"] if len(expressions) > OUTPUTS else [])


def _evidence(certificate: ExactCertificate, snapped: Sequence[sympy.Expr]) -> list[str]:
    formula = "as above" if certificate.reason is None else "; ".join(_formulas(snapped))
    points = f"{certificate.checked_points} random points up to {certificate.checked_reach:.3g}"
    agrees = (
        f"equal in rational arithmetic at {points}"
        if certificate.snapped_agrees
        else "NOT equal to the snapped network in rational arithmetic"
    )
    lines = [f"  Formula of the snapped weights: {formula}; {agrees}."]
    if (error := certificate.error) is not None:
        lines.append(f"  |module - formula| of y{error.output} for {error.box.words(error.names)}:")
        lines.append(f"    {error.words()} at {error.describe_point()}.")
    if certificate.untrained is not None:
        lines.append(f"  The distance of the weights from exact values is at most {certificate.distance or 0.0:.2g};")
        lines.append(f"    {certificate.untrained.words()}.")
    return lines + [f"  Undefined or different: {condition}." for condition in certificate.undefined]
