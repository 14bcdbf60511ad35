"""How the published findings are judged on the results; what was measured beside them."""

import polars as pl

from extrapolate.experiments.arithmetic_dataset.settings import PRESETS, ArithmeticDatasetSettings
from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate, difference_of_rates, success_rate
from extrapolate.experiments.old import measurement
from extrapolate.experiments.summary import estimates
from extrapolate.tasks import PUBLISHED_RANGES

PUBLISHED, LEAST = PRESETS["paper"], PRESETS["laptop"]
PLAIN, STOCHASTIC = "NAU-NMU", ("NAU-StochasticNMU", "NAU-BatchStochasticNMU")
SOURCE = "arXiv 2211.05624, Arithmetic Dataset Task"


def claims(results: pl.DataFrame, settings: ArithmeticDatasetSettings) -> list[Claim]:
    """The findings about the networks that were run, then every measurement by network and range."""
    published = results.filter(pl.col("range").is_in([str(pair) for pair in PUBLISHED_RANGES]))
    groups = {
        str(unit): rows for (unit,), rows in published.group_by("unit", maintain_order=True) if rows.height
    }
    return [
        *([_fails(groups[PLAIN], settings)] if PLAIN in groups else []),
        *(
            _improves(name, groups[name], groups[PLAIN], settings)
            for name in STOCHASTIC
            if name in groups and PLAIN in groups
        ),
        *measurements(results),
    ]


def _rate(rows: pl.DataFrame) -> Estimate:
    return success_rate(int(rows["solved"].sum()), rows.height)


def _rates(rows: pl.DataFrame) -> dict[str, Estimate]:
    """The share solved, range by range."""
    return {str(name): _rate(part) for (name,), part in rows.group_by("range", maintain_order=True)}


def _fails(rows: pl.DataFrame, settings: ArithmeticDatasetSettings) -> Claim:
    rates = _rates(rows)
    failing = [name for name, rate in rates.items() if rate.high is not None and rate.high < 1]
    told = f"fails in {len(failing)} of {len(rates)} ranges ({', '.join(failing) or 'none'})"
    return _claim(
        f"{PLAIN}/fails-in-several-ranges",
        "NAU→NMU fails for some seeds in several ranges: in two or more, the interval of its success rate excludes 1",
        f"fails in several ranges, those of large magnitude and negative ones worst ({SOURCE})",
        _rate(rows),
        len(failing) >= 2,
        told,
        [rows],
        settings,
    )


def _improves(
    name: str, rows: pl.DataFrame, plain: pl.DataFrame, settings: ArithmeticDatasetSettings
) -> Claim:
    gain = difference_of_rates(_rate(rows), _rate(plain))
    wins, every = (sum(rate.value == 1 for rate in _rates(each).values()) for each in (rows, plain))
    title = name.replace("-", "→")
    return _claim(
        f"{name}/solves-more-than-{PLAIN}",
        f"{title} solves a larger share of models over all ranges than NAU→NMU (measured: the difference)",
        f"raises success where NAU→NMU fails ({SOURCE})",
        gain,
        gain.low is not None and gain.low > 0,
        f"solved with every seed: {wins} ranges, by NAU→NMU {every}",
        [rows, plain],
        settings,
    )


def _claim(
    id: str,
    claim: str,
    published: str,
    measured: Estimate,
    holds: bool,
    told: str,
    judged_on: list[pl.DataFrame],
    settings: ArithmeticDatasetSettings,
) -> Claim:
    """A finding, judged where the training is long enough to say something and all ranges were run."""
    run = set.intersection(*(set(rows["range"]) for rows in judged_on))
    missing = [str(pair) for pair in PUBLISHED_RANGES if str(pair) not in run]
    unlike = [f"{', '.join(missing)} not run"] if missing else []
    if settings.steps < LEAST.steps:
        unlike.append(f"{settings.steps:,} of {PUBLISHED.steps:,} steps")
    if settings.batch != PUBLISHED.batch:
        unlike.append(f"{settings.batch} samples a step instead of {PUBLISHED.batch}")
    judged = "; ".join(filter(None, [told, cut_short(settings, PUBLISHED)]))
    return Claim(
        id,
        claim,
        published,
        measured.value,
        interval_of(measured),
        measured.n,
        None if unlike else holds,
        f"not judged: {', '.join(unlike)}" if unlike else judged,
    )


def cut_short(settings: ArithmeticDatasetSettings, published: ArithmeticDatasetSettings) -> str:
    """What of the published protocol was cut short; empty where nothing was."""
    short = []
    if settings.steps < published.steps:
        short.append(
            f"{settings.steps:,} of {published.steps:,} steps, with the penalty growing from step "
            f"{settings.penalty_start:,} on instead of {published.penalty_start:,}"
        )
    if settings.in_features != published.in_features:
        short.append(f"{settings.in_features} inputs instead of {published.in_features}")
    if settings.epsilon > published.epsilon:
        short.append(f"judged at weights {settings.epsilon:g} off instead of {published.epsilon:g}")
    if settings.seeds < published.seeds:
        short.append(f"{settings.seeds} of {published.seeds} seeds")
    return f"cut short: {'; '.join(short)}" if short else ""


_LABELS = {
    "success_rate": "share of models that solve it in {}",
    "solved_at": "mean step at which it is solved in {}",
    "sparsity_error": "mean sparsity error of the models that solve it in {}",
}


def measurements(results: pl.DataFrame) -> list[Claim]:
    """The three measures by network and range."""
    return [
        measurement(f"{unit}/{range_}/{measure}", f"{unit}: {_LABELS[measure].format(range_)}", estimate)
        for (unit, range_), rows in results.group_by("unit", "range", maintain_order=True)
        for measure, estimate in estimates(rows).items()
    ]
