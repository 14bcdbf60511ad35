"""Published findings beside what was measured: each is an estimate of the results, and perhaps a rule on it."""

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl

from extrapolate.experiments.config import Settings
from extrapolate.experiments.intervals import Estimate, student, success_rate


@dataclass(frozen=True)
class Claim:
    """A published finding beside what was measured; ``published`` None: a measurement without a published number.

    ``holds`` is None where nothing is claimed, or where not all of it was run (``why`` says so).
    """

    id: str
    claim: str
    published: str | float | None
    measured: float | None
    interval: tuple[float, float] | None
    n: int
    holds: bool | None
    why: str | None = None


@dataclass(frozen=True)
class Found:
    """An estimate with what else there is to say; ``holds`` where the finding's rule is more than one interval."""

    estimate: Estimate
    note: str | None = None
    holds: bool | None = None


#: Of the results; None where not all that it needs was run.
Measure = Callable[[pl.DataFrame], Estimate | Found | None]

#: Whether a finding holds; None where the estimate cannot say.
Rule = Callable[[Estimate], bool | None]


@dataclass(frozen=True)
class Finding:
    """A line of the ledger. Without a ``rule`` (and a verdict of ``measure``) it is a number beside a number."""

    id: str
    claim: str
    published: str | float | None
    measure: Measure
    rule: Rule | None = None
    note: str | None = None


def judge(
    finding: Finding, results: pl.DataFrame, config: Settings, presets: Mapping[str, Any]
) -> Claim | None:
    """The finding on these results; None where not all that it needs was run.

    It is judged where the run falls short of the laptop preset in nothing but seeds. ``why`` lists what falls short
    of the paper.
    """
    found = finding.measure(results)
    if found is None:
        return None
    if isinstance(found, Estimate):
        found = Found(found)
    estimate, holds = found.estimate, found.holds
    if holds is None and finding.rule is not None:
        holds = finding.rule(estimate)
    short = config.cuts(presets["laptop"])
    short.pop("seeds", None)
    judged = holds is not None and not short
    notes = [finding.note, found.note]
    if finding.published is not None and (cuts := config.cuts(presets["paper"])):
        notes.append(
            f"{'' if judged or holds is None else 'not judged, '}cut short: {', '.join(cuts.values())}"
        )
    return Claim(
        finding.id,
        finding.claim,
        finding.published,
        estimate.value,
        interval_of(estimate),
        estimate.n,
        holds if judged else None,
        "; ".join(filter(None, notes)) or None,
    )


def judged(
    findings: Iterable[Finding], results: pl.DataFrame, config: Settings, presets: Mapping[str, Any]
) -> list[Claim]:
    """The claims of all findings whose models were run."""
    claims = (judge(each, results, config, presets) for each in findings)
    return [claim for claim in claims if claim is not None]


def interval_of(estimate: Estimate) -> tuple[float, float] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return estimate.low, estimate.high


# ----------------------------------------------------------------------------------------------------------- rules


def above(bound: float) -> Rule:
    """The interval lies above ``bound``."""
    return lambda found: None if found.low is None else found.low > bound


def below(bound: float) -> Rule:
    """The interval lies below ``bound``."""
    return lambda found: None if found.high is None else found.high < bound


def at_least(bound: float) -> Rule:
    """The value is at least ``bound``."""
    return lambda found: None if found.value is None else found.value >= bound


def at_most(bound: float) -> Rule:
    """The value is at most ``bound``."""
    return lambda found: None if found.value is None else found.value <= bound


# -------------------------------------------------------------------------------------------------------- measures


def rows_of(results: pl.DataFrame, labels: Mapping[str, Any]) -> pl.DataFrame:
    """The rows with these labels, seed by seed."""
    return results.filter(**labels).sort("seed") if labels else results.sort("seed")


def of(
    statistic: Callable[..., np.ndarray],
    *groups: Mapping[str, Any],
    needs: Sequence[str] = (),
    estimate: Callable[[np.ndarray], Estimate] = student,
) -> Measure:
    """An estimate of ``statistic(*tables)``, a table for each of ``groups`` (labels), its rows sorted by seed.

    None where one of the groups, or one of the columns in ``needs``, was not run.
    """

    def measure(results: pl.DataFrame) -> Estimate | None:
        if not set(needs) <= set(results.columns):
            return None
        tables = [rows_of(results, labels) for labels in groups]
        return estimate(statistic(*tables)) if all(each.height for each in tables) else None

    return measure


def mean(column: str, **labels: Any) -> Measure:
    """The mean of a column over the seeds, with Student's interval."""
    return of(lambda rows: rows[column].to_numpy(), labels, needs=[column])


def difference(column: str, more: Mapping[str, Any], less: Mapping[str, Any]) -> Measure:
    """Seed by seed, the column of ``more`` less that of ``less``."""
    return of(lambda one, two: one[column].to_numpy() - two[column].to_numpy(), more, less, needs=[column])


def rate(column: str = "solved", **labels: Any) -> Measure:
    """The share of rows that are true, with Wilson's interval."""

    def measure(results: pl.DataFrame) -> Estimate | None:
        rows = rows_of(results, labels)
        return share_of(rows, column) if rows.height else None

    return measure


def share_of(rows: pl.DataFrame, column: str = "solved") -> Estimate:
    """The share of these rows that are true, with Wilson's interval."""
    return success_rate(int(rows[column].sum()), rows.height)


def lower(column: str, unit: str, than: str, published: str) -> Finding:
    """``unit`` ends with a lower value of ``column`` than another, seed by seed."""
    text = (
        f"{unit} has a lower {column.replace('_', ' ')} than {than} (measured: the difference, seed by seed)"
    )
    measure = difference(column, {"unit": than}, {"unit": unit})
    return Finding(f"{unit}/less-than-{than}", text, published, measure, above(0))


def higher(column: str, unit: str, than: str, published: str) -> Finding:
    """The opposite of :func:`lower`."""
    text = (
        f"{unit} has a higher {column.replace('_', ' ')} than {than} (measured: the difference, seed by seed)"
    )
    measure = difference(column, {"unit": unit}, {"unit": than})
    return Finding(f"{unit}/more-than-{than}", text, published, measure, above(0))


def published_table(
    column: str, claim: str, table: Mapping[str, Sequence[float]], heads: Sequence[str], note: str
) -> Iterator[Finding]:
    """A published table: a row for each unit, a number for each of ``heads`` beside what was measured."""
    for unit, row in table.items():
        for head, value in zip(heads, row, strict=True):
            name = column.format(head)
            text = f"{unit}: {claim.format(head)}"
            yield Finding(f"{unit}/{name.replace('_', '-')}", text, value, mean(name, unit=unit), note=note)
