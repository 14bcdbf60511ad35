"""What networks that compute are asked: random pairs, carries of every length, pairs built to make them fail."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial

import torch

from extrapolate.experiments.neural_gpu.arithmetic.settings import AdditionSettings, ArithmeticSettings
from extrapolate.experiments.neural_gpu.sheets import Sheet
from extrapolate.tasks import Addition, Examples, Multiplication
from extrapolate.tasks.algorithms import carry_operands

#: What a carry is tested on: a sum that is a power of two, and one just below.
CLASSES = {"overflow": True, "no-overflow": False}

#: Of the checks at every evaluation: pairs and widths; widths and pairs of families; carries.
CHECK_PAIRS, CHECK_WIDTHS = 32, (10, 20, 40, 100, 200)
CHECK_FAMILIES, CHECK_FAMILY_PAIRS = (20, 100, 200), 4
CHECK_CARRIES = (10, 20, 40, 80, 160)

#: Of the trials of each rounding: random pairs by width, pairs of families at all widths but the last.
TRIALS, TRIAL_FAMILY_PAIRS = {20: 128, 100: 128, 200: 96, 400: 16}, 16

Families = Callable[[int, int], dict[str, list[tuple[int, int]]]]


@dataclass(frozen=True)
class Questions:
    """The sheets of one operation: random pairs at every width, and families."""

    task: Addition | Multiplication
    families: Families
    settings: ArithmeticSettings

    def sheets(self) -> list[Sheet]:
        """Random pairs first, of the last width for networks without an error so far; then what is built to fail."""
        *widths, last = self.settings.widths
        found = [self._random(random_name(width), width, self.settings.pairs) for width in widths]
        found.append(self._random(random_name(last), last, self.settings.long_pairs, if_exact=bool(widths)))
        found += self.special(widths)
        for width in widths:
            found += [*self._of_families(width, self.settings.family_pairs), *self.full(width, False)]
        return [*found, *self.full(last, bool(widths))]

    def checks(self) -> list[Sheet]:
        """Those of an evaluation, from the shortest on."""
        longest = max(self.settings.widths[:-1] or self.settings.widths)
        found = [self._random(f"check-{w}", w, CHECK_PAIRS) for w in CHECK_WIDTHS if w <= longest]
        for width in CHECK_FAMILIES:
            if width <= longest:
                found += self._of_families(width, CHECK_FAMILY_PAIRS, "check-")
        found = [*found, *self.special_checks(longest)] or [self._random("check", longest, CHECK_PAIRS)]
        return sorted(found, key=lambda sheet: sheet.length)

    def trials(self) -> list[Sheet]:
        """Those of each rounding, from the shortest on, which goes on as long as it makes no error."""
        longest, found = max(TRIALS), []
        for width, count in TRIALS.items():
            found.append(self._random(f"trial-{width}", width, count))
            if width < longest:
                found += self._of_families(width, TRIAL_FAMILY_PAIRS, "trial-")
            found += self.full(width, False, "trial-")
        return [replace(sheet, if_exact=True) for sheet in found]

    def special(self, widths: list[int]) -> list[Sheet]:
        """Sheets of this operation alone."""
        return []

    def full(self, width: int, if_exact: bool, prefix: str = "") -> list[Sheet]:
        """What goes over the whole width, of this operation alone."""
        return []

    def special_checks(self, longest: int) -> list[Sheet]:
        """Checks of this operation alone, up to ``longest`` bits."""
        return []

    def _random(self, name: str, width: int, count: int, if_exact: bool = False) -> Sheet:
        length = 2 * width + 1
        make = partial(self.task.examples, count, length)
        return Sheet(name, length, count, make, if_exact, typical=True)

    def _of_families(self, width: int, most: int, prefix: str = "") -> list[Sheet]:
        return [
            Sheet(
                prefix + family_name(family, width),
                2 * width + 1,
                len(pairs),
                partial(_of_numbers, self.task, pairs, width),
            )
            for family, pairs in self.families(width, most).items()
        ]


@dataclass(frozen=True)
class AdditionQuestions(Questions):
    """Carries as well: of every length, over the whole width, and at every evaluation."""

    settings: AdditionSettings

    def special(self, widths: list[int]) -> list[Sheet]:
        return [
            self._carries(carry_name(kind, carry), carry, self.settings.carry_pairs, kind)
            for carry in self.settings.carries
            for kind in CLASSES
        ]

    def full(self, width: int, if_exact: bool, prefix: str = "") -> list[Sheet]:
        count = 1 if if_exact else self.settings.carry_pairs
        return [self._carries(prefix + full_name(width), width, count, "overflow", width, if_exact)]

    def special_checks(self, longest: int) -> list[Sheet]:
        return [
            self._carries(f"check-{kind}-{carry}", carry, CHECK_PAIRS // 4, kind)
            for carry in CHECK_CARRIES
            for kind in CLASSES
            if carry <= longest
        ]

    def _carries(
        self, name: str, carry: int, count: int, kind: str, width: int | None = None, if_exact: bool = False
    ) -> Sheet:
        wide = carry + 1 if width is None else width
        make = partial(_carried, self.task, count, carry, CLASSES[kind], wide)
        return Sheet(name, 2 * wide + 1, count, make, if_exact)


def _of_numbers(
    task: Addition | Multiplication, pairs: list[tuple[int, int]], width: int, generator: torch.Generator
) -> Examples:
    return task.of_numbers(pairs, width)


def _carried(
    task: Addition | Multiplication,
    count: int,
    carry: int,
    overflow: bool,
    width: int,
    generator: torch.Generator,
) -> Examples:
    return task.of_digits(*carry_operands(count, carry, generator, overflow=overflow, width=width))


def random_name(width: int) -> str:
    return f"random-{width}"


def full_name(width: int) -> str:
    """The sheet of carries over all of ``width`` bits."""
    return f"full-carry-{width}"


def carry_name(kind: str, carry: int) -> str:
    return f"carry-{kind}-{carry}"


def family_name(family: str, width: int) -> str:
    return f"family-{family}-{width}"
