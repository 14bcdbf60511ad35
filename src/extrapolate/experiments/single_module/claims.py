"""How the published findings are judged on the results; what was measured beside them."""

from collections.abc import Iterable

import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate, success_rate
from extrapolate.experiments.old import measurement
from extrapolate.experiments.single_module.findings import FINDINGS, Finding
from extrapolate.experiments.single_module.settings import PRESETS, SingleModuleSettings
from extrapolate.experiments.single_module.units import UNITS
from extrapolate.experiments.summary import estimates
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES

PUBLISHED = PRESETS["paper"]


def claims(results: pl.DataFrame, settings: SingleModuleSettings) -> list[Claim]:
    """The findings about the units that were run, then every measurement by unit, operation and range."""
    groups = {
        (str(unit), str(operation)): rows
        for (unit, operation), rows in results.group_by("unit", "operation", maintain_order=True)
    }
    findings = [
        _judged(finding, groups[finding.unit, finding.operation], settings)
        for finding in FINDINGS
        if (finding.unit, finding.operation) in groups
    ]
    unable = [
        _unable(unit, rows, settings)
        for (unit,), every in results.group_by("unit", maintain_order=True)
        if (rows := every.filter(~pl.col("operation").is_in(_able(unit)))).height
    ]
    return findings + unable + _measurements(groups)


def _rate_of(rows: pl.DataFrame) -> Estimate:
    return success_rate(int(rows["solved"].sum()), rows.height)


def _judged(finding: Finding, rows: pl.DataFrame, settings: SingleModuleSettings) -> Claim:
    rows = rows.filter(pl.col("range").is_in(finding.ranges))
    rates = {name: _rate_of(rows.filter(pl.col("range") == name)) for name in finding.ranges}
    pooled = _rate_of(rows)
    missing = [name for name, rate in rates.items() if rate.n == 0]
    own = [str(pair) for pair in settings.ranges if pair not in PUBLISHED_RANGES]
    unlike = _unlike_published(settings)
    if elsewhere := missing or [name for name in own if name in finding.ranges]:
        unlike.append(f"not run as published on {', '.join(elsewhere)}")
    holds, why = None, f"not judged: {', '.join(unlike)}"
    if not unlike:
        holds = finding.holds(rates)
        why = _with_seeds(None if holds else finding.explain(rates), settings)
    return Claim(
        finding.id,
        finding.claim,
        finding.published,
        pooled.value,
        interval_of(pooled),
        pooled.n,
        holds,
        why,
    )


def _unlike_published(settings: SingleModuleSettings) -> list[str]:
    """What of the published training was changed so that its results say nothing about the findings."""
    changes = []
    if settings.steps < PUBLISHED.steps:
        changes.append(f"{settings.steps:,} of {PUBLISHED.steps:,} steps")
    if settings.in_features != PUBLISHED.in_features:
        changes.append(f"{settings.in_features} inputs instead of {PUBLISHED.in_features}")
    if settings.batch != PUBLISHED.batch:
        changes.append(f"{settings.batch} samples a step instead of {PUBLISHED.batch}")
    if settings.samples < PUBLISHED.samples:
        changes.append(f"measured on {settings.samples:,} of {PUBLISHED.samples:,} samples")
    if settings.evaluate_every > PUBLISHED.evaluate_every:
        changes.append(
            f"measured every {settings.evaluate_every:,} steps instead of {PUBLISHED.evaluate_every:,}"
        )
    return changes


def _with_seeds(why: str | None, settings: SingleModuleSettings) -> str | None:
    """Fewer seeds are judged all the same, but told."""
    if settings.seeds >= PUBLISHED.seeds:
        return why
    return "; ".join(filter(None, [why, f"{settings.seeds} of {PUBLISHED.seeds} seeds were run"]))


def _able(unit: object) -> list[str]:
    """The operations that a unit's exact weights give; all of them for a network that has no exact weights."""
    operations = UNITS[str(unit)].operations
    return [name for name in OPERATIONS if name in operations or not operations]


def _unable(unit: object, rows: pl.DataFrame, settings: SingleModuleSettings) -> Claim:
    rate = _rate_of(rows)
    others = _symbols(name for name in OPERATIONS if name in set(rows["operation"]))
    unlike = _unlike_published(settings)
    return Claim(
        f"{unit}/cannot-represent",
        f"{unit} cannot represent {others} (its exact weights give {_symbols(_able(unit))}), so no model solves it",
        "follows from its definition",
        rate.value,
        interval_of(rate),
        rate.n,
        None if unlike else rate.value == 0,
        f"not judged: {', '.join(unlike)}" if unlike else _with_seeds(None, settings),
    )


def _symbols(operations: Iterable[str]) -> str:
    return " ".join(OPERATIONS[name].symbol for name in operations)


_LABELS = {
    "success_rate": "share of models that solve {} in {}",
    "solved_at": "mean step at which {} is solved in {}",
    "sparsity_error": "mean sparsity error of the models that solve {} in {}",
}


def _measurements(groups: dict[tuple[str, str], pl.DataFrame]) -> list[Claim]:
    lines = []
    for (unit, operation), rows in groups.items():
        for (range_,), part in rows.group_by("range", maintain_order=True):
            for measure, estimate in estimates(part).items():
                text = _LABELS[measure].format(OPERATIONS[operation].symbol, range_)
                lines.append(
                    measurement(f"{unit}/{operation}/{range_}/{measure}", f"{unit}: {text}", estimate)
                )
    return lines
