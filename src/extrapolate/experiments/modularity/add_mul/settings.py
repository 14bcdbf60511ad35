"""What a person may choose, and the presets."""

from dataclasses import dataclass

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option
from extrapolate.experiments.options import at_least, option


def _widths(text: str) -> tuple[int, ...]:
    return tuple(at_least(1)(each) for each in text.split(","))


def _written(widths: tuple[int, ...]) -> str:
    return ",".join(map(str, widths))


def _strength(text: str) -> float:
    try:
        value = float(text)
    except ValueError:
        raise UserError(f"{text!r} is not a number") from None
    if not 0 <= value < 1:
        raise UserError(f"{text} is out of range: the published strengths are 1e-5 to 1e-3")
    return value


def _of_masks(text: str) -> int:
    value = at_least(4)(text)
    if value % 4:
        raise UserError(f"{value} cannot be cut into the parts of four masks: give a multiple of 4")
    return value


@dataclass(frozen=True)
class ModularitySettings:
    """Published: Adam, rate 1e-3, gradients of norm 1 at most; masks at rate 1e-2, four drawn a step."""

    hidden: tuple[int, ...] = option(
        "Sizes of the hidden layers, separated by commas.", _widths, _written, metavar="NS"
    )
    seeds: int = option("Networks; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each network's weights.", at_least(1))
    mask_steps: int = option("Steps of each mask.", at_least(1))
    strength: float = option("How hard weights are pressed out of a mask (β).", _strength, metavar="X")
    evaluate_every: int = option("Steps between two evaluations of the weights.", at_least(1))
    batch: int = option("Examples in a step; a multiple of 4, the masks drawn a step.", _of_masks)
    device: str = device_option()


PRESETS: dict[str, ModularitySettings] = {
    "smoke": ModularitySettings(
        hidden=(16, 16),
        seeds=1,
        steps=20,
        mask_steps=5,
        strength=1e-4,
        evaluate_every=10,
        batch=128,
        device="cpu",
    ),
    "laptop": ModularitySettings(
        hidden=(400, 400, 200),
        seeds=2,
        steps=20_000,
        mask_steps=20_000,
        strength=1e-4,
        evaluate_every=1_000,
        batch=128,
        device="cpu",
    ),
    "paper": ModularitySettings(
        hidden=(2000, 2000, 2000, 2000),
        seeds=10,
        steps=20_000,
        mask_steps=20_000,
        strength=1e-4,
        evaluate_every=1_000,
        batch=128,
        device="cpu",
    ),
}
