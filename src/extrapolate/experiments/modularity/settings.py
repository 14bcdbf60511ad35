"""What a person may choose wherever masks are learned."""

from dataclasses import dataclass
from typing import Any

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option
from extrapolate.experiments.options import at_least, option

#: Masks drawn a step, of which each gets an equal part of the batch.
MASKS = 4


def widths_option() -> Any:
    """Sizes of hidden layers, in their order."""
    return option("Sizes of the hidden layers, separated by commas.", _widths, _written, metavar="NS")


def _widths(text: str) -> tuple[int, ...]:
    return tuple(at_least(1)(each) for each in text.split(","))


def _written(widths: tuple[int, ...]) -> str:
    return ",".join(map(str, widths))


def strength(text: str) -> float:
    """Reads how hard weights are pressed out of a mask."""
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{text!r} is not a number") from None
    if not 0 <= value < 1:
        raise UserError(f"{text} is out of range: the published strengths are 1e-6 to 1e-3")
    return value


def _of_masks(text: str) -> int:
    value = at_least(MASKS)(text)
    if value % MASKS:
        raise UserError(f"{value} cannot be cut into the parts of {MASKS} masks: give a multiple of {MASKS}")
    return value


@dataclass(frozen=True, kw_only=True)
class MaskSettings:
    """Weights and masks are trained by Adam; four masks are drawn a step."""

    seeds: int = option("Networks; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each network's weights.", at_least(1))
    mask_steps: int = option("Steps of each mask.", at_least(1))
    strength: float = option(
        "How hard weights are pressed out of a mask (β).", strength, "{:g}".format, metavar="X"
    )
    evaluate_every: int = option("Steps between two evaluations of the weights.", at_least(1))
    batch: int = option("Examples in a step; a multiple of 4, the masks drawn a step.", _of_masks)
    device: str = device_option()
