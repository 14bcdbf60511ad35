"""What the experiments on images of digits share: their images, how a training goes, how a gain is judged."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from torch import Tensor

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import device_option
from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate
from extrapolate.experiments.options import at_least, option
from extrapolate.tasks import Digits, load_digits

#: What ``--data`` calls the digits that come with scikit-learn.
EMBEDDED = "scikit-learn"

LEARNING_RATE = 1e-2

#: Adam's second decay. The first gradients of a sum are a hundred times those that tell its weights apart; with the
#: usual 0.999 they hold the steps down for ten thousand more.
BETAS = (0.9, 0.99)


def _data(text: str) -> str:
    if text != EMBEDDED and not Path(text).is_dir():
        raise UserError(f"{text}: no such folder; give one with MNIST's files, or {EMBEDDED}")
    return text


def data_option() -> Any:
    """Where the images come from."""
    return option(f"{EMBEDDED}, or a folder with MNIST's files.", _data, metavar="DIR")


@dataclass(frozen=True, kw_only=True)
class DigitSettings:
    """What a person may choose in all of them; a step is of ``batch`` examples."""

    data: str = data_option()
    seeds: int = option("Models of each kind; their seeds are 0, 1, 2, ...", at_least(1))
    steps: int = option("Training steps of each model.", at_least(1))
    evaluate_every: int = option("Steps between two evaluations.", at_least(1))
    batch: int = option("Examples (sequences, pictures) in a step.", at_least(1))
    device: str = device_option()


def cut_short(settings: DigitSettings, published: DigitSettings, examples: str) -> list[str]:
    """What of the published training ``settings`` leave out, in words; ``examples``: what a batch is of."""
    short = []
    if settings.steps < published.steps:
        short.append(f"{settings.steps:,} of {published.steps:,} steps")
    if settings.batch < published.batch:
        short.append(f"{settings.batch} of {published.batch} {examples} a step")
    return short


def gain_claim(
    id: str, claim: str, published: str, gain: Estimate, settings: DigitSettings, presets: Mapping[str, Any]
) -> Claim:
    """That one kind of model is better than another: ``gain``'s interval lies above 0.

    Judged where at least the laptop preset's steps were trained.
    """
    short = cut_short(settings, presets["paper"], "pictures")
    judged = settings.steps >= presets["laptop"].steps and gain.low is not None
    why = [*([] if judged else ["not judged"]), *([f"cut short: {', '.join(short)}"] if short else [])]
    return Claim(
        id,
        claim,
        published,
        gain.value,
        interval_of(gain),
        gain.n,
        gain.low > 0 if judged and gain.low is not None else None,
        "; ".join(why) or None,
    )


def digits_of(data: str) -> Digits:
    """The images that ``--data`` names."""
    return load_digits(None if data == EMBEDDED else Path(data))


def adam(rate: float = LEARNING_RATE) -> Callable[[list[Tensor]], torch.optim.Optimizer]:
    """Makes Adam with the rate and decays that all of these experiments use."""
    return lambda parameters: torch.optim.Adam(parameters, lr=rate, betas=BETAS, fused=True)
