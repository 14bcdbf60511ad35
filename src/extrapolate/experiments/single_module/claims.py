"""The published findings on the Single Module Task, and how each is judged on the results."""

from collections.abc import Callable
from dataclasses import dataclass

import polars as pl

from extrapolate.experiments.experiment import Claim, interval_of
from extrapolate.experiments.intervals import Estimate, success_rate
from extrapolate.experiments.single_module.settings import SingleModuleSettings
from extrapolate.experiments.single_module.summary import estimates
from extrapolate.experiments.single_module.units import UNITS
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES, RangePair

PUBLISHED_SEEDS = 25
HARD_FOR_NMU = ("U[-2,-1]", "U[-1.2,-1.1]")
ALL = tuple(str(pair) for pair in PUBLISHED_RANGES)
NEGATIVE = tuple(str(pair) for pair in PUBLISHED_RANGES if pair.train.intervals[0][0] < 0)
POSITIVE = tuple(name for name in ALL if name not in NEGATIVE)


@dataclass(frozen=True)
class Finding:
    """A published sentence about one unit and operation on some ranges.

    ``holds(rates)`` judges the share solved by range; ``explain(rates)`` says why it does not hold.
    """

    id: str
    unit: str
    operation: str
    ranges: tuple[str, ...]
    claim: str
    published: str
    holds: Callable[[dict[str, Estimate]], bool]
    explain: Callable[[dict[str, Estimate]], str] = lambda rates: _rates_text(rates)


def _rate(estimate: Estimate) -> float:
    return estimate.value or 0.0


def _rates_text(rates: dict[str, Estimate]) -> str:
    return "share solved: " + ", ".join(f"{name} {_rate(rate):.0%}" for name, rate in rates.items())


def _all_solved(rates: dict[str, Estimate]) -> bool:
    return all(_rate(rate) == 1 for rate in rates.values())


def _none_solved(rates: dict[str, Estimate]) -> bool:
    return all(_rate(rate) == 0 for rate in rates.values())


def _interval_excludes_one(rates: dict[str, Estimate]) -> bool:
    return all(rate.high is not None and rate.high < 1 for rate in rates.values())


def _only_some_positive(rates: dict[str, Estimate]) -> bool:
    positive = [_rate(rates[name]) for name in POSITIVE]
    return _none_solved({name: rates[name] for name in NEGATIVE}) and max(positive) > 0 and min(positive) < 1


STOCHASTIC_PAPER = "arXiv 2211.05624"
FINDINGS: tuple[Finding, ...] = (
    *(
        Finding(
            f"{unit}/mul/solves-every-range",
            unit,
            "mul",
            ALL,
            f"{unit} learns × in every range with every seed",
            f"succeeds in all nine ranges ({STOCHASTIC_PAPER})",
            _all_solved,
        )
        for unit in ("StochasticNMU", "BatchStochasticNMU")
    ),
    Finding(
        "NMU/mul/solves-seven-ranges",
        "NMU",
        "mul",
        tuple(name for name in ALL if name not in HARD_FOR_NMU),
        "NMU learns × with every seed in the seven ranges other than " + " and ".join(HARD_FOR_NMU),
        f"succeeds there ({STOCHASTIC_PAPER})",
        _all_solved,
    ),
    *(
        Finding(
            f"NMU/mul/fails-in-{name}",
            "NMU",
            "mul",
            (name,),
            f"NMU fails for some seeds in {name}: the interval of its success rate excludes 1",
            f"success below 1 ({STOCHASTIC_PAPER})",
            _interval_excludes_one,
        )
        for name in HARD_FOR_NMU
    ),
    *(
        Finding(
            f"{unit}/mul/only-some-positive-ranges",
            unit,
            "mul",
            ALL,
            f"{unit} learns × only in some of the positive ranges",
            "succeeds only in some positive ranges (arXiv 2101.09530, 2001.05016)",
            _only_some_positive,
        )
        for unit in ("NACMul", "NALU")
    ),
    *(
        Finding(
            f"NAU/{operation}/solves-every-range",
            "NAU",
            operation,
            ALL,
            f"NAU learns {OPERATIONS[operation].symbol} in every range with every seed",
            "succeeds in all nine ranges at two inputs (arXiv 2101.09530)",
            _all_solved,
        )
        for operation in ("add", "sub")
    ),
    *(
        Finding(
            f"MLP/{operation}/never-extrapolates",
            "MLP",
            operation,
            ALL,
            f"a ReLU network never extrapolates {OPERATIONS[operation].symbol}",
            "success 0 in every range (arXiv 2101.09530)",
            _none_solved,
        )
        for operation in OPERATIONS
    ),
)


def claims(results: pl.DataFrame, settings: SingleModuleSettings) -> list[Claim]:
    """The findings about the units that were run, then every measurement by unit, operation and range."""
    groups = {
        (unit, operation): rows
        for (unit, operation), rows in results.group_by("unit", "operation", maintain_order=True)
    }
    findings = [
        _judged(finding, groups[finding.unit, finding.operation], settings)
        for finding in FINDINGS
        if (finding.unit, finding.operation) in groups
    ]
    unable = [
        _unable(unit, operation, rows)
        for (unit, operation), rows in groups.items()
        if unit != "MLP" and operation not in UNITS[unit].operations
    ]
    return findings + unable + _measurements(groups)


def _judged(finding: Finding, rows: pl.DataFrame, settings: SingleModuleSettings) -> Claim:
    rows = rows.filter(pl.col("range").is_in(finding.ranges))
    rates = {name: estimates(rows.filter(pl.col("range") == name))["success_rate"] for name in finding.ranges}
    pooled = success_rate(int(rows["solved"].sum()), rows.height)
    missing = [name for name, rate in rates.items() if rate.n == 0]
    unpublished = [pair for pair in settings.ranges if str(pair) in finding.ranges and not _published(pair)]
    if missing or unpublished:
        holds, why = None, f"not judged: not run as published on {', '.join(missing or map(str, unpublished))}"
    else:
        holds = finding.holds(rates)
        why = None if holds else finding.explain(rates)
        if settings.seeds < PUBLISHED_SEEDS:
            why = "; ".join(filter(None, [why, f"{settings.seeds} of {PUBLISHED_SEEDS} seeds were run"]))
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


def _published(pair: RangePair) -> bool:
    return pair in PUBLISHED_RANGES


def _unable(unit: str, operation: str, rows: pl.DataFrame) -> Claim:
    rate = estimates(rows)["success_rate"]
    symbol = OPERATIONS[operation].symbol
    able = ", ".join(OPERATIONS[name].symbol for name in OPERATIONS if name in UNITS[unit].operations)
    return Claim(
        f"{unit}/{operation}/cannot-represent",
        f"{unit} cannot represent {symbol} (its exact weights give {able}), so no model solves it",
        "follows from its definition",
        rate.value,
        interval_of(rate),
        rate.n,
        rate.value == 0,
    )


_LABELS = {
    "success_rate": "share of models that solve {} in {}",
    "solved_at": "mean step at which {} is solved in {}",
    "sparsity_error": "mean sparsity error of the models that solve {} in {}",
}


def _measurements(groups: dict[tuple[object, ...], pl.DataFrame]) -> list[Claim]:
    lines = []
    for (unit, operation), rows in groups.items():
        for (range_,), part in rows.group_by("range", maintain_order=True):
            for measure, estimate in estimates(part).items():
                text = _LABELS[measure].format(OPERATIONS[str(operation)].symbol, range_)
                lines.append(
                    Claim.measurement(f"{unit}/{operation}/{range_}/{measure}", f"{unit}: {text}", estimate)
                )
    return lines
