"""The Single Module Task: which units learn arithmetic, and in which range."""

from collections.abc import Callable, Iterator

import polars as pl

from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic._units import PLAIN, UNITS, SingleModuleConfig, train_unit
from extrapolate.stats import Estimate
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES

ALL = tuple(str(pair) for pair in PUBLISHED_RANGES)
NEGATIVE = tuple(str(pair) for pair in PUBLISHED_RANGES if pair.train.intervals[0][0] < 0)
HARD_FOR_NMU = ("U[-2,-1]", "U[-1.2,-1.1]")
EASY_FOR_NMU = tuple(name for name in ALL if name not in HARD_FOR_NMU)

#: The units of arXiv 2110.05177 and 2101.09530 that can divide.
DIVIDERS = ("NACMul", "NALU", "INALU", "GNALU", "NPU", "RealNPU", "ModifiedRealNPU", "NRU", "NMRU")

#: The share of solved models by range.
Rates = dict[str, Estimate]


def every(share: float) -> Callable[[Rates], bool]:
    return lambda rates: all(each.value == share for each in rates.values())


def interval_excludes_one(rates: Rates) -> bool:
    return all(each.high is not None and each.high < 1 for each in rates.values())


def only_some_positive(rates: Rates) -> bool:
    positive = [rate.value or 0.0 for name, rate in rates.items() if name not in NEGATIVE]
    return every(0)({name: rates[name] for name in NEGATIVE}) and max(positive) > 0 and min(positive) < 1


def solved_in(
    id: str, model_name: str, task: str, names: tuple[str, ...], holds: Callable[[Rates], bool]
) -> lab.Finding:
    """Measure the share solved over published ranges; ``holds`` judges the shares by range, if all were run."""
    tested_on = pl.col("split").replace_strict({str(pair): str(pair.test) for pair in PUBLISHED_RANGES}, default="")

    def measure(results: pl.DataFrame) -> lab.Found | None:
        rows = results.filter(pl.col("split").is_in(names), model=model_name, task=task)
        rows = rows.filter(pl.col("extrapolation_range") == tested_on)
        if rows.is_empty():
            return None
        rates = {name: lab.share_of(rows.filter(split=name)) for name in names}
        if absent := [name for name, each in rates.items() if each.n == 0]:
            return lab.Found(lab.share_of(rows), f"not judged: not run in {', '.join(absent)}")
        shares = ", ".join(f"{name} {each.value:.0%}" for name, each in rates.items())
        verdict = holds(rates)
        return lab.Found(lab.share_of(rows), None if verdict else f"share solved: {shares}", verdict)

    words = {"model": model_name, "task": task, "symbol": OPERATIONS[task].symbol, "split": names[0]}
    return lab.Finding(id, measure, words)


def unable(model_name: str) -> lab.Finding:
    """Make the finding that no model solves an operation that the unit's exact weights cannot represent."""
    able = [name for name in OPERATIONS if name in UNITS[model_name].operations or not UNITS[model_name].operations]

    def measure(results: pl.DataFrame) -> lab.Found | None:
        rows = results.filter(pl.col("model") == model_name, ~pl.col("task").is_in(able))
        return lab.Found(rate := lab.share_of(rows), holds=rate.value == 0) if rows.height else None

    symbols = {name: operation.symbol for name, operation in OPERATIONS.items()}
    words = {"model": model_name, "able": " ".join(symbols[name] for name in able)}
    words["others"] = " ".join(symbol for name, symbol in symbols.items() if name not in able)
    return lab.Finding("{model}/cannot-represent", measure, words)


def findings(config: SingleModuleConfig) -> Iterator[lab.Finding]:
    for unit in ("StochasticNMU", "BatchStochasticNMU"):
        yield solved_in("{model}/mul/solves-every-range", unit, "mul", ALL, every(1))
    yield solved_in("NMU/mul/solves-seven-ranges", "NMU", "mul", EASY_FOR_NMU, every(1))
    for name in HARD_FOR_NMU:
        yield solved_in("NMU/mul/fails-in-{split}", "NMU", "mul", (name,), interval_excludes_one)
    for unit in ("NACMul", "NALU"):
        yield solved_in("{model}/mul/only-some-positive-ranges", unit, "mul", ALL, only_some_positive)
    for name in OPERATIONS:
        if name in ("add", "sub"):
            yield solved_in("NAU/{task}/solves-every-range", "NAU", name, ALL, every(1))
        yield solved_in("MLP/{task}/never-extrapolates", "MLP", name, ALL, every(0))
    for unit in DIVIDERS:
        yield solved_in("{model}/div/not-in-every-range", unit, "div", ALL, lambda rates: not every(1)(rates))
    yield solved_in("RealNPU/div/fails-on-negative-ranges", "RealNPU", "div", NEGATIVE, interval_excludes_one)
    yield from map(unable, config.units)


def notes(config: SingleModuleConfig) -> list[str]:
    rates = {name: UNITS[name].recipe.learning_rate for name in config.units}
    others = [f"{name} {rate:g}" for name, rate in rates.items() if rate != PLAIN.learning_rate]
    return [
        f"Adam, squared error, {config.batch} fresh samples per step; learning rate "
        f"{', '.join([f'{PLAIN.learning_rate:g}', *others])}. Each unit has the "
        "penalty, the gradient clipping and the restarts that its paper publishes.",
        "A model with seed s has the same initial weights and the same uniform random numbers in every range and "
        "with every operation. Other models in the run do not change its result.",
        "A model counts as solved if its extrapolation error (in float64, at the step with the lowest validation "
        "error) is below that of the exact solution with every weight changed by 1e-5.",
        "Intervals (95 %): success rates, Wilson; steps, profile likelihood of a Gamma distribution; sparsity "
        "errors, profile likelihood of a Beta distribution on [0, 0.5]. If such a fit fails: Student's t.",
    ]


@lab.experiment(
    papers=["2211.05624", "2101.09530", "2110.05177", "2001.05016"],
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
def single_module(config: SingleModuleConfig) -> Iterator[lab.Training]:
    for operation in config.operations:
        for unit in config.units:
            yield train_unit(config, unit, operation)
