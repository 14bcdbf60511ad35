"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace
from pathlib import Path

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import rate_option, share_option
from extrapolate.experiments.digit_images import EMBEDDED
from extrapolate.experiments.modularity.settings import MaskSettings, widths_option
from extrapolate.experiments.options import at_least, option


def _data(text: str) -> str:
    if text != EMBEDDED and not Path(text).is_dir():
        raise UserError(
            f"{text}: no such folder; give one with MNIST's files or CIFAR-10's binary ones, or {EMBEDDED}"
        )
    return text


@dataclass(frozen=True, kw_only=True)
class ClassRemovalSettings(MaskSettings):
    """Published: four convolutions, Adam at 1e-3 for weights and masks alike."""

    data: str = option(
        f"{EMBEDDED}, or a folder with MNIST's files or CIFAR-10's binary ones.", _data, metavar="DIR"
    )
    channels: tuple[int, ...] = widths_option("Channels of the convolutions")
    dropout: float = share_option("Dropout after the last convolution; half of it after the one before.")
    removed: int = option("Classes that are removed, each in turn: 0, 1, 2, ...", at_least(1))
    rate: float = rate_option("Learning rate of the masks.")


_LAPTOP = ClassRemovalSettings(
    data=EMBEDDED,
    channels=(16, 32, 64, 64),
    dropout=0.5,
    removed=10,
    seeds=3,
    steps=2_000,
    mask_steps=3_000,
    strength=3e-3,
    rate=1e-2,
    evaluate_every=200,
    batch=128,
    device="cpu",
)

PRESETS: dict[str, ClassRemovalSettings] = {
    "smoke": replace(
        _LAPTOP, channels=(4, 4, 4, 4), removed=2, seeds=1, steps=10, mask_steps=4, evaluate_every=5, batch=32
    ),
    "laptop": _LAPTOP,
    "paper": replace(
        _LAPTOP,
        channels=(32, 64, 128, 256),
        seeds=10,
        steps=20_000,
        mask_steps=20_000,
        strength=3e-4,
        rate=1e-3,
        evaluate_every=1_000,
    ),
}
