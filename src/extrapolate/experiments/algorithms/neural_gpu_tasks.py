"""The Neural GPU on sequences: copy, reverse, duplicate and sort, far beyond the trained lengths."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from extrapolate.experiments import lab
from extrapolate.experiments.algorithms import _recipe as recipes
from extrapolate.experiments.algorithms._adaptive import SETTLING, reduce_on_plateau, settle
from extrapolate.experiments.algorithms._testing import TestSet, exact, train_and_test
from extrapolate.tasks import Copy, Duplicate, Reverse, Sort
from extrapolate.training import History

#: By name, tasks on sequences; each takes the number of kinds of symbols.
TASKS = {task.name: task for task in (Copy, Reverse, Duplicate, Sort)}

#: A training ends after this number of evaluations in a row without an error.
PERFECT = 3


@dataclass(frozen=True, kw_only=True)
class TasksConfig(recipes.NeuralGPUConfig):
    """One batch per step from every bin of lengths; AdaMax at 0.01 · 48/channels by default."""

    tasks: tuple[str, ...] = lab.names(TASKS, "Tasks to train on", "task")
    steps: int = lab.integer(
        6_000,
        f"Largest number of training steps; a training ends after {PERFECT} evaluations in a row without an error.",
        cut=lab.fewer("steps"),
    )
    ends: tuple[int, ...] = lab.integers(
        (8, 16, 25, 41),
        "Longest sequence of each bin of training lengths, in positions.",
        least=2,
        cut=recipes.longest(lab.larger("trained up to {:,} positions, not {:,}")),
    )
    lengths: tuple[int, ...] = lab.integers(
        (41, 82, 200, 401),
        "Tested lengths, in positions. The last is tested only for networks without an error on the others.",
        least=2,
        cut=recipes.longest(lab.fewer("positions tested")),
    )
    sequences: int = lab.integer(
        256, "Test sequences per length, except the last.", cut=lab.fewer("sequences per length")
    )
    long_sequences: int = lab.integer(
        64, "Test sequences at the last length.", cut=lab.fewer("sequences at the last length")
    )
    kinds: int = lab.integer(2, "Number of kinds of symbols.", cut=lab.fewer("kinds of symbols"))
    optimizer: str = lab.name(
        "AdaMax", recipes.OPTIMIZERS, "Optimizer: AdaMax, Adam or Madam. Published: AdaMax.", "optimizer"
    )


def findings(config: TasksConfig) -> Iterator[lab.Finding]:
    """Yield, for each task, whether any network is exact at the longest length."""
    length = config.lengths[-1]
    for each in config.tasks:
        words = {"task": each, "trained": config.ends[-1], "length": length}
        yield lab.Finding("{task}/exact", exact(f"length-{length}", each), words)


def notes(config: TasksConfig) -> list[str]:
    return [
        f"A diagonal Neural GPU of {config.channels} channels; the published findings are about the original Neural "
        f"GPU. Dropout 0.1 on candidates. {config.batch} sequences per step from each bin of lengths; the bins end "
        f"at {', '.join(map(str, config.ends))}. 5 % of the sequences are from shorter bins. Optimizer: "
        f"{config.optimizer} (published: AdaMax).",
        f"A training ends after {PERFECT} evaluations in a row without an error. An evaluation tests 32 sequences at "
        "once, twice and four times the longest trained length. From the first evaluation without an error, the "
        f"learning rate is multiplied by {SETTLING:g} (published: neither). The weights with the fewest errors are "
        "kept.",
        "A sequence is right if every position is right, padding included. Networks take one step per position. "
        "Solved: no error at any tested length. The last length is tested only for networks without an error on the "
        "others.",
        lab.intervals_note("Wilson for shares of networks"),
    ]


@lab.experiment(
    papers=["1511.08228", "1702.08727"],
    laptop=TasksConfig(seeds=3, eval_every=200, channels=24, batch=16),
    paper={
        "seeds": 10,
        "steps": 20_000,
        "ends": (8, 12, 16, 20, 25, 28, 31, 36, 41),
        "lengths": (41, 82, 401, 4_001),
        "sequences": 1_024,
        "long_sequences": 128,
        "channels": 48,
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
        "channels": 6,
    },
    findings=findings,
    notes=notes,
)
def neural_gpu_tasks(config: TasksConfig) -> Iterator[lab.Training]:
    def perfect(history: History) -> bool:
        errors = history.metrics["error"][-PERFECT:]
        return len(errors) == PERFECT and not bool(errors.any())

    *lengths, last = config.lengths
    for seed in range(config.seeds):
        for each in config.tasks:
            task = TASKS[each](config.kinds)
            test_set = partial(TestSet.random, task)
            recipe = recipes.Recipe(
                config=config,
                task=task,
                seeds=(seed,),
                dropout=0.1,
                bins=recipes.LengthBins(config.ends),
                bins_per_step=len(config.ends),
                learning_rate=lambda initial: settle(reduce_on_plateau(initial)),
                optimizer=config.optimizer,
                stop_when=perfect,
            )
            tests = [test_set(f"length-{length}", length, config.sequences) for length in lengths]
            tests.append(test_set(f"length-{last}", last, config.long_sequences, bool(lengths)))
            checks = [test_set(f"check-{n}", n * config.ends[-1], 32) for n in (1, 2, 4)]
            yield train_and_test(recipe, checks, tests)
