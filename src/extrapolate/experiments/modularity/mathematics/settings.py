"""The options, what was published for each module, and the presets."""

from dataclasses import dataclass, replace
from pathlib import Path

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import names_option
from extrapolate.experiments.modularity.sequences.settings import SequenceSettings
from extrapolate.experiments.modularity.settings import batch_option
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks.mathematics import MODULES

#: Masks drawn a step, as published.
MASKS = 8

#: Where problems come from if no folder is given.
GENERATED = "generated"


@dataclass(frozen=True)
class Tuned:
    """For one module: steps, batch, strength β and rate of masks. Adam on the weights: 1e-4."""

    steps: int
    mask_steps: int
    batch: int
    strength: float
    mask_rate: float


PUBLISHED: dict[str, Tuned] = {
    "add_or_sub": Tuned(30_000, 30_000, 256, 2e-5, 3e-2),
    "linear_1d": Tuned(200_000, 50_000, 512, 1e-6, 2e-2),
    "differentiate": Tuned(40_000, 40_000, 128, 1e-5, 3e-2),
    "sort": Tuned(30_000, 30_000, 256, 3e-6, 3e-2),
    "collect": Tuned(200_000, 50_000, 128, 1e-6, 2e-2),
}


def _data(text: str) -> str:
    if text != GENERATED and not Path(text).is_dir():
        raise UserError(f"{text}: no such folder; give the one of the unpacked archive, or {GENERATED}")
    return text


@dataclass(frozen=True, kw_only=True)
class MathematicsSettings(SequenceSettings):
    """Every module has networks of its own; a strength is divided by the module's published batch size."""

    modules: tuple[str, ...] = names_option("The modules:", list(MODULES), "module")
    data: str = option(
        f"{GENERATED}, or the folder of the unpacked archive of the Mathematics Dataset.",
        _data,
        metavar="DIR",
    )
    problems: int = option("Generated problems of each difficulty to train on.", at_least(1))
    heads: int = option("Heads of attention; the width is a multiple of it.", at_least(1))
    feedforward: int = option("Width of the layers between those of attention.", at_least(1))
    batch: int = batch_option(MASKS)


_PAPER = MathematicsSettings(
    modules=("add_or_sub",),
    data=GENERATED,
    problems=656_666,
    width=512,
    heads=8,
    feedforward=2_048,
    layers=6,
    dropout=0.1,
    seeds=5,
    steps=PUBLISHED["add_or_sub"].steps,
    rate=1e-4,
    mask_steps=PUBLISHED["add_or_sub"].mask_steps,
    mask_rate=PUBLISHED["add_or_sub"].mask_rate,
    strength=PUBLISHED["add_or_sub"].strength,
    evaluate_every=1_000,
    batch=PUBLISHED["add_or_sub"].batch,
    examined=10_000,
    device="cpu",
)

PRESETS: dict[str, MathematicsSettings] = {
    "smoke": replace(
        _PAPER,
        problems=60,
        width=8,
        heads=2,
        feedforward=16,
        layers=1,
        seeds=1,
        steps=4,
        mask_steps=2,
        evaluate_every=4,
        batch=16,
        examined=20,
    ),
    "laptop": replace(
        _PAPER,
        modules=("sort",),
        problems=40_000,
        width=64,
        heads=4,
        feedforward=128,
        layers=2,
        dropout=0.0,
        seeds=2,
        steps=8_000,
        rate=2e-3,
        mask_steps=3_000,
        mask_rate=PUBLISHED["sort"].mask_rate,
        strength=3e-4,
        evaluate_every=500,
        batch=32,
        examined=1_000,
    ),
    "paper": _PAPER,
}
