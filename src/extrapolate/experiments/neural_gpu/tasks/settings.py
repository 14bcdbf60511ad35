"""What a person may choose, and the presets."""

from dataclasses import dataclass

from extrapolate.experiments.common_options import device_option, names_option, numbers_option
from extrapolate.experiments.neural_gpu.optimizers import trainer_option
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks import Algorithm, Copy, Duplicate, Reverse, Sort

#: By name, the tasks on sequences of so many kinds of symbols.
TASKS = {"copy": Copy, "reverse": Reverse, "duplicate": Duplicate, "sort": Sort}


@dataclass(frozen=True)
class TasksSettings:
    """A batch from every group of lengths in each step; AdaMax at 0.01 · 48/m unless chosen otherwise."""

    tasks: tuple[str, ...] = names_option("Tasks to train on, separated by commas, of", list(TASKS), "task")
    seeds: int = option("Networks on each task; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps at most; a network ends once its checks are perfect.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    ends: tuple[int, ...] = numbers_option("The longest of each group of training lengths.", 2)
    lengths: tuple[int, ...] = numbers_option("Lengths that are tested, the last if all before are exact.", 2)
    sequences: int = option("Sequences tested at each length but the last.", at_least(1))
    long_sequences: int = option("Sequences tested at the last length.", at_least(1))
    kinds: int = option("Kinds of symbols.", at_least(1))
    maps: int = option("Numbers at each place of the state.", at_least(1))
    batch: int = option("Sequences of each group of lengths in a step.", at_least(1))
    optimizer: str = trainer_option()
    device: str = device_option()

    def task(self, name: str) -> Algorithm:
        return TASKS[name](self.kinds)


PRESETS: dict[str, TasksSettings] = {
    "smoke": TasksSettings(
        tasks=("copy", "reverse"),
        seeds=1,
        steps=4,
        evaluate_every=2,
        ends=(4, 6),
        lengths=(6, 12),
        sequences=4,
        long_sequences=2,
        kinds=2,
        maps=6,
        batch=4,
        optimizer="AdaMax",
        device="cpu",
    ),
    "laptop": TasksSettings(
        tasks=tuple(TASKS),
        seeds=3,
        steps=6_000,
        evaluate_every=200,
        ends=(8, 16, 25, 41),
        lengths=(41, 82, 200, 401),
        sequences=256,
        long_sequences=64,
        kinds=2,
        maps=24,
        batch=16,
        optimizer="AdaMax",
        device="cpu",
    ),
    "paper": TasksSettings(
        tasks=tuple(TASKS),
        seeds=10,
        steps=20_000,
        evaluate_every=200,
        ends=(8, 12, 16, 20, 25, 28, 31, 36, 41),
        lengths=(41, 82, 401, 4_001),
        sequences=1_024,
        long_sequences=128,
        kinds=2,
        maps=48,
        batch=32,
        optimizer="AdaMax",
        device="cpu",
    ),
}
