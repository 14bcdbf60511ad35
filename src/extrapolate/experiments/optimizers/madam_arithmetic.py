"""The Madam optimizer on arithmetic units: the Single Module Task, trained with Adam and with Madam."""

import math
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import polars as pl
import torch
from torch import Tensor

from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic._units import UNITS, SingleModuleConfig, train_unit
from extrapolate.experiments.arithmetic.single_module import single_module
from extrapolate.optim import Madam
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES

#: Each unit is trained with both. None: the optimizer of its published recipe.
OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer] | None] = {
    "Adam": None,
    "Madam": partial(Madam, replica_dims=1),
}


@dataclass(frozen=True, kw_only=True)
class MadamArithmeticConfig(SingleModuleConfig):
    """As published for the Single Module Task."""

    operations: tuple[str, ...] = lab.names(
        OPERATIONS, "Operations to learn, each with the units that can represent it", "operation"
    )

    @property
    def pairs(self) -> list[tuple[str, str]]:
        """All pairs of a unit and an operation that it can represent."""
        every = ((unit, operation) for operation in self.operations for unit in self.units)
        return [(unit, operation) for unit, operation in every if operation in UNITS[unit].operations]


def findings(config: MadamArithmeticConfig) -> Iterator[lab.Finding]:
    """Yield the share of models solved with each optimizer. No results of Madam on arithmetic units are published."""

    def difference(model_name: str, task: str, results: pl.DataFrame) -> lab.Found | None:
        rows = results.filter(idea=model_name, task=task)
        return lab.gain(rows.filter(optimizer="Madam"), rows.filter(optimizer="Adam"))

    for unit, operation in config.pairs:
        words = {"model": unit, "task": operation}
        for name in OPTIMIZERS:
            share = lab.solved_rate(idea=unit, task=operation, optimizer=name)
            yield lab.Finding("{model}/{task}/{optimizer}", share, {**words, "optimizer": name})
        yield lab.Finding("{model}/{task}/difference", partial(difference, unit, operation), words)


def notes(config: MadamArithmeticConfig) -> list[str]:
    return [
        "Adam: the published recipe of each unit. Madam: the same recipe with Madam at its defaults (constant "
        "learning rate 0.01). Madam never changes the sign of a weight, so a unit whose weights must change sign "
        "cannot learn. Weights that begin at zero are updated additively.",
        *single_module.notes(config)[1:],
    ]


def outline(config: MadamArithmeticConfig) -> str:
    """Return the number of models; not every unit learns every operation."""
    nouns = "pair of unit and operation", "optimizer", "range", "seed"
    counts = len(config.pairs), len(OPTIMIZERS), len(config.ranges), config.seeds
    factors = " × ".join(map(lab.count_of, counts, nouns))
    return f"{factors} = {math.prod(counts):,} models of {config.steps:,} steps"


def train_with(config: MadamArithmeticConfig, model_name: str, task: str, optimizer: str) -> lab.Training:
    training = train_unit(config, model_name, task, OPTIMIZERS[optimizer])

    def measure(trained: lab.Trained) -> lab.Measured:
        found = training.measure(trained)
        assert isinstance(found, lab.Measured)
        names = {"model": pl.lit(f"{model_name} with {optimizer}"), "optimizer": pl.lit(optimizer)}
        return lab.Measured(found.rows.with_columns(idea="model", **names))

    return replace(training, name=f"{optimizer}-{training.name}", measure=measure)


@lab.experiment(
    papers=["2006.14560", "2211.05624", "2101.09530", "2110.05177", "2001.05016"],
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
def madam_arithmetic(config: MadamArithmeticConfig) -> Iterator[lab.Training]:
    for unit, operation in config.pairs:
        for optimizer in OPTIMIZERS:
            yield train_with(config, unit, operation, optimizer)
