"""Programs: read symbol by symbol, with numbers a hundred times larger than in training."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import partial

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.errors import UserError
from extrapolate.experiments.config import Config, fewer, name, names, number
from extrapolate.experiments.curves import curves_across, curves_table
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, above, difference
from extrapolate.experiments.language._program_readers import KEPT, KINDS, LARGEST, STEEP
from extrapolate.experiments.options import Option, at_least
from extrapolate.experiments.summary import means, summarize
from extrapolate.experiments.training import Column, Trained, Training
from extrapolate.tasks import Programs
from extrapolate.tasks.programs import SCRIPTS, Read
from extrapolate.training import Clip, Replicas
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE = 1e-2

#: How many times larger than in training the numbers of the tests are.
TIMES = (1, 10, 100)
ERRORS = {times: f"error_times_{times}" for times in TIMES}

#: Seeds of the fixed sets, the same for all models; the seed of a test is this one plus one of ``TIMES``.
VALIDATION_SEED, TEST_SEED = 1, 100


def read_limit(text: str) -> int:
    """Read a whole number such that the products of the test stay below what a unit may keep."""
    limit, most = at_least(2)(text), int(LARGEST**0.5) // TIMES[-1]
    if limit > most:
        raise UserError(f"{limit} is too large: it must be at most {most}")
    return limit


LIMIT = Option(
    "Numbers in training are below N; at test up to 100 times larger.",
    read_limit,
    str,
    "N",
    cut=fewer("numbers in training"),
)


@dataclass(frozen=True, kw_only=True)
class ProgramsConfig(Config):
    """Adam, rate 1e-2, root mean squared error in units of what an answer can reach."""

    models: tuple[str, ...] = names(KINDS, "Models to train", "model")
    tasks: tuple[str, ...] = names(SCRIPTS, "Kinds of programs to evaluate", "task")
    numbers: str = name(
        "whole",
        ("whole", "digits"),
        "How a number is read: whole (in one step, with its value) or digits (digit by digit).",
        "way to read numbers",
    )
    limit: int = field(default=10, metadata={"option": LIMIT})
    eval_every: int = number(250, "Steps between two evaluations.")
    batch: int = number(64, "Programs per step.", cut=fewer("programs per step"))
    samples: int = number(1_000, "Programs in the validation set, and in each test.", least=2)
    hidden: int = number(32, "Size of the cell's state.", cut=fewer("units in the cell"))
    compile: bool = False  # the unrolled steps are more code than a compiler can fuse in a minute


# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 1808.00508, program evaluation; a figure, as quoted, unverified"


def findings(config: ProgramsConfig) -> Iterator[Finding]:
    """On each task, every unit against its own cell without a unit."""
    for task in [SCRIPTS[script].title for script in config.tasks]:
        for unit in config.models:
            cell = KINDS[unit].cell
            if unit != cell:
                yield Finding(
                    f"{unit}/{task}/lower-than-{cell}",
                    f"{task}, numbers {TIMES[-1]} times larger than in training: {unit} is less wrong than {cell} "
                    f"(measured: {cell}'s error minus {unit}'s, in units of what an answer can reach, seed by seed)",
                    f"the NALU versions stay low where the others do not ({SOURCE})",
                    difference(
                        ERRORS[TIMES[-1]],
                        {"unit": cell, "operation": task},
                        {"unit": unit, "operation": task},
                    ),
                    above(0),
                )


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: ProgramsConfig) -> list[str]:
    """What the models read, how they compute, and how they were trained and tested."""
    way = "in one step, with its value" if config.numbers == "whole" else "digit by digit"
    return [
        f"Adam, rate {LEARNING_RATE:g}, gradients of norm 1 at most, {config.batch} programs per step; loss: the "
        "root mean squared error in units of what an answer can reach (the limit of the numbers for sums and "
        "differences, its square for products).",
        f"Programs are read symbol by symbol (a keyword is one symbol), a number {way}. Adding: 'c + d ='. With a "
        "condition: 'if a == b : c op d else e op f ='; op is + or -, or +, - or ×; a and b are equal in half of "
        "the programs.",
        f"Without a unit: a cell of size {config.hidden} reads symbols and values, a linear layer answers. With a "
        f"unit: {KEPT} numbers are kept beside the cell's state; the cell reads the symbols and flags of these "
        f"numbers (s = tanh({STEEP:g}u) and 1 - s²), and sets the parameters of the unit, which computes the new "
        "numbers from the old ones and the value read; the first is the answer. How the published unit is joined "
        "to the cell is not known.",
        "The published comparison has a differentiable neural computer too; it is not among these models. A NAC can "
        "neither multiply nor divide.",
        f"Tested on {config.samples:,} programs of each size of numbers ({', '.join(map(str, TIMES))} times larger), "
        "at the step with the lowest validation error. Solved: the mean error with the largest numbers is below "
        f"{Programs.threshold:g}.",
        intervals_note("Wilson for success rates", "Student's t for errors and their differences"),
    ]


def summary(results: pl.DataFrame) -> pl.DataFrame:
    """Success rates, then the mean errors at each size of numbers."""
    return pl.concat([summarize(results), means(results, list(ERRORS.values()))])


def error_by_size(results: pl.DataFrame, config: ProgramsConfig) -> pl.DataFrame:
    return curves_table(
        "Error against the size of the numbers",
        f"Mean absolute error, in units of what an answer can reach; trained on numbers below {config.limit}.",
        "numbers are below",
        "error",
        curves_across(results, {config.limit * times: column for times, column in ERRORS.items()}),
    )


@experiment(
    source=(
        "Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); Zaremba & Sutskever, Learning "
        "to Execute (arXiv 1410.4615, 2014)"
    ),
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
    summary=summary,
    curves=error_by_size,
)
def programs(config: ProgramsConfig) -> Iterator[Training]:
    for task in config.tasks:
        for model in config.models:
            yield train_model(config, model, task)


def train_model(config: ProgramsConfig, model: str, script: str) -> Training:
    """One kind of model on one kind of program; replica ``i`` has seed ``i``."""
    task = Programs(SCRIPTS[script], config.limit, config.numbers == "digits")
    validation = sample_fixed(config, task, VALIDATION_SEED)

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return {"validation_error": replicas.map(partial(mean_error, validation))}

    def measure(trained: Trained) -> dict[str, Column]:
        errors = {}
        for times in TIMES:
            test = sample_fixed(config, task.larger(times), TEST_SEED + times)
            errors[times] = trained.map(partial(mean_error, test))
        return {
            "solved": errors[TIMES[-1]] < Programs.threshold,
            "validation_error": trained.history.at_best("validation_error"),
            **{ERRORS[times]: error for times, error in errors.items()},
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    return Training(
        name=f"{model}-{script}",
        labels={"unit": model, "operation": task.script.title, "range": f"numbers below {task.limit}"},
        build=partial(KINDS[model].build, config.hidden, config.limit),
        seeds=range(config.seeds),
        train=TrainConfig(
            loss=partial(root_mean_square, task, config.batch),
            optimizer=partial(torch.optim.Adam, lr=LEARNING_RATE, fused=True),
            steps=config.steps,
            evaluate=evaluate,
            eval_every=config.eval_every,
            monitor="validation_error",
            grad_clip=Clip(norm=1.0),
            solved=lambda measures: measures["validation_error"] < Programs.threshold,
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )


def root_mean_square(
    task: Programs, batch: int, model: nn.Module, key: Tensor, _: dict[str, Tensor]
) -> Tensor:
    """The loss on ``batch`` programs sampled with ``key``."""
    read = task.drawn(ops.uniform(key, (task.draws, batch)))
    # the smallest float keeps the root's gradient finite where every answer is exact
    return (relative_errors(model, read).square().mean() + torch.finfo(torch.float32).tiny).sqrt()


def relative_errors(model: nn.Module, read: Read) -> Tensor:
    """(N,): the errors of the answers, in units of what they can reach."""
    return (model(read.symbols, read.values) - read.answer) / read.reach


def mean_error(read: Read, model: nn.Module) -> Tensor:
    return relative_errors(model, read).abs().mean()


def sample_fixed(config: ProgramsConfig, task: Programs, seed: int) -> Read:
    u = torch.rand(task.draws, config.samples, generator=torch.Generator().manual_seed(seed))
    return task.drawn(u.to(config.device))
