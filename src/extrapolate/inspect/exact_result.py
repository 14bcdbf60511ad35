"""What :func:`exact` found, as data and as lines to read."""

from collections.abc import Sequence
from dataclasses import dataclass

import sympy
from torch import nn

from extrapolate.inspect.exact_box import BoxError
from extrapolate.inspect.exact_units import WeightDistance
from extrapolate.inspect.exact_untrained import UntrainedChance


@dataclass(frozen=True)
class ExactCertificate:
    """The evidence for, or against, an exact formula: three questions, answered apart.

    Attributes:
        weights: every snapped weight with its distance; empty where the module has no exact weights.
        distance: the largest of these distances; None without weights.
        snapped: the formula of the snapped weights, one expression per output; None where weights are far
            from exact values. It describes the module only if ``error`` is small.
        snapped_agrees: ``snapped`` equals the snapped network's own equation in rational arithmetic.
        checked_points, checked_reach: on how many random points, and the largest magnitude of their inputs.
        undefined: in words, where the formula has no value or the snapped network departs from it.
        error: how far the module itself is from the formula on a box; None where ``snapped`` is.
        untrained: how probable it is that an untrained module is as near to exact; None where ``snapped`` is.
        reason: why there is no exact formula; None if there is one.
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
        return max((weight.distance for weight in self.distances), default=None)


@dataclass(frozen=True, repr=False)
class Exact:
    """What :func:`exact` found. Its ``repr`` answers each question apart.

    Attributes:
        expressions: one sympy expression per output; None where the module is not exact.
        symbols: the inputs.
        module: the snapped network: a copy of the module in evaluation mode whose weights are exact, so that
            it computes ``certificate.snapped`` up to rounding. None where weights are far from exact values,
            or where the rule of a layer states no ``parameters``.
        certificate: the evidence.
    """

    expressions: tuple[sympy.Expr, ...] | None
    symbols: tuple[sympy.Symbol, ...]
    module: nn.Module | None
    certificate: ExactCertificate

    @property
    def found(self) -> bool:
        """Whether the module is exact: all three questions are answered with yes."""
        return self.expressions is not None

    def __repr__(self) -> str:
        certificate = self.certificate
        lines = [f"Not exact: {certificate.reason}"]
        if self.expressions is not None:
            lines = ["Exact:", *(f"  {line}" for line in _formulas(self.expressions))]
        if certificate.snapped is not None:
            lines += _evidence(certificate, certificate.snapped)
        return "\n".join(lines)


#: Formulas of more outputs, or longer ones, are cut in a ``repr``.
OUTPUTS, LETTERS = 8, 200


def _formulas(expressions: Sequence[sympy.Expr]) -> list[str]:
    written = [f"y{index} = {expression}" for index, expression in enumerate(expressions[:OUTPUTS])]
    lines = [line if len(line) <= LETTERS else f"{line[:LETTERS]} …" for line in written]
    return lines + ([f"… and {len(expressions) - OUTPUTS} more"] if len(expressions) > OUTPUTS else [])


def _evidence(certificate: ExactCertificate, snapped: Sequence[sympy.Expr]) -> list[str]:
    stands_for = "these expressions" if certificate.reason is None else "; ".join(_formulas(snapped))
    agrees = (
        f"equal in fractions at {certificate.checked_points} random points up to {certificate.checked_reach:.3g}"
        if certificate.snapped_agrees
        else "NOT equal to the snapped network in fractions"
    )
    lines = [f"  The snapped weights stand for {stands_for}: {agrees}."]
    if (error := certificate.error) is not None:
        lines.append(f"  |module - formula| of y{error.output} for {error.box.words(error.names)}:")
        lines.append(f"    {error.words()} at {error.place_in_words()}.")
    if certificate.untrained is not None:
        lines.append(f"  Weights are at most {certificate.distance or 0.0:.2g} from exact values;")
        lines.append(f"    {certificate.untrained.words()}.")
    return lines + [f"  Undefined or different where {place}." for place in certificate.undefined]
