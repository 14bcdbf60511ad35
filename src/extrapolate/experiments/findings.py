"""Published findings compared with measurements: an estimate from the results and, for most, a rule on it."""

import operator
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import numpy as np
import polars as pl

from extrapolate.experiments.config import Settings
from extrapolate.experiments.ledger import Claim, entry_of
from extrapolate.stats import Estimate, difference_of_rates, student, success_rate


@dataclass(frozen=True)
class Found:
    """An estimate with a note; ``holds`` is the verdict where a rule on one interval cannot decide it."""

    estimate: Estimate
    note: str | None = None
    holds: bool | None = None


#: Estimates a finding from the results; None if some of the models it needs were not run.
Measure = Callable[[pl.DataFrame], Estimate | Found | None]


@dataclass(frozen=True)
class Finding:
    """The measure of a published finding. Its text, value and rule are in ``claims/ARXIV.toml`` under its ``id``.

    ``words`` replace ``{word}`` in the id and in the texts.
    """

    id: str
    measure: Measure
    words: Mapping[str, Any] = field(default_factory=dict)


def judge(finding: Finding, results: pl.DataFrame, config: Settings, experiment: Any) -> Claim | None:
    """Judge a finding on these results; None if some of the models it needs were not run.

    A finding is judged only if every setting but the seeds is at least that of the laptop preset. ``why`` of the
    claim lists the settings that fall short of the paper.
    """
    found = finding.measure(results)
    if found is None:
        return None
    if isinstance(found, Estimate):
        found = Found(found)
    entry, estimate, holds = entry_of(experiment.name, finding.id), found.estimate, found.holds
    if holds is None and entry.rule is not None:
        holds = follows(entry.rule, estimate)
    short = config.cuts(experiment.presets["laptop"])
    short.pop("seeds", None)
    judged = holds is not None and not short
    published = entry.published_for(finding.id, finding.words)
    notes = [found.note]
    if entry.note and (published is not None or entry.published is None):  # the note explains the published value
        notes.insert(0, entry.note.format(**finding.words))
    if published is not None and (cuts := config.cuts(experiment.presets["paper"])):
        not_judged = "" if judged or holds is None else "not judged, "
        notes.append(f"{not_judged}this run is smaller than --preset paper: {', '.join(cuts.values())}")
    return Claim(
        finding.id.format(**finding.words),
        entry.claim.format(**finding.words),
        published,
        estimate.value,
        interval_of(estimate),
        estimate.n,
        holds if judged else None,
        "; ".join(filter(None, notes)) or None,
    )


_COMPARE = {
    "above": operator.gt,
    "below": operator.lt,
    "at_least": operator.ge,
    "at_most": operator.le,
    "more_than": operator.gt,
}


def follows(rule: tuple[str, float], estimate: Estimate) -> bool | None:
    """Return whether an estimate follows a rule (name, bound); None if the estimate lacks the number it needs.

    ``above`` and ``below`` are about the whole interval; ``at_least``, ``at_most`` and ``more_than`` about the value.
    """
    name, bound = rule
    number = {"above": estimate.low, "below": estimate.high}.get(name, estimate.value)
    return None if number is None else _COMPARE[name](number, bound)


def interval_of(estimate: Estimate) -> tuple[float, float] | None:
    if estimate.low is None or estimate.high is None:
        return None
    return estimate.low, estimate.high


def rows_of(results: pl.DataFrame, labels: Mapping[str, Any]) -> pl.DataFrame:
    """Return the rows with these labels, sorted by seed."""
    return results.filter(**labels).sort("seed") if labels else results.sort("seed")


def of(
    statistic: Callable[..., np.ndarray],
    *groups: Mapping[str, Any],
    needs: Sequence[str] = (),
    estimate: Callable[[np.ndarray], Estimate] = student,
) -> Measure:
    """Make a measure that estimates ``statistic(*tables)``: one table per group of labels, rows sorted by seed.

    The measure is None if one of the ``groups`` has no rows or one of the columns in ``needs`` is missing.
    """

    def measure(results: pl.DataFrame) -> Estimate | None:
        if not set(needs) <= set(results.columns):
            return None
        tables = [rows_of(results, labels) for labels in groups]
        return estimate(statistic(*tables)) if all(each.height for each in tables) else None

    return measure


def mean(column: str, **labels: Any) -> Measure:
    """Measure the mean of a column over the seeds, with Student's interval."""
    return of(lambda rows: rows[column].to_numpy(), labels, needs=[column])


def difference(column: str, more: Mapping[str, Any], less: Mapping[str, Any]) -> Measure:
    """Measure the mean over seeds of a column's difference: rows labelled ``more`` minus rows labelled ``less``."""
    return of(lambda one, two: one[column].to_numpy() - two[column].to_numpy(), more, less, needs=[column])


def solved_rate(column: str = "solved", **labels: Any) -> Measure:
    """Measure the share of rows whose ``column`` is true, with Wilson's interval."""

    def measure(results: pl.DataFrame) -> Estimate | None:
        rows = rows_of(results, labels)
        return share_of(rows, column) if rows.height else None

    return measure


def share_of(rows: pl.DataFrame, column: str = "solved") -> Estimate:
    """Estimate the share of these rows whose ``column`` is true, with Wilson's interval."""
    return success_rate(int(rows[column].sum()), rows.height)


def gain(more: pl.DataFrame, less: pl.DataFrame, note: str = "") -> Found | None:
    """Estimate the share of solved rows in ``more`` minus that in ``less``, with Newcombe's interval.

    None if one of them has no rows. ``{0}`` and ``{1}`` in ``note`` stand for the two shares.
    """
    if more.is_empty() or less.is_empty():
        return None
    rates = share_of(more), share_of(less)
    return Found(difference_of_rates(*rates), note.format(*(f"{each.value:.0%}" for each in rates)) or None)
