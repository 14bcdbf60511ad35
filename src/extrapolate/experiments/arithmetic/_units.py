"""The arithmetic units with their published training settings, and the training of a unit.

The steps in the settings are for a training of 50,000 steps; other lengths scale them. Sources: the papers' run
scripts (bmistry4/nalm-benchmark, bmistry4/nalm-division, bmistry4/nalm-robust-nmu), as in docs/units.md.
"""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from functools import cache, partial
from typing import Any

import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES, RangePair, SingleModule
from extrapolate.training import Clip, Growth, Penalty, Replicas, Step, Warmup
from extrapolate.training.evaluation import FixedData, mean_squared_error, regression_errors
from extrapolate.training.metrics import Evaluate
from extrapolate.training.restart import RestartOnPlateau

Penalties = Callable[[int, str], tuple[Penalty, ...]]


def _in_proportion(steps: int, published: int) -> int:
    return steps * published // 50_000


def _warmup(scale: float, begin: int, end: int) -> Penalties:
    """The unit's own penalty, with a weight that grows from 0 to ``scale`` between two published steps."""

    def penalties(steps: int, op: str) -> tuple[Penalty, ...]:
        first = _in_proportion(steps, begin)
        return (Penalty(Warmup(max(_in_proportion(steps, end), first + 1), first, scale)),)

    return penalties


def _l1(steps: int, op: str) -> tuple[Penalty, ...]:
    """The penalty β·Σ|p|; β grows from 1e-7 to 1e-5, for division from 1e-9 to 1e-7."""
    share = 0.01 if op == "div" else 1.0
    growth = Growth(1e-7 * share, 1e-5 * share, every=max(_in_proportion(steps, 10_000), 1))
    return (Penalty(growth, nn.l1_norm),)


def _saturation(steps: int, op: str) -> tuple[Penalty, ...]:
    """The unit's own penalty times 0.05, after a fifth of the steps, while the loss of the batch is below 1."""
    return (Penalty(Step(0.05, _in_proportion(steps, 10_000)), loss_below=1.0),)


@dataclass(frozen=True)
class Recipe:
    """Training settings of a unit.

    ``penalties(steps, operation)`` are added to the loss. ``restarts``: a model whose error stops falling is
    initialized again.
    """

    penalties: Penalties = lambda steps, op: ()
    learning_rate: float = 1e-3
    grad_clip: Clip | None = None
    restarts: bool = False


PLAIN = Recipe()
_ADDITION = Recipe(_warmup(0.01, 20_000, 35_000))
_MULTIPLICATION = Recipe(_warmup(10.0, 20_000, 35_000))
_POWER = Recipe(_l1, learning_rate=5e-3)
_MODIFIED_POWER = Recipe(
    lambda steps, op: (*_l1(steps, op), *_warmup(1.0, 40_000, 50_000)(steps, op)),
    learning_rate=5e-3,
)
_RECIPROCAL = Recipe(_warmup(10.0, 20_000, 35_000), learning_rate=1.0)
_RECIPROCAL_INPUTS = Recipe(_warmup(10.0, 20_000, 35_000), learning_rate=1e-2, grad_clip=Clip(norm=1.0))
_IMPROVED_NALU = Recipe(_saturation, grad_clip=Clip(value=0.1), restarts=True)


@dataclass(frozen=True)
class Unit:
    """A unit: ``layer(in_features, 1)`` makes it.

    ``operations``: those it can represent exactly; empty for a general network.
    """

    layer: Callable[[int, int], torch_nn.Module]
    operations: frozenset[str]
    recipe: Recipe


#: The units by name. torch's linear layer has no attribute ``operations``.
UNITS: dict[str, Unit] = {
    layer.__name__: Unit(layer, getattr(layer, "operations", frozenset({"add", "sub"})), recipe)
    for layer, recipe in (
        (nn.NAC, PLAIN),
        (nn.NAU, _ADDITION),
        (nn.MCFC, _MULTIPLICATION),
        (nn.NMU, _MULTIPLICATION),
        (nn.StochasticNMU, _MULTIPLICATION),
        (nn.BatchStochasticNMU, _MULTIPLICATION),
        (nn.MNAC, PLAIN),
        (nn.MulMCFC, _MULTIPLICATION),
        (nn.MulMCFCSignINALU, _MULTIPLICATION),
        (nn.MulMCFCSignRealNPU, _MULTIPLICATION),
        (nn.NACMul, PLAIN),
        (nn.NPU, _POWER),
        (nn.RealNPU, _POWER),
        (nn.ModifiedRealNPU, _MODIFIED_POWER),
        (nn.NRU, _RECIPROCAL),
        (nn.NRUSeparateSign, _RECIPROCAL),
        (nn.NMRU, _RECIPROCAL_INPUTS),
        (nn.GatedNMRU, _RECIPROCAL_INPUTS),
        (nn.NALU, PLAIN),
        (nn.IndependentNALU, PLAIN),
        (nn.GNALU, PLAIN),
        (nn.INALU, _IMPROVED_NALU),
        (torch_nn.Linear, PLAIN),
        (nn.MLP, PLAIN),
    )
}

MULTIPLIERS = ("NMU", "StochasticNMU", "BatchStochasticNMU", "NACMul", "NALU", "MLP")


@dataclass(frozen=True, kw_only=True)
class SingleModuleConfig(lab.Config):
    """Options of the published protocol: Adam, learning rate 1e-3, squared error, batch 128, fresh samples."""

    units: tuple[str, ...] = lab.names(UNITS, "Units to train", "unit", default=MULTIPLIERS)
    operations: tuple[str, ...] = lab.names(OPERATIONS, "Operations to learn", "operation", default=("mul",))
    ranges: tuple[RangePair, ...] = lab.ranges(PUBLISHED_RANGES)
    eval_every: int = lab.integer(
        1_000, "Training steps between two evaluations.", cut=lab.larger("evaluated every {:,} steps, not {:,}")
    )
    in_features: int = lab.integer(
        2,
        "Input size. The first two inputs determine the target; the rest are distractors. Published: 2.",
        least=2,
        cut=lab.other("{} inputs instead of {}"),
    )
    samples: int = lab.integer(
        10_000,
        "Samples of the validation set, and of the extrapolation set.",
        least=2,
        cut=lab.fewer("test samples"),
    )


def train_unit(
    config: SingleModuleConfig,
    model_name: str,
    op: str,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer] | None = None,
) -> lab.Training:
    """Make the training of a unit on an operation, all ranges and seeds at once: model i has range i // seeds."""
    recipe = UNITS[model_name].recipe
    build = partial(UNITS[model_name].layer, config.in_features, 1)
    tasks = [SingleModule(OPERATIONS[op], pair, config.in_features) for pair in config.ranges]
    task_of_each = [task for task in tasks for _ in range(config.seeds)]
    ends = torch.tensor([task.ranges.train.intervals[0] for task in task_of_each], device=config.device)

    def loss(model: torch_nn.Module, key: Tensor, own: dict[str, Tensor]) -> Tensor:
        # the tasks differ only by their ranges
        x, y = tasks[0].sample_between(own["low"], own["high"], config.batch, key)
        return mean_squared_error(model, x, y)

    def errors() -> Evaluate:
        pieces: dict[str, list[FixedData]] = {"validation_mse": [], "extrapolation_mse": []}
        for index, task in enumerate(tasks):
            rows = slice(index * config.seeds, (index + 1) * config.seeds)
            inputs = task.ranges.sample_fixed((config.samples, config.in_features)).values()
            for found, x in zip(pieces.values(), inputs, strict=True):
                found.append(FixedData(rows, x.to(config.device), task.op(x).to(config.device)))
        return regression_errors(pieces, compile=config.compile)

    @cache
    def thresholds() -> Tensor:
        return torch.tensor([task.threshold() for task in task_of_each], dtype=torch.float64)

    def measure(trained: lab.Trained) -> lab.Measured:
        rows = lab.as_rows(training, errors_and_steps(trained, thresholds(), config.steps))
        if config.in_features > 2:  # a surface needs a plane of inputs
            return lab.Measured(rows)
        return lab.Measured(rows, {"surfaces": surfaces(task_of_each, trained.replicas, rows)})

    adam = partial(torch.optim.Adam, lr=recipe.learning_rate, fused=True)
    training = lab.Training(
        name=f"{model_name}-{op}",
        labels={
            "model": model_name,
            "task": op,
            "split": [str(task.ranges) for task in task_of_each],
            "extrapolation_range": [str(task.ranges.test) for task in task_of_each],
        },
        build=build,
        config=config,
        seeds=list(range(config.seeds)) * len(tasks),
        train=replace(
            config.train(loss, optimizer or adam, lab.at_first_use(errors), "validation_mse"),
            per_replica={"low": ends[:, 0].contiguous(), "high": ends[:, 1].contiguous()},
            penalties=recipe.penalties(config.steps, op),
            grad_clip=recipe.grad_clip,
            restart=RestartOnPlateau(build) if recipe.restarts else None,
            solved=lambda measures: measures["extrapolation_mse"] < thresholds(),
        ),
        measure=measure,
    )
    return training


def errors_and_steps(trained: lab.Trained, thresholds: Tensor, steps: int) -> dict[str, Any]:
    """Return the columns of the results; a model is solved if its extrapolation error is below its threshold (R,)."""
    from extrapolate.inspect import sparsity_error  # imports sympy, which only the end of a training needs

    history, replicas = trained.history, trained.replicas
    exact = sparsity_error(replicas[0]) is not None  # None for networks without exact weights
    sparsity_errors = replicas.vmap(sparsity_error).tolist() if exact else [None] * len(replicas)
    error = history.at_best("extrapolation_mse")
    solved = (error < thresholds).tolist()
    return {
        "solved": solved,
        "solved_at": lab.first_below(history, "extrapolation_mse", thresholds, solved),
        "sparsity_error": pl.Series(sparsity_errors, dtype=pl.Float64),
        "validation_mse": history.at_best("validation_mse"),
        "extrapolation_mse": error,
        "threshold": thresholds,
        "best_step": history.best_step,
        "steps": steps,
    }


def surfaces(tasks: Sequence[SingleModule], replicas: Replicas, rows: pl.DataFrame) -> pl.DataFrame:
    """Return the outputs of one failed and one solved model, of the same range if possible.

    The grid spans the training and the test range, with 41 points per axis.
    """

    def surface(index: int) -> pl.DataFrame:
        task, (low, high) = tasks[index], tasks[index].ranges.train.intervals[0]
        ends = [low, high, *(end for interval in task.ranges.test.intervals for end in interval)]
        axis = torch.linspace(min(ends), max(ends), 41, dtype=torch.float64)
        x = torch.cartesian_prod(axis, axis)
        with torch.no_grad():
            values = torch.cat([x, task.op(x), replicas[index].cpu().double().eval()(x)], 1)
        points = pl.DataFrame(values.numpy(), ["x0", "x1", "true", "learned"])
        labels = rows[index].select("model", "task", "split", "seed", "solved")
        return labels.with_columns(train_low=low, train_high=high).join(points, how="cross")

    failed, solved = ([i for i, ok in enumerate(rows["solved"]) if ok is value] for value in (False, True))
    failed_in = [rows["split"][i] for i in failed[:1]]
    solved.sort(key=lambda i: rows["split"][i] not in failed_in)
    return pl.concat([surface(i) for i in (*failed[:1], *solved[:1])])
