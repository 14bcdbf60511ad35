"""Programs: read symbol by symbol, with numbers a hundred times larger than in training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.experiments import lab
from extrapolate.experiments.language._program_readers import KEPT, LARGEST, READERS, build_reader
from extrapolate.tasks import Programs
from extrapolate.tasks.programs import SCRIPTS, TIMES
from extrapolate.training import Clip

#: The column of the mean error on each test: its numbers are 1, 10 and 100 times larger than in training.
ERRORS = {"interpolation": "error_times_1", "test_10": "error_times_10", "test": "error_times_100"}


@dataclass(frozen=True, kw_only=True)
class ProgramsConfig(lab.Config):
    """Adam, rate 1e-2, root mean squared error in units of what an answer can reach."""

    models: tuple[str, ...] = lab.names(READERS, "Models to train", "model")
    tasks: tuple[str, ...] = lab.names(SCRIPTS, "Kinds of programs to evaluate", "task")
    encoding: str = lab.name(
        "whole",
        ("whole", "digits"),
        "How a number is read: whole (in one step, with its value) or digits (digit by digit).",
        "way to read numbers",
    )
    limit: int = lab.integer(
        10,
        "Numbers in training are below N; at test up to 100 times larger.",
        least=2,
        cut=lab.fewer("numbers in training"),
    )
    eval_every: int = lab.integer(250, "Steps between two evaluations.")
    batch: int = lab.integer(64, "Programs per step.", cut=lab.fewer("programs per step"))
    samples: int = lab.integer(1_000, "Programs in the validation set, and in each test.", least=2)
    hidden: int = lab.integer(32, "Size of the cell's state.", cut=lab.fewer("units in the cell"))
    compile: bool = False  # the unrolled steps are more code than a compiler can fuse in a minute


def findings(config: ProgramsConfig) -> Iterator[lab.Finding]:
    """On each task, every unit against its own cell without a unit."""
    for task in [SCRIPTS[script].title for script in config.tasks]:
        for model in config.models:
            cell, unit = READERS[model]
            if unit is not None:
                more, less = ({"model": each, "task": task} for each in (cell, model))
                words = {"model": model, "task": task, "cell": cell}
                measure = lab.difference(ERRORS["test"], more, less)
                yield lab.Finding("{model}/{task}/lower-than-{cell}", measure, words)


def notes(config: ProgramsConfig) -> list[str]:
    """What the models read, how they compute, and how they were trained and tested."""
    way = "in one step, with its value" if config.encoding == "whole" else "digit by digit"
    return [
        f"Adam, rate 0.01, gradients of norm 1 at most, {config.batch} programs per step; loss: the root mean "
        "squared error in units of what an answer can reach (the limit of the numbers for sums and differences, its "
        "square for products).",
        f"Programs are read symbol by symbol (a keyword is one symbol), a number {way}. Adding: 'c + d ='. With a "
        "condition: 'if a == b : c op d else e op f ='; op is + or -, or +, - or ×; a and b are equal in half of "
        "the programs.",
        f"Without a unit: a cell of size {config.hidden} reads symbols and values, a linear layer answers. With a "
        f"unit: {KEPT} numbers are kept beside the cell's state; the cell reads the symbols and flags of these "
        "numbers (s = tanh(3u) and 1 - s²), and sets the parameters of the unit, which computes the new numbers from "
        "the old ones and the value read; the first is the answer. How the published unit is joined to the cell is "
        "not known. A NAC can neither multiply nor divide. The published comparison has a differentiable neural "
        "computer too.",
        f"Tested on {config.samples:,} programs of each size of numbers (1, 10, 100 times larger), at the step with "
        "the lowest validation error. Solved: the mean error with the largest numbers is below "
        f"{Programs.threshold:g}.",
        lab.intervals_note("Wilson for success rates", "Student's t for errors and their differences"),
    ]


def curves(results: pl.DataFrame, config: ProgramsConfig) -> pl.DataFrame:
    limits = [config.limit * times for times in TIMES]
    return lab.curves_table(
        "Error against the size of the numbers",
        f"Mean absolute error, in units of what an answer can reach; trained on numbers below {config.limit}.",
        "numbers are below",
        "error",
        lab.curves_across(results, dict(zip(limits, ERRORS.values(), strict=True))),
    )


def relative_errors(model: nn.Module, symbols: Tensor, values: Tensor, reach: Tensor, answer: Tensor) -> Tensor:
    """(N,): the errors of the answers to programs (N, T), in units of what they can reach."""
    return (model(symbols.movedim(1, 0), values.movedim(1, 0)) - answer) / reach


def train_model(
    config: ProgramsConfig, model: str, task: Programs, splits: Mapping[str, tuple[Tensor, ...]]
) -> lab.Training:
    """One kind of model on one kind of program; replica ``i`` has seed ``i``."""

    def root_mean_square(model: nn.Module, key: Tensor, _: Any) -> Tensor:
        squares = relative_errors(model, *task.sample(config.batch, key)).square()
        # the smallest float keeps the root's gradient finite where every answer is exact
        return (squares.mean() + torch.finfo(torch.float32).tiny).sqrt()

    def error_on(split: str, model: nn.Module) -> Tensor:
        return relative_errors(model, *splits[split]).abs().mean()

    def measure(trained: lab.Trained) -> dict[str, Any]:
        errors = {split: trained.vmap(partial(error_on, split)) for split in ERRORS}
        return {
            "solved": errors["test"] < task.threshold,
            "validation_error": trained.history.at_best("validation_error"),
            **{ERRORS[split]: error for split, error in errors.items()},
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    adam = partial(torch.optim.Adam, lr=1e-2, fused=True)
    metrics = {"validation_error": partial(error_on, "validation")}
    return lab.Training(
        name=f"{model}-{task.script.name}",
        labels={"model": model, "task": task.script.title, "split": f"numbers below {task.limit}"},
        build=partial(build_reader, model, config.hidden, config.limit),
        train=replace(
            config.train(root_mean_square, adam, metrics),
            grad_clip=Clip(norm=1.0),
            solved=lambda measures: measures["validation_error"] < task.threshold,
        ),
        measure=measure,
        config=config,
    )


@lab.experiment(
    papers=["1808.00508", "1410.4615"],
    laptop=ProgramsConfig(seeds=6, steps=2_500),
    paper={
        "limit": 100,
        "seeds": 10,
        "steps": 100_000,
        "eval_every": 1_000,
        "batch": 128,
        "samples": 10_000,
        "hidden": 64,
    },
    smoke={
        "models": ("LSTM", "LSTM-NALU"),
        "tasks": ("add",),
        "steps": 4,
        "eval_every": 2,
        "samples": 10,
        "hidden": 8,
    },
    findings=findings,
    notes=notes,
    means=tuple(ERRORS.values()),
    curves=curves,
)
def programs(config: ProgramsConfig) -> Iterator[lab.Training]:
    most = int(LARGEST**0.5) // TIMES[-1]  # the products of the test stay below what a unit may keep
    if config.limit > most:
        raise UserError(f"--limit: {config.limit} is too large: it must be at most {most}")
    for script in config.tasks:
        task = Programs(SCRIPTS[script], config.limit, config.encoding == "digits")
        splits = {
            split: tuple(each.to(config.device) for each in programs)
            for split, programs in task.splits(config.samples).items()
        }
        for model in config.models:
            yield train_model(config, model, task, splits)
