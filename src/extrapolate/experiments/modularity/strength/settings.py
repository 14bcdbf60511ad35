"""What a person may choose, and the presets."""

from dataclasses import dataclass, replace
from typing import Any

from extrapolate.errors import UserError
from extrapolate.experiments.modularity.dense import DenseSettings
from extrapolate.experiments.modularity.settings import strength
from extrapolate.experiments.options import option

#: The published ones: 1 to 9 times 1e-5, then finer, 1 to 9 times 1e-4, and 1e-3.
PUBLISHED = (
    *(1e-5 * each for each in (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)),
    *(1e-4 * each for each in (1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)),
    1e-3,
)


def strengths_option() -> Any:
    """Strengths in rising order, each once."""
    return option(
        "How hard weights are pressed out of a mask (β), separated by commas.", _read, _written, metavar="XS"
    )


def _read(text: str) -> tuple[float, ...]:
    found = tuple(sorted({strength(part.strip()) for part in text.split(",") if part.strip()}))
    if not found:
        raise UserError("no strength given: numbers separated by commas, such as 1e-5,1e-4,1e-3")
    return found


def _written(strengths: tuple[float, ...]) -> str:
    return ",".join(f"{each:.6g}" for each in strengths)


@dataclass(frozen=True, kw_only=True)
class StrengthSettings(DenseSettings):
    """As for addition and multiplication; ``strength`` is that of a part, and no option."""

    strengths: tuple[float, ...] = strengths_option()
    strength: float = 0.0


_LAPTOP = StrengthSettings(
    hidden=(400, 400, 200),
    strengths=(1e-5, 3e-5, 1e-4, 3e-4, 1e-3),
    seeds=1,
    steps=8_000,
    mask_steps=10_000,
    evaluate_every=1_000,
    batch=128,
    device="cpu",
)

PRESETS: dict[str, StrengthSettings] = {
    "smoke": replace(
        _LAPTOP, hidden=(16, 16), strengths=(1e-4, 1e-3), steps=20, mask_steps=5, evaluate_every=10
    ),
    "laptop": _LAPTOP,
    "paper": replace(
        _LAPTOP,
        hidden=(800, 800, 800, 800),
        strengths=tuple(float(f"{each:.6g}") for each in PUBLISHED),
        seeds=10,
        steps=20_000,
        mask_steps=20_000,
    ),
}
