"""Madam on arithmetic units: the Single Module Task with Adam, and with Madam in its place."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import polars as pl
import torch
from torch import Tensor

from extrapolate.experiments.arithmetic._unit_training import SingleModuleConfig, train_unit
from extrapolate.experiments.arithmetic._units import UNITS
from extrapolate.experiments.arithmetic.single_module import notes as single_module_notes
from extrapolate.experiments.arithmetic.single_module import single_module
from extrapolate.experiments.config import names
from extrapolate.experiments.experiment import count_of, experiment
from extrapolate.experiments.findings import Finding, Measure, rate, rows_of, share_of
from extrapolate.experiments.training import Measured, Trained, Training
from extrapolate.optim import Madam
from extrapolate.stats import Estimate, difference_of_rates
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES

MADAM = (
    "Bernstein et al., Learning compositional functions via multiplicative weight updates (arXiv 2006.14560, "
    "NeurIPS 2020)"
)

#: Each unit is trained with both; None is the one of its published recipe.
OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer] | None] = {
    "Adam": None,
    "Madam": partial(Madam, replica_dims=1),
}


@dataclass(frozen=True, kw_only=True)
class MadamArithmeticConfig(SingleModuleConfig):
    """The published protocol of the Single Module Task."""

    operations: tuple[str, ...] = names(
        OPERATIONS, "Operations to learn, each by the units that can represent it", "operation"
    )


def pairs_of(config: MadamArithmeticConfig) -> list[tuple[str, str]]:
    """The units with each operation that they can represent."""
    return [
        (unit, operation)
        for operation in config.operations
        for unit in config.units
        if operation in UNITS[unit].operations
    ]


def difference(unit: str, operation: str) -> Measure:
    """The share solved with Madam less that with Adam."""

    def measure(results: pl.DataFrame) -> Estimate | None:
        labels = {"idea": unit, "operation": operation}
        madam, adam = (rows_of(results, {**labels, "optimizer": name}) for name in ("Madam", "Adam"))
        return difference_of_rates(share_of(madam), share_of(adam)) if madam.height and adam.height else None

    return measure


def findings(config: MadamArithmeticConfig) -> Iterator[Finding]:
    """The share solved with each optimizer; nobody has published Madam on arithmetic units."""
    for unit, operation in pairs_of(config):
        where = f"{unit}, {operation}, all ranges together"
        for name in OPTIMIZERS:
            measure = rate(idea=unit, operation=operation, optimizer=name)
            yield Finding(f"{unit}/{operation}/{name}", f"{where}: share solved with {name}", None, measure)
        yield Finding(
            f"{unit}/{operation}/difference",
            f"{where}: share solved with Madam less that with Adam",
            None,
            difference(unit, operation),
        )


def notes(config: MadamArithmeticConfig) -> list[str]:
    """How the optimizers were set; how the models were judged."""
    return [
        "Adam: the published recipe of each unit. Madam: its defaults (learning rate 0.01 throughout), with the "
        "penalties and all else of that recipe. A weight that Madam trains keeps its initial sign, so a unit whose "
        "weights must change sign cannot learn; weights that begin at zero are updated additively.",
        *single_module_notes(config)[1:],
    ]


def outline(config: MadamArithmeticConfig) -> str:
    """Not every unit learns every operation."""
    kinds, ranges = len(pairs_of(config)), len(config.ranges)
    count = kinds * len(OPTIMIZERS) * ranges * config.seeds
    return (
        f"{count_of(kinds, 'pair of unit and operation')} × {len(OPTIMIZERS)} optimizers × "
        f"{count_of(ranges, 'range')} × {count_of(config.seeds, 'seed')} = {count:,} models of {config.steps:,} steps"
    )


@experiment(
    source=f"{MADAM}; {single_module.source}",
    laptop=MadamArithmeticConfig(
        units=("NAC", "NAU", "NMU", "StochasticNMU", "NACMul", "NALU"),
        operations=("add", "sub", "mul"),
        seeds=10,
    ),
    paper={"units": tuple(UNITS), "operations": tuple(OPERATIONS), "seeds": 25},
    smoke={
        "units": ("NMU",),
        "operations": ("mul",),
        "ranges": PUBLISHED_RANGES[6:7],
        "steps": 20,
        "eval_every": 1,
        "batch": 128,
    },
    findings=findings,
    notes=notes,
    outline=outline,
)
def madam_arithmetic(config: MadamArithmeticConfig) -> Iterator[Training]:
    for unit, operation in pairs_of(config):
        for optimizer in OPTIMIZERS:
            yield train_with(config, unit, operation, optimizer)


def train_with(config: MadamArithmeticConfig, unit: str, operation: str, optimizer: str) -> Training:
    """The training of the Single Module Task with another optimizer."""
    training = train_unit(config, unit, operation, OPTIMIZERS[optimizer])

    def measure(trained: Trained) -> Measured:
        found = training.measure(trained)
        assert isinstance(found, Measured)
        names = {"unit": pl.lit(f"{unit} with {optimizer}"), "optimizer": pl.lit(optimizer)}
        return Measured(found.rows.with_columns(idea="unit", **names))

    return replace(training, name=f"{optimizer}-{training.name}", measure=measure)
