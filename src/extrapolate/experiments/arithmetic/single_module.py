"""The Single Module Task: which units learn arithmetic, and in which range."""

from collections.abc import Callable, Iterator
from typing import Any

import polars as pl

from extrapolate.experiments.arithmetic._unit_training import SingleModuleConfig, train_unit
from extrapolate.experiments.arithmetic._units import PLAIN, UNITS
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, Measure, share_of
from extrapolate.experiments.intervals import Estimate
from extrapolate.experiments.training import Training
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES

STOCHASTIC = (
    "Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible Stochasticity "
    "(arXiv 2211.05624, 2022)"
)
PRIMER = "Mistry, Farrahi & Hare, A Primer for Neural Arithmetic Logic Modules (arXiv 2101.09530, JMLR 2022)"
DIVISION = (
    "Mistry, Farrahi & Hare, Learning Division with Neural Arithmetic Logic Modules (arXiv 2110.05177, 2021)"
)
ARITHMETIC = "Madsen & Johansen, Neural Arithmetic Units (arXiv 2001.05016, ICLR 2020)"

# ------------------------------------------------------------------------------------------------------ findings

HARD_FOR_NMU = ("U[-2,-1]", "U[-1.2,-1.1]")
ALL = tuple(str(pair) for pair in PUBLISHED_RANGES)
NEGATIVE = tuple(str(pair) for pair in PUBLISHED_RANGES if pair.train.intervals[0][0] < 0)
POSITIVE = tuple(name for name in ALL if name not in NEGATIVE)
EASY_FOR_NMU = tuple(name for name in ALL if name not in HARD_FOR_NMU)
TESTED_ON = {str(pair): str(pair.test) for pair in PUBLISHED_RANGES}

#: The units of arXiv 2110.05177 and 2101.09530 that divide.
DIVIDERS = ("NACMul", "NALU", "INALU", "GNALU", "NPU", "RealNPU", "ModifiedRealNPU", "NRU", "NMRU")

#: Shares solved, by range.
Rates = dict[str, Estimate]


def all_solved(rates: Rates) -> bool:
    return all(each.value == 1 for each in rates.values())


def none_solved(rates: Rates) -> bool:
    return all(each.value == 0 for each in rates.values())


def not_all_solved(rates: Rates) -> bool:
    return not all_solved(rates)


def interval_excludes_one(rates: Rates) -> bool:
    return all(each.high is not None and each.high < 1 for each in rates.values())


def only_some_positive(rates: Rates) -> bool:
    positive = [rates[name].value or 0.0 for name in POSITIVE]
    return none_solved({name: rates[name] for name in NEGATIVE}) and max(positive) > 0 and min(positive) < 1


def rates_of(unit: str, operation: str, names: tuple[str, ...], holds: Callable[[Rates], bool]) -> Measure:
    """The share solved over published ranges; ``holds`` judges that of each, if all of them were run."""

    def measure(results: pl.DataFrame) -> Found | None:
        rows = results.filter(unit=unit, operation=operation)
        tested_on = pl.col("range").replace_strict(TESTED_ON, default="")
        rows = rows.filter(pl.col("range").is_in(names), pl.col("extrapolation_range") == tested_on)
        if rows.is_empty():
            return None
        rates = {name: share_of(rows.filter(range=name)) for name in names}
        if absent := [name for name, each in rates.items() if each.n == 0]:
            return Found(share_of(rows), f"not judged: not run in {', '.join(absent)}")
        shares = ", ".join(f"{name} {each.value:.0%}" for name, each in rates.items())
        verdict = holds(rates)
        return Found(share_of(rows), None if verdict else f"share solved: {shares}", verdict)

    return measure


def unable(unit: str) -> Finding:
    """No model can solve what the unit's exact weights do not give."""
    able = [name for name in OPERATIONS if name in UNITS[unit].operations or not UNITS[unit].operations]

    def measure(results: pl.DataFrame) -> Found | None:
        rows = results.filter(pl.col("unit") == unit, ~pl.col("operation").is_in(able))
        return Found(rate := share_of(rows), holds=rate.value == 0) if rows.height else None

    others = " ".join(OPERATIONS[name].symbol for name in OPERATIONS if name not in able)
    return Finding(
        f"{unit}/cannot-represent",
        f"{unit} cannot represent {others} (its exact weights give "
        f"{' '.join(OPERATIONS[name].symbol for name in able)}), so no model solves it",
        "follows from its definition",
        measure,
    )


def findings(config: SingleModuleConfig) -> Iterator[Finding]:
    """What the papers say of units, and what follows from their definitions."""
    new, old = "succeeds in all nine ranges (arXiv 2211.05624)", "arXiv 2101.09530"
    for unit in ("StochasticNMU", "BatchStochasticNMU"):
        measure = rates_of(unit, "mul", ALL, all_solved)
        text = f"{unit} learns × in every range with every seed"
        yield Finding(f"{unit}/mul/solves-every-range", text, new, measure)
    yield Finding(
        "NMU/mul/solves-seven-ranges",
        f"NMU learns × with every seed in the seven ranges other than {' and '.join(HARD_FOR_NMU)}",
        "succeeds there (arXiv 2211.05624)",
        rates_of("NMU", "mul", EASY_FOR_NMU, all_solved),
    )
    for name in HARD_FOR_NMU:
        yield Finding(
            f"NMU/mul/fails-in-{name}",
            f"NMU fails for some seeds in {name}: the interval of its success rate excludes 1",
            "success below 1 (arXiv 2211.05624)",
            rates_of("NMU", "mul", (name,), interval_excludes_one),
        )
    for unit in ("NACMul", "NALU"):
        yield Finding(
            f"{unit}/mul/only-some-positive-ranges",
            f"{unit} learns × only in some of the positive ranges (it multiplies magnitudes, and the product of two "
            "negative numbers is that of their magnitudes)",
            f"succeeds only in some positive ranges ({old}, 2001.05016)",
            rates_of(unit, "mul", ALL, only_some_positive),
        )
    for name in ("add", "sub"):
        yield Finding(
            f"NAU/{name}/solves-every-range",
            f"NAU learns {OPERATIONS[name].symbol} in every range with every seed",
            f"succeeds in all nine ranges at two inputs ({old})",
            rates_of("NAU", name, ALL, all_solved),
        )
    for name, operation in OPERATIONS.items():
        yield Finding(
            f"MLP/{name}/never-extrapolates",
            f"a ReLU network never extrapolates {operation.symbol}",
            f"success 0 in every range ({old})",
            rates_of("MLP", name, ALL, none_solved),
        )
    for unit in DIVIDERS:
        yield Finding(
            f"{unit}/div/not-in-every-range",
            f"{unit} does not learn ÷ in every range with every seed",
            "no unit succeeds in every range (arXiv 2110.05177)",
            rates_of(unit, "div", ALL, not_all_solved),
        )
    yield Finding(
        "RealNPU/div/fails-on-negative-ranges",
        "RealNPU fails ÷ for some seeds in every range with negative inputs",
        "fails where inputs are negative or tiny (arXiv 2110.05177)",
        rates_of("RealNPU", "div", NEGATIVE, interval_excludes_one),
    )
    yield from map(unable, config.units)


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: Any) -> list[str]:
    """How the models were trained and judged."""
    rates = {name: UNITS[name].recipe.learning_rate for name in config.units}
    others = [f"{name} {rate:g}" for name, rate in rates.items() if rate != PLAIN.learning_rate]
    return [
        f"Adam, squared error, {config.batch} fresh samples per step; learning rate "
        f"{', '.join([f'{PLAIN.learning_rate:g}', *others])}. Penalties, gradient clips and restarts of each unit as "
        "published.",
        "Seed s starts from the same weights and sees the same uniform numbers in every range and with every "
        "operation, whichever models are trained beside it.",
        "Solved: at the step with the lowest validation error, the extrapolation error (float64) is below that of a "
        "unit whose weights are all 1e-5 off.",
        "Intervals (95 %): Wilson for success rates; profile likelihood of a Gamma for steps and of a Beta on "
        "[0, 0.5] for sparsity errors, Student's t where those cannot be fitted.",
    ]


@experiment(
    source="; ".join((STOCHASTIC, PRIMER, DIVISION, ARITHMETIC)),
    laptop=SingleModuleConfig(seeds=25),
    paper={"units": tuple(UNITS), "operations": tuple(OPERATIONS)},
    smoke={
        "units": ("NMU", "StochasticNMU"),
        "ranges": PUBLISHED_RANGES[5:7],
        "seeds": 3,
        "steps": 300,
        "eval_every": 100,
        "batch": 128,
        "samples": 1_000,
    },
    findings=findings,
    notes=notes,
)
def single_module(config: SingleModuleConfig) -> Iterator[Training]:
    for operation in config.operations:
        for unit in config.units:
            yield train_unit(config, unit, operation)
