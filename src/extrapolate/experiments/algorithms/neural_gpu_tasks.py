"""The Neural GPU on sequences: copy, reverse, duplicate and sort, far beyond the trained lengths."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from extrapolate.experiments.algorithms._lengths import LengthBins
from extrapolate.experiments.algorithms._recipe import (
    OPTIMIZERS,
    SETTLING,
    NeuralGPUConfig,
    Recipe,
    longest,
    reduce_on_plateau,
)
from extrapolate.experiments.algorithms._test_sets import TestSet, TestSuite
from extrapolate.experiments.algorithms._training import exact, summarize_errors, train_and_test
from extrapolate.experiments.config import fewer, larger, name, names, number, numbers
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding
from extrapolate.experiments.training import Training
from extrapolate.tasks import Algorithm, Copy, Duplicate, Reverse, Sort
from extrapolate.training import History

SOURCE = (
    "Kaiser & Sutskever, Neural GPUs Learn Algorithms (arXiv 1511.08228, ICLR 2016); network and recipe of "
    "Freivalds & Liepins (arXiv 1702.08727)"
)

#: By name, the tasks on sequences of a number of kinds of symbols.
TASKS: dict[str, type[Copy | Reverse | Duplicate | Sort]] = {
    task.name: task for task in (Copy, Reverse, Duplicate, Sort)
}

DROPOUT = 0.1

#: A training ends after so many evaluations in a row without an error.
PERFECT = 3

#: Sequences per checked length: the longest trained one, and two and four times that.
CHECKED = 32


@dataclass(frozen=True, kw_only=True)
class TasksConfig(NeuralGPUConfig):
    """A batch from every bin of lengths in each step; AdaMax at 0.01 · 48/channels by default."""

    tasks: tuple[str, ...] = names(TASKS, "Tasks to train on", "task")
    steps: int = number(
        6_000,
        "Largest number of training steps; a training ends once its checks are perfect.",
        cut=fewer("steps"),
    )
    ends: tuple[int, ...] = numbers(
        (8, 16, 25, 41),
        "The longest length of each bin of training lengths.",
        least=2,
        cut=longest(larger("trained up to {:,} positions, not {:,}")),
    )
    lengths: tuple[int, ...] = numbers(
        (41, 82, 200, 401),
        "Lengths that are tested. The last is tested only for networks without an error on the others.",
        least=2,
        cut=longest(fewer("positions tested")),
    )
    sequences: int = number(
        256, "Sequences tested at each length but the last.", cut=fewer("sequences per length")
    )
    long_sequences: int = number(
        64, "Sequences tested at the last length.", cut=fewer("sequences at the last length")
    )
    kinds: int = number(2, "Kinds of symbols.", cut=fewer("kinds of symbols"))
    optimizer: str = name("AdaMax", OPTIMIZERS, f"Optimizer: {', '.join(OPTIMIZERS)}.", "optimizer")


def findings(config: TasksConfig) -> Iterator[Finding]:
    """Whether any network is exact at the longest length, task by task."""
    last = config.lengths[-1]
    for each in config.tasks:
        yield Finding(
            f"{each}/exact",
            f"{each}: trained up to {config.ends[-1]} positions, a network makes no error at {last:,} (measured: "
            "share of networks)",
            "no error found up to 4,001 positions after training up to 41 (arXiv 1511.08228, of a grid of 729 "
            "trainings, by the original Neural GPU)",
            exact(_test_name(last), operation=each),
        )


def notes(config: TasksConfig) -> list[str]:
    return [
        f"A diagonal Neural GPU of {config.maps} channels, where the published findings are of the original one; "
        f"dropout {DROPOUT:g} on candidates. {config.batch} sequences per step of each bin of lengths, bins ending "
        f"at {', '.join(map(str, config.ends))}; 5 % of them are from shorter bins. Optimizer: {config.optimizer} "
        "(published: AdaMax).",
        f"A training ends after {PERFECT} evaluations in a row without an error on {CHECKED} sequences at each of "
        "the longest trained length, twice and four times that. From the first such evaluation on its learning rate "
        f"is {SETTLING:g} of what it would be (published: neither). The weights with the fewest errors are kept.",
        "A sequence is right if every position is, padding included; one step per position.",
        "Solved: no error at any tested length. The last length is tested only where all others are exact.",
        "Intervals (95 %): Wilson for shares of networks, Student's t for error rates.",
    ]


@experiment(
    source=SOURCE,
    laptop=TasksConfig(seeds=3, eval_every=200, maps=24, batch=16),
    paper={
        "seeds": 10,
        "steps": 20_000,
        "ends": (8, 12, 16, 20, 25, 28, 31, 36, 41),
        "lengths": (41, 82, 401, 4_001),
        "sequences": 1_024,
        "long_sequences": 128,
        "maps": 48,
        "batch": 32,
    },
    smoke={
        "tasks": ("copy", "reverse"),
        "seeds": 1,
        "steps": 4,
        "eval_every": 2,
        "ends": (4, 6),
        "lengths": (6, 12),
        "sequences": 4,
        "long_sequences": 2,
        "maps": 6,
    },
    findings=findings,
    notes=notes,
    summary=summarize_errors,
)
def neural_gpu_tasks(config: TasksConfig) -> Iterator[Training]:
    bins = LengthBins(config.ends)
    tasks = [TASKS[each](config.kinds) for each in config.tasks]
    suites = [_suite(task, config) for task in tasks]
    for seed in range(config.seeds):
        for task, suite in zip(tasks, suites, strict=True):
            recipe = Recipe(
                config=config,
                task=task,
                seeds=(seed,),
                dropout=DROPOUT,
                bins=bins,
                bins_per_step=len(bins.ends),
                learning_rate=reduce_on_plateau,
                optimizer=config.optimizer,
            )
            yield train_and_test(recipe, suite, stop_when=_perfect)


def _suite(task: Algorithm, config: TasksConfig) -> TestSuite:
    *lengths, last = config.lengths
    tests = [_test_set(task, _test_name(length), length, config.sequences) for length in lengths]
    return TestSuite(
        checks=[_test_set(task, f"check-{n}", n * config.ends[-1], CHECKED) for n in (1, 2, 4)],
        tests=[*tests, _test_set(task, _test_name(last), last, config.long_sequences, bool(lengths))],
    )


def _test_set(task: Algorithm, name: str, length: int, count: int, if_exact: bool = False) -> TestSet:
    return TestSet(name, length, count, partial(task.examples, count, length), if_exact, typical=True)


def _test_name(length: int) -> str:
    return f"length-{length}"


def _perfect(history: History) -> bool:
    """Whether the last evaluations of all networks were without an error."""
    last = history.metrics["error"][-PERFECT:]
    return len(last) == PERFECT and bool((last == 0).all())
