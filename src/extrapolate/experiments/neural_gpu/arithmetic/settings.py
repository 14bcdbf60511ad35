"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace
from typing import Any

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option, name_option, numbers_option
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks.algorithms import (
    Draw,
    hard_operands,
    rippling_operands,
    uniform_operands,
    varied_operands,
)

#: By name, how the operands of training examples are drawn.
OPERANDS: dict[str, Draw] = {
    "rippling": rippling_operands,
    "varied": varied_operands,
    "hard": hard_operands,
    "uniform": uniform_operands,
}


def _share(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{text!r} is not a number") from None
    if not 0 <= value < 1:
        raise UserError(f"{text} must be at least 0 and below 1")
    return value


@dataclass(frozen=True)
class ArithmeticSettings:
    """AdaMax, rate 0.01 · 48/m; operands of at most 20 bits in training."""

    seeds: int = option("Networks; their seeds are 0, 1, 2, ...", at_least(1))
    together: int = option(
        "Networks that are trained at once; on a GPU many take as long as one.", at_least(1)
    )
    steps: int = option("Training steps.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    dropout: float = option("Share of the candidates that is dropped.", _share, "{:g}".format, metavar="P")
    operands: str = name_option(
        "Training operands: uniform; hard, two fifths with long carries; varied, and a third of blocks; rippling, "
        "and an eighth of runs with one more.",
        list(OPERANDS),
        "kind of operands",
    )
    levels: tuple[int, ...] = numbers_option(
        "Trained networks answer with states rounded to multiples of 1/N; of several N, separated by commas, each "
        "with the one that errs least on sheets of its own. 0: plainly, as published.",
        0,
    )
    slack: int = option(
        "Steps beyond the places, for the last carries; in training from a quarter of it on. Published: 0.",
        at_least(0),
    )
    widths: tuple[int, ...] = numbers_option(
        "Bits of the operands that are tested, separated by commas; the last if all before are exact.", 4
    )
    pairs: int = option("Random pairs tested at each width but the last.", at_least(1))
    long_pairs: int = option("Random pairs tested at the last width.", at_least(1))
    family_pairs: int = option("Pairs of each adversarial family at each width, at most.", at_least(1))
    maps: int = option("Numbers at each place of the state.", at_least(1))
    batch: int = option("Pairs of each group of lengths in a step.", at_least(1))
    bins: int = option("Groups of lengths in a step, of nine.", at_least(1))
    device: str = device_option()

    @property
    def draw(self) -> Draw:
        return OPERANDS[self.operands]


@dataclass(frozen=True)
class AdditionSettings(ArithmeticSettings):
    """As for products; and carries are tested."""

    carries: tuple[int, ...] = numbers_option("Lengths of carries that are tested, separated by commas.", 1)
    carry_pairs: int = option("Pairs of each class at each length of carry.", at_least(1))


#: What both operations' smoke presets share, and both papers'.
_TINY: dict[str, Any] = {
    "seeds": 2,
    "steps": 2,
    "evaluate_every": 1,
    "widths": (4, 6),
    "pairs": 4,
    "long_pairs": 2,
    "family_pairs": 2,
    "maps": 6,
    "batch": 2,
    "bins": 2,
}
_WHOLE: dict[str, Any] = {
    "steps": 20_000,
    "levels": (0,),
    "slack": 0,
    "pairs": 1_024,
    "long_pairs": 128,
    "family_pairs": 64,
    "batch": 32,
    "bins": 9,
}

_PRODUCTS = ArithmeticSettings(
    seeds=2,
    together=1,
    steps=8_000,
    evaluate_every=400,
    operands="varied",
    dropout=0.1,
    levels=(4,),
    slack=12,
    widths=(20, 25, 100, 200, 2_000),
    pairs=256,
    long_pairs=16,
    family_pairs=32,
    maps=96,
    batch=16,
    bins=5,
    device="cpu",
)

MULTIPLICATION: dict[str, ArithmeticSettings] = {
    "smoke": replace(_PRODUCTS, **_TINY),
    "laptop": _PRODUCTS,
    "paper": replace(_PRODUCTS, seeds=16, operands="uniform", **_WHOLE),
}

#: Where a carry is looked for: from one place to the longest operands but the last.
CARRIES = (1, 2, 3, 5, 8, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200)

_SUMS = AdditionSettings(
    seeds=5,
    together=1,
    steps=4_000,
    evaluate_every=200,
    operands="rippling",
    dropout=0.5,
    levels=(4, 5, 6, 7, 8, 9, 10, 12, 14, 16),
    slack=0,
    widths=(20, 25, 100, 200, 2_000),
    pairs=256,
    long_pairs=8,
    family_pairs=32,
    carries=CARRIES,
    carry_pairs=16,
    maps=48,
    batch=16,
    bins=5,
    device="cpu",
)

ADDITION: dict[str, AdditionSettings] = {
    "smoke": replace(_SUMS, carries=(2, 4), carry_pairs=2, **_TINY),
    "laptop": _SUMS,
    "paper": replace(_SUMS, seeds=10, operands="uniform", carry_pairs=32, **_WHOLE),
}
