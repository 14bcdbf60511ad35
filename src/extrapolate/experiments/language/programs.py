"""Programs, read symbol by symbol, with numbers up to 100 times larger than in training."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.experiments import lab
from extrapolate.experiments.language._program_readers import LARGEST, MEMORY, READERS, build_reader
from extrapolate.tasks import Programs
from extrapolate.tasks.programs import SCRIPTS, TIMES
from extrapolate.training import Clip

#: The column of the mean error on each test set, with numbers 1, 10 and 100 times larger than in training.
ERRORS = {"interpolation": "error_times_1", "test_10": "error_times_10", "test": "error_times_100"}


@dataclass(frozen=True, kw_only=True)
class ProgramsConfig(lab.Config):
    """Options of the programs: Adam, root mean squared error relative to the scale of the answers."""

    models: tuple[str, ...] = lab.names(READERS, "Models to train", "model")
    tasks: tuple[str, ...] = lab.names(SCRIPTS, "Kinds of programs to evaluate", "task")
    encoding: str = lab.name(
        "whole",
        ("whole", "digits"),
        "How numbers are encoded: whole (one step per number, with its value) or digits (one step per digit).",
        "way to read numbers",
    )
    limit: int = lab.integer(
        10,
        "Upper bound (exclusive) of the numbers in training; tests have up to 100 times larger ones. Published: 100.",
        least=2,
        cut=lab.fewer("numbers in training"),
    )
    eval_every: int = lab.integer(250, "Training steps between two evaluations.")
    batch: int = lab.integer(64, "Programs per training step.", cut=lab.fewer("programs per step"))
    samples: int = lab.integer(1_000, "Programs in the validation set, and in each test set.", least=2)
    hidden: int = lab.integer(32, "Units of the recurrent cell.", cut=lab.fewer("units in the cell"))
    compile: bool = False  # compiling the unrolled steps takes more than a minute


def findings(config: ProgramsConfig) -> Iterator[lab.Finding]:
    """Yield the findings: on each task, every cell with a unit compared with the same cell without a unit."""
    for task in [SCRIPTS[script].title for script in config.tasks]:
        for model in config.models:
            cell, unit = READERS[model]
            if unit is not None:
                more, less = ({"model": each, "task": task} for each in (cell, model))
                words = {"model": model, "task": task, "cell": cell}
                measure = lab.difference(ERRORS["test"], more, less)
                yield lab.Finding("{model}/{task}/lower-than-{cell}", measure, words)


def notes(config: ProgramsConfig) -> list[str]:
    """Describe the inputs, the models, their training and their tests."""
    way = "in one step, with its value" if config.encoding == "whole" else "digit by digit"
    return [
        f"Adam, learning rate 0.01, gradients clipped to norm 1, {config.batch} programs per step. The loss is the "
        "root mean squared error, relative to the scale of the answers (the limit of the numbers for sums and "
        "differences, its square for products).",
        f"A model reads a program symbol by symbol (a keyword is one symbol), and a number {way}. Adding: 'c + d ='. "
        "With a condition: 'if a == b : c op d else e op f ='; op is + or -, or +, - or ×; a and b are equal in half "
        "of the programs.",
        f"Without a unit: a cell of {config.hidden} units reads symbols and values, and a linear layer computes the "
        f"answer. With a unit: the model has a separate memory of {MEMORY} numbers u. The cell reads the symbols and "
        "the flags of u (s = tanh(3u) and 1 - s²), and sets the parameters of the unit. The unit computes the next u "
        "from u and the value of the symbol. The first number of the last u is the answer.",
        "The paper does not describe the connection of unit and cell. A NAC can neither multiply nor divide. The "
        "published comparison also has a differentiable neural computer.",
        f"Tested on {config.samples:,} programs per size of numbers (1, 10, 100 times larger), at the step with "
        "the lowest validation error. Solved: the mean error with the largest numbers is below "
        f"{Programs.threshold:g}.",
        lab.intervals_note("Wilson for success rates", "Student's t for errors and their differences"),
    ]


def curves(results: pl.DataFrame, config: ProgramsConfig) -> pl.DataFrame:
    limits = [config.limit * times for times in TIMES]
    return lab.curves_table(
        "Error by the size of the numbers",
        f"Mean absolute error, relative to the scale of the answers; trained on numbers below {config.limit}.",
        "numbers are below",
        "error",
        lab.curves_across(results, dict(zip(limits, ERRORS.values(), strict=True))),
    )


def relative_errors(model: nn.Module, symbols: Tensor, values: Tensor, reach: Tensor, answer: Tensor) -> Tensor:
    """Return the errors (N,) of the answers to programs (N, T), divided by ``reach``, the scale of the answers."""
    return (model(symbols.movedim(1, 0), values.movedim(1, 0)) - answer) / reach


def train_model(
    config: ProgramsConfig, model: str, task: Programs, splits: Mapping[str, tuple[Tensor, ...]]
) -> lab.Training:
    """Make the training of a model on a kind of programs; replica ``i`` has seed ``i``."""

    def root_mean_square(model: nn.Module, key: Tensor, _: Any) -> Tensor:
        squares = relative_errors(model, *task.sample(config.batch, key)).square()
        # the smallest float keeps the gradient of the root finite if every answer is exact
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
    most = int(LARGEST**0.5) // TIMES[-1]  # the products of the test stay below the bound of the memory
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
