"""One arithmetic unit on one operation: how its models are trained, and what is measured of them."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.arithmetic._surfaces import surfaces
from extrapolate.experiments.arithmetic._units import UNITS
from extrapolate.experiments.config import Config, fewer, larger, names, number, other, ranges
from extrapolate.experiments.training import Measured, Trained, Training, as_rows, at_first_use, first_below
from extrapolate.tasks import OPERATIONS, PUBLISHED_RANGES, RangePair, SingleModule
from extrapolate.training import Replicas
from extrapolate.training.evaluation import FixedData, mean_squared_error, regression_errors
from extrapolate.training.metrics import Evaluate
from extrapolate.training.restart import Restart
from extrapolate.training.train_config import TrainConfig

MULTIPLIERS = ("NMU", "StochasticNMU", "BatchStochasticNMU", "NACMul", "NALU", "MLP")


@dataclass(frozen=True, kw_only=True)
class SingleModuleConfig(Config):
    """The published protocol unless said otherwise: Adam, rate 1e-3, squared error, batch 128, fresh samples."""

    units: tuple[str, ...] = names(UNITS, "Units to train", "unit", default=MULTIPLIERS)
    operations: tuple[str, ...] = names(OPERATIONS, "Operations to learn", "operation", default=("mul",))
    ranges: tuple[RangePair, ...] = ranges(PUBLISHED_RANGES)
    eval_every: int = number(
        1_000, "Steps between two evaluations.", cut=larger("evaluated every {:,} steps, not {:,}")
    )
    in_features: int = number(
        2,
        "Input size. The first two inputs determine the target; the rest are distractors.",
        least=2,
        cut=other("{} inputs instead of {}"),
    )
    samples: int = number(
        10_000,
        "Samples of the validation set, and of the extrapolation set.",
        least=2,
        cut=fewer("test samples"),
    )


def train_unit(
    config: SingleModuleConfig,
    unit: str,
    operation: str,
    optimizer: Callable[[list[Tensor]], torch.optim.Optimizer] | None = None,
) -> Training:
    """One unit on one operation, all ranges and seeds at once: model ``i`` has range ``i // seeds``."""
    setup, seeds = UNITS[unit], config.seeds
    recipe = setup.recipe
    tasks = [SingleModule(OPERATIONS[operation], pair, config.in_features) for pair in config.ranges]
    build = partial(setup.layer, config.in_features, 1)

    def loss(model: nn.Module, key: Tensor, ends: dict[str, Tensor]) -> Tensor:
        # the tasks differ by their ranges alone
        x, y = tasks[0].sample_between(ends["low"], ends["high"], config.batch, key)
        return mean_squared_error(model, x, y)

    @cache
    def thresholds() -> Tensor:
        every = torch.tensor([task.threshold() for task in tasks], dtype=torch.float64)
        return every.repeat_interleave(seeds)

    def measure(trained: Trained) -> Measured:
        history = trained.history
        error = history.at_best("extrapolation_mse")
        solved = (error < thresholds()).tolist()
        rows = as_rows(
            training,
            {
                "solved": solved,
                "solved_at": first_below(history, "extrapolation_mse", thresholds(), solved),
                "sparsity_error": sparsity_errors(trained.replicas),
                "validation_mse": history.at_best("validation_mse"),
                "extrapolation_mse": error,
                "threshold": thresholds(),
                "best_step": history.best_step,
                "steps": config.steps,
            },
        )
        if config.in_features != 2:  # no plane to draw over
            return Measured(rows)
        return Measured(rows, {"surfaces": surfaces(tasks, seeds, trained.replicas, rows)})

    training = Training(
        name=f"{unit}-{operation}",
        labels={
            "unit": unit,
            "operation": operation,
            "range": [str(pair) for pair in config.ranges for _ in range(seeds)],
            "extrapolation_range": [str(pair.test) for pair in config.ranges for _ in range(seeds)],
        },
        build=build,
        config=config,
        seeds=list(range(seeds)) * len(config.ranges),
        train=TrainConfig(
            loss=loss,
            optimizer=optimizer or partial(torch.optim.Adam, lr=recipe.learning_rate, fused=True),
            steps=config.steps,
            evaluate=at_first_use(partial(_errors, config, tasks)),
            eval_every=config.eval_every,
            monitor="validation_mse",
            per_replica=_ends(config),
            penalties=recipe.penalties(config.steps, operation),
            grad_clip=recipe.grad_clip,
            restart=Restart(build) if recipe.restarts else None,
            solved=lambda measures: measures["extrapolation_mse"] < thresholds(),
            compile=config.compile,
        ),
        measure=measure,
    )
    return training


def _ends(config: SingleModuleConfig) -> dict[str, Tensor]:
    """Of each model's training range, (R,)."""
    ends = torch.tensor([pair.train.intervals[0] for pair in config.ranges], device=config.device)
    low, high = ends.repeat_interleave(config.seeds, 0).unbind(1)
    return {"low": low.contiguous(), "high": high.contiguous()}


def _errors(config: SingleModuleConfig, tasks: list[SingleModule]) -> Evaluate:
    """The errors on the task's validation and test split."""
    pieces: dict[str, list[FixedData]] = {"validation_mse": [], "extrapolation_mse": []}
    for index, task in enumerate(tasks):
        rows = slice(index * config.seeds, (index + 1) * config.seeds)
        inputs = task.ranges.sample_fixed((config.samples, task.in_features))
        for name, split in (("validation_mse", "validation"), ("extrapolation_mse", "test")):
            x = inputs[split]
            pieces[name].append(FixedData(rows, x.to(config.device), task.operation(x).to(config.device)))
    return regression_errors(pieces, compile=config.compile)


def sparsity_errors(replicas: Replicas) -> pl.Series:
    """How far the weights are from those of an exact unit; null for networks that have none."""
    from extrapolate.inspect import sparsity_error  # brings sympy with it, and is needed after the training

    values = [None] * len(replicas)
    if sparsity_error(replicas[0]) is not None:
        values = replicas.map(sparsity_error).tolist()
    return pl.Series(values, dtype=pl.Float64)
