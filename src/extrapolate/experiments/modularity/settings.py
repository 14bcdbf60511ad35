"""What a person may choose wherever masks are learned."""

from dataclasses import dataclass
from typing import Any

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option
from extrapolate.experiments.options import at_least, option

#: Masks drawn a step, of which each gets an equal part of the batch.
MASKS = 4


def widths_option(what: str = "Sizes of the hidden layers") -> Any:
    """Whole numbers in the order of the layers; ``what`` they are, in the help."""
    return option(f"{what}, separated by commas.", _widths, _written, metavar="NS")


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


def batch_option(masks: int) -> Any:
    """Examples in a step, of which that many masks get equal parts."""

    def read(text: str) -> int:
        value = at_least(masks)(text)
        if value % masks:
            raise UserError(
                f"{value} cannot be cut into the parts of {masks} masks: give a multiple of {masks}"
            )
        return value

    return option(f"Examples in a step; a multiple of {masks}, the masks drawn a step.", read)


def strength_option() -> Any:
    """β of the publication."""
    return option("How hard weights are pressed out of a mask (β).", strength, "{:g}".format, metavar="X")


@dataclass(frozen=True, kw_only=True)
class MaskSettings:
    """Weights and masks are trained by Adam; four masks are drawn a step."""

    seeds: int = option("Networks; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each network's weights.", at_least(1))
    mask_steps: int = option("Steps of each mask.", at_least(1))
    strength: float = strength_option()
    evaluate_every: int = option("Steps between two evaluations of the weights.", at_least(1))
    batch: int = batch_option(MASKS)
    device: str = device_option()
