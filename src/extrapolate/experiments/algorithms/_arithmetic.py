"""Neural GPUs on sums and products: options, test sets, training and findings."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from typing import ClassVar

from extrapolate.experiments import lab
from extrapolate.experiments.algorithms._adaptive import linear_decay
from extrapolate.experiments.algorithms._recipe import LengthBins, NeuralGPUConfig, Recipe, longest
from extrapolate.experiments.algorithms._testing import RARE, TestSet, exact, train_and_test
from extrapolate.tasks import Addition, Multiplication, algorithms

#: Sources: of the network, of its recipe, and of the tests of carries.
PAPERS = ["1511.08228", "1702.08727", "1611.00736"]

#: By name, how the operands of training examples are sampled.
OPERANDS: dict[str, algorithms.Draw] = {
    "rippling": algorithms.rippling_operands,
    "varied": algorithms.varied_operands,
    "hard": algorithms.hard_operands,
    "uniform": algorithms.uniform_operands,
}

#: Test sets of an evaluation: random pairs per set, their widths, and the widths of the families.
CHECK_PAIRS, CHECK_WIDTHS, CHECK_FAMILIES = 32, (10, 20, 40, 100, 200), (20, 100, 200)

#: Values of the smoke presets and of the paper presets of both operations.
SMOKE = {
    "steps": 2,
    "eval_every": 1,
    "widths": (4, 6),
    "pairs": 4,
    "long_pairs": 2,
    "family_pairs": 2,
    "channels": 6,
    "batch": 2,
    "bins": 2,
}
PAPER = {
    "steps": 20_000,
    "operands": "uniform",
    "quantization_levels": (0,),
    "extra_steps": 0,
    "pairs": 1_024,
    "long_pairs": 128,
    "family_pairs": 64,
    "batch": 32,
    "bins": 9,
}


@dataclass(frozen=True, kw_only=True)
class ArithmeticConfig(NeuralGPUConfig):
    """AdaMax at 0.01 · 48/channels; operands of up to 20 bits in training."""

    together: int = lab.integer(1, "Networks trained at once; on a GPU, many take as long as one.")
    dropout: float = lab.real(0.1, "Dropout of the candidate state in training.", least=0, below=1)
    operands: str = lab.name(
        "varied",
        OPERANDS,
        "How training operands are sampled. uniform: all numbers are equally likely. hard: 40 % of the pairs have a "
        "long carry. varied: like hard, but the digits of 1/3 of the pairs form blocks of equal digits. rippling: "
        "like varied, but in 1/8 of the pairs, such as 11100 + 00100, a carry goes through all ones. "
        "Published: uniform.",
        "kind of operands",
    )
    quantization_levels: tuple[int, ...] = lab.integers(
        (4,),
        "Round states to multiples of 1/N at inference. Given several N, each network uses the one with the fewest "
        "errors on a validation set. 0: no rounding (published).",
        least=0,
    )
    extra_steps: int = lab.integer(
        0,
        "Extra steps after one step per position, so that late carries finish. In training sampled from "
        "[extra-steps/4, extra-steps]. Published: 0.",
        least=0,
    )
    widths: tuple[int, ...] = lab.integers(
        (20, 25, 100, 200, 2_000),
        "Bits of the tested operands. The last is tested only for networks without an error on the others.",
        least=4,
        cut=longest(lab.fewer("bits tested")),
    )
    pairs: int = lab.integer(256, "Random test pairs per width, except the last.", cut=lab.fewer("pairs per width"))
    long_pairs: int = lab.integer(
        16, "Random test pairs at the last width.", cut=lab.fewer("pairs at the last width")
    )
    family_pairs: int = lab.integer(
        32,
        "There are several families of test pairs made to cause errors, such as equal operands. N is the largest "
        "number of pairs per family and width.",
        cut=lab.fewer("pairs per family"),
    )
    bins: int = lab.integer(
        5,
        "Training lengths are divided into nine bins. Each step trains on one batch from each of N of these bins. "
        "Published: 9.",
        cut=lab.fewer("bins of lengths per step"),
    )


Pairs = list[tuple[int, int]]


@dataclass(frozen=True)
class ArithmeticTests:
    """The test sets of an operation: random pairs of every width, and families of hard pairs.

    ``families(width, most)`` returns at most ``most`` pairs of each family, by name. ``carries``, ``full_carries``
    and ``carry_checks`` return further test sets of sums.
    """

    task: ClassVar[Addition | Multiplication]
    families: ClassVar[Callable[[int, int], dict[str, Pairs]]]
    config: ArithmeticConfig

    def tests(self) -> list[TestSet]:
        """Return random pairs, then hard ones. Sets of the last width are for networks without an error so far."""
        *widths, last = self.config.widths
        found = [self._random(f"random-{width}", width, self.config.pairs) for width in widths]
        found.append(self._random(f"random-{last}", last, self.config.long_pairs, if_exact=bool(widths)))
        found += self.carries()
        for width in widths:
            found += [*self._families(width, self.config.family_pairs), *self.full_carries(width)]
        return [*found, *self.full_carries(last, if_exact=bool(widths))]

    def checks(self) -> list[TestSet]:
        """Return the sets of an evaluation, shortest first."""
        most = max(self.config.widths[:-1] or self.config.widths)
        found = [self._random(f"check-{w}", w, CHECK_PAIRS) for w in CHECK_WIDTHS if w <= most]
        for width in CHECK_FAMILIES:
            found += self._families(width, 4, "check-") if width <= most else []
        found = [*found, *self.carry_checks(most)] or [self._random("check", most, CHECK_PAIRS)]
        return sorted(found, key=lambda each: each.length)

    def trials(self) -> list[TestSet]:
        """Return the sets that compare roundings, shortest first; a network stops at its first error."""
        found = []
        for width, count in ((20, 128), (100, 128), (200, 96), (400, 16)):
            found.append(self._random(f"trial-{width}", width, count))
            found += self._families(width, 16, "trial-") if width < 400 else []  # 400 bits take too long
            found += self.full_carries(width, "trial-")
        return [replace(each, if_exact=True) for each in found]

    def carries(self) -> Sequence[TestSet]:
        """Return test sets with carries of every length."""
        return ()

    def full_carries(self, width: int, prefix: str = "", *, if_exact: bool = False) -> Sequence[TestSet]:
        """Return test sets with carries over the whole width."""
        return ()

    def carry_checks(self, most: int) -> Sequence[TestSet]:
        """Return the carries of an evaluation, up to ``most`` bits."""
        return ()

    def _random(self, name: str, width: int, count: int, *, if_exact: bool = False) -> TestSet:
        return TestSet.random(self.task, name, 2 * width + 1, count, if_exact)

    def _families(self, width: int, most: int, prefix: str = "") -> list[TestSet]:
        def family(name: str, pairs: Pairs) -> TestSet:
            name = f"{prefix}family-{name}-{width}"
            return TestSet(name, 2 * width + 1, len(pairs), lambda _: self.task.of_numbers(pairs, width))

        return [family(*each) for each in type(self).families(width, most).items()]


def train_arithmetic(tests: ArithmeticTests) -> Iterator[lab.Training]:
    """Yield the trainings of all seeds, ``together`` networks each."""
    config = tests.config
    for first in range(0, config.seeds, config.together):
        recipe = Recipe(
            config=config,
            task=replace(tests.task, operands=OPERANDS[config.operands]),
            seeds=tuple(range(config.seeds))[first : first + config.together],
            dropout=config.dropout,
            bins=LengthBins(),
            bins_per_step=config.bins,
            learning_rate=lambda initial: linear_decay(initial, round(2 / 3 * config.steps), config.steps),
            quantization_levels=config.quantization_levels,
            extra_steps=config.extra_steps,
        )
        yield train_and_test(recipe, tests.checks(), tests.tests(), tests.trials())


def exactness(config: ArithmeticConfig, task: str, kind: str = "random") -> Iterator[lab.Finding]:
    """Yield, for each width, whether any network is exact on the test set ``kind``; published for some widths."""
    for width in config.widths:
        yield lab.Finding(kind + "/{width}", exact(f"{kind}-{width}", task), {"width": width})


def arithmetic_notes(config: ArithmeticConfig, dropout: float, carries: str = "") -> list[str]:
    """Return notes on training and tests; ``dropout`` is published, ``carries`` a text on carries in evaluations."""
    numbers = CHECK_WIDTHS, CHECK_FAMILIES, config.quantization_levels
    widths, families, levels = (", ".join(map(str, each)) for each in numbers)
    return [
        "Two operands of equal width, one after the other, least significant bit first; answers are padded with "
        f"zeros to the whole length. Training operands have up to 20 bits, sampled as '{config.operands}', new in "
        "every step (published: a fixed pool).",
        f"A diagonal Neural GPU of {config.channels} channels, dropout {config.dropout:g} (published: {dropout:g}). "
        f"{config.batch} pairs per step from each of {config.bins} out of nine bins of lengths (published: 32 from "
        "each of nine). The learning rate falls linearly over the last third of the steps (published: by a third if "
        "the loss does not improve).",
        "States are not rounded in training. In tests they are rounded to multiples of 1/N after every step, with N "
        f"= {levels} (0: no rounding, as published). Given several N, each network uses the smallest N with the "
        "fewest errors on a validation set. A rounded network is a cellular automaton, whose errors cannot grow with "
        "the length.",
        f"Every {config.eval_every} steps a network is evaluated on random pairs of {widths} bits and families of "
        f"{families} bits{carries}. The weights with the fewest errors are kept (errors on families count "
        f"{RARE:g}-fold). So the weights are selected on longer numbers than those trained on.",
        f"An answer is right if every position is right, padding included, after one step per position and "
        f"{config.extra_steps} extra steps. Exact: no error on any test set. The last width is tested only for "
        "networks without an error on the sets before. Intervals (95 %): Wilson for shares of networks.",
    ]
