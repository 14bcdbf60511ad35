"""Neural GPUs that compute: how sums or products are trained, tested and compared with the published findings."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import torch

from extrapolate.experiments.algorithms._lengths import LengthBins
from extrapolate.experiments.algorithms._recipe import (
    DECAY_FROM,
    RARE,
    NeuralGPUConfig,
    Recipe,
    linear_decay,
    longest,
)
from extrapolate.experiments.algorithms._test_sets import TestSet, TestSuite
from extrapolate.experiments.algorithms._training import exact, train_and_test
from extrapolate.experiments.config import fewer, name, number, numbers, real
from extrapolate.experiments.findings import Finding
from extrapolate.experiments.training import Training
from extrapolate.tasks import Addition, Examples, Multiplication
from extrapolate.tasks.algorithms import (
    Draw,
    hard_operands,
    rippling_operands,
    uniform_operands,
    varied_operands,
)

SOURCE = (
    "Kaiser & Sutskever, Neural GPUs Learn Algorithms (arXiv 1511.08228, ICLR 2016); network and recipe of "
    "Freivalds & Liepins (arXiv 1702.08727); tests of carries after Price, Zaremba & Sutskever (arXiv 1611.00736)"
)
TABLE = "arXiv 1511.08228, table 1: the best of 729 trainings of the original Neural GPU"

#: By name, how the operands of training examples are sampled.
OPERANDS: dict[str, Draw] = {
    "rippling": rippling_operands,
    "varied": varied_operands,
    "hard": hard_operands,
    "uniform": uniform_operands,
}

#: Of the checks at every evaluation: pairs and widths; widths and pairs of each family.
CHECK_PAIRS, CHECK_WIDTHS = 32, (10, 20, 40, 100, 200)
CHECK_FAMILIES, CHECK_FAMILY_PAIRS = (20, 100, 200), 4

#: Of the trials of each rounding: random pairs by width, and pairs of each family at all widths but the last.
TRIALS, TRIAL_FAMILY_PAIRS = {20: 128, 100: 128, 200: 96, 400: 16}, 16

#: What both operations' smoke presets have instead of the laptop's values, and what both papers' have.
SMOKE = {
    "steps": 2,
    "eval_every": 1,
    "widths": (4, 6),
    "pairs": 4,
    "long_pairs": 2,
    "family_pairs": 2,
    "maps": 6,
    "batch": 2,
    "bins": 2,
}
PAPER = {
    "steps": 20_000,
    "operands": "uniform",
    "levels": (0,),
    "slack": 0,
    "pairs": 1_024,
    "long_pairs": 128,
    "family_pairs": 64,
    "batch": 32,
    "bins": 9,
}


@dataclass(frozen=True, kw_only=True)
class ArithmeticConfig(NeuralGPUConfig):
    """AdaMax at 0.01 · 48/channels; operands of up to 20 bits in training."""

    together: int = number(1, "Networks that are trained at once; on a GPU many take as long as one.")
    dropout: float = real(0.1, "Share of the candidate state that is dropped in training.", least=0, below=1)
    operands: str = name(
        "varied",
        OPERANDS,
        "How training operands are sampled: uniform; hard (40 % with long carries); varied (hard, plus 1/3 block "
        "patterns); rippling (varied, plus 1/8 runs of ones plus one). Published: uniform.",
        "kind of operands",
    )
    levels: tuple[int, ...] = numbers(
        (4,),
        "Round states to multiples of 1/N at inference. Given several N, each network uses the one with the fewest "
        "errors on a validation set. 0: no rounding (published).",
        least=0,
    )
    slack: int = number(
        0,
        "Extra steps after one step per position, so that late carries finish. In training sampled from "
        "[slack/4, slack]. Published: 0.",
        least=0,
    )
    widths: tuple[int, ...] = numbers(
        (20, 25, 100, 200, 2_000),
        "Bits of the tested operands. The last is tested only for networks without an error on the others.",
        least=4,
        cut=longest(fewer("bits tested")),
    )
    pairs: int = number(256, "Random pairs tested at each width but the last.", cut=fewer("pairs per width"))
    long_pairs: int = number(
        16, "Random pairs tested at the last width.", cut=fewer("pairs at the last width")
    )
    family_pairs: int = number(
        32, "Largest number of pairs of each adversarial family at each width.", cut=fewer("pairs per family")
    )
    bins: int = number(5, "Bins of lengths per step, of nine.", cut=fewer("bins of lengths per step"))


@dataclass(frozen=True)
class Operation:
    """What networks compute, and what was published of it.

    Args:
        families: ``families(width, most)``: pairs built to make networks fail, by name.
        exact_widths: the widths in bits at which the published network makes no error.
        dropout: the published one.
    """

    task: Addition | Multiplication
    families: Callable[[int, int], dict[str, list[tuple[int, int]]]]
    exact_widths: tuple[int, ...]
    dropout: float


@dataclass(frozen=True)
class ArithmeticTests:
    """The test sets of an operation: random pairs at every width, and families.

    The methods ``carries``, ``full_carries`` and ``carry_checks`` give further sets of sums.
    """

    operation: Operation
    config: ArithmeticConfig

    def suite(self) -> TestSuite:
        return TestSuite(self.checks(), self.tests(), self.trials())

    def tests(self) -> list[TestSet]:
        """Random pairs first, of the last width for networks without an error so far; then what is built to fail."""
        *widths, last = self.config.widths
        found = [self._random(random_name(width), width, self.config.pairs) for width in widths]
        found.append(self._random(random_name(last), last, self.config.long_pairs, if_exact=bool(widths)))
        found += self.carries()
        for width in widths:
            found += [*self._families(width, self.config.family_pairs), *self.full_carries(width)]
        return [*found, *self.full_carries(last, if_exact=bool(widths))]

    def checks(self) -> list[TestSet]:
        """The sets of an evaluation, the shortest first."""
        most = max(self.config.widths[:-1] or self.config.widths)
        found = [self._random(f"check-{w}", w, CHECK_PAIRS) for w in CHECK_WIDTHS if w <= most]
        for width in CHECK_FAMILIES:
            if width <= most:
                found += self._families(width, CHECK_FAMILY_PAIRS, "check-")
        found = [*found, *self.carry_checks(most)] or [self._random("check", most, CHECK_PAIRS)]
        return sorted(found, key=lambda each: each.length)

    def trials(self) -> list[TestSet]:
        """The sets of each rounding, the shortest first, up to the first error."""
        found = []
        for width, count in TRIALS.items():
            found.append(self._random(f"trial-{width}", width, count))
            if width < max(TRIALS):
                found += self._families(width, TRIAL_FAMILY_PAIRS, "trial-")
            found += self.full_carries(width, "trial-")
        return [replace(each, if_exact=True) for each in found]

    def carries(self) -> list[TestSet]:
        """Carries of every length."""
        return []

    def full_carries(self, width: int, prefix: str = "", *, if_exact: bool = False) -> list[TestSet]:
        """Carries over the whole width."""
        return []

    def carry_checks(self, most: int) -> list[TestSet]:
        """The carries of an evaluation, up to ``most`` bits."""
        return []

    def _random(self, name: str, width: int, count: int, *, if_exact: bool = False) -> TestSet:
        length = 2 * width + 1
        make = partial(self.operation.task.examples, count, length)
        return TestSet(name, length, count, make, if_exact, typical=True)

    def _families(self, width: int, most: int, prefix: str = "") -> list[TestSet]:
        return [
            TestSet(
                f"{prefix}family-{family}-{width}",
                2 * width + 1,
                len(pairs),
                partial(_of_numbers, self.operation.task, pairs, width),
            )
            for family, pairs in self.operation.families(width, most).items()
        ]


def _of_numbers(
    task: Addition | Multiplication, pairs: list[tuple[int, int]], width: int, generator: torch.Generator
) -> Examples:
    return task.of_numbers(pairs, width)


def random_name(width: int) -> str:
    """The test set of random pairs of ``width`` bits."""
    return f"random-{width}"


def train_arithmetic(tests: ArithmeticTests) -> Iterator[Training]:
    """The networks of all seeds, ``together`` at a time."""
    config, suite = tests.config, tests.suite()
    for first in range(0, config.seeds, config.together):
        recipe = Recipe(
            config=config,
            task=replace(tests.operation.task, operands=OPERANDS[config.operands]),
            seeds=tuple(range(first, min(first + config.together, config.seeds))),
            dropout=config.dropout,
            bins=LengthBins(),
            bins_per_step=config.bins,
            learning_rate=linear_decay,
            levels=config.levels[-1] or None,
            extra_steps=config.slack,
        )
        yield train_and_test(recipe, suite, config.levels)


def exactness(config: ArithmeticConfig, operation: Operation) -> Iterator[Finding]:
    """Whether any network is exact on random pairs, at every width (the source has some)."""
    for width in config.widths:
        published = width in operation.exact_widths
        yield Finding(
            f"random/{width}",
            f"trained up to 20 bits, a network makes no error on random pairs of {width:,} bits (measured: share of "
            "networks)",
            f"100 % right at {width:,} bits ({TABLE})" if published else None,
            exact(random_name(width), operation.task.name),
        )


def arithmetic_notes(config: ArithmeticConfig, operation: Operation, carry_checks: str = "") -> list[str]:
    """How networks were trained and tested; ``carry_checks``: the carries of an evaluation, in words."""
    steps = f"one step per position and {config.slack} more" if config.slack else "one step per position"
    filled = "zeros" if operation.task.zero_filled else "padding"
    widths, families = (", ".join(map(str, each)) for each in (CHECK_WIDTHS, CHECK_FAMILIES))
    return [
        "Operands of equal width behind one another, least significant bit first; answers are filled with "
        f"{filled} to the whole length. Training operands of up to 20 bits, sampled as '{config.operands}'; fresh in "
        "every step (published: a fixed pool).",
        f"A diagonal Neural GPU of {config.maps} channels, dropout {config.dropout:g} (published: "
        f"{operation.dropout:g}); {config.batch} pairs per step of each of {config.bins} of nine bins of lengths "
        f"(published: 32 of all). The learning rate falls linearly over the last {1 - DECAY_FROM:.0%} of the steps "
        f"(published: by a third where the loss makes no progress). {_rounding(config)}",
        f"Every {config.eval_every} steps a network is tested on random pairs of {widths} bits and families of "
        f"{families} bits{carry_checks}. The weights with the fewest errors are kept; errors on families count "
        f"{RARE:g}-fold. So weights are selected on longer numbers than trained on.",
        f"An answer is right if every position is, padding included; {steps}. Exact: no error on any test set. The "
        "last width is tested only where all sets before, shorter random pairs first, have no error.",
        "Intervals (95 %): Wilson for shares of networks, Student's t for error rates.",
    ]


def _rounding(config: ArithmeticConfig) -> str:
    if not any(config.levels):
        return "States are not rounded, as published."
    text = (
        "States are not rounded in training. At inference they are rounded to multiples of "
        f"1/{config.levels[-1]} after every step (published: not): the network is a cellular automaton, whose errors "
        "cannot grow with the length."
    )
    if len(config.levels) > 1:
        text += (
            f" The tests after the training use 1/N with the N of {', '.join(map(str, config.levels))} that has the "
            "fewest errors on a validation set, the smallest of equals."
        )
    return text
