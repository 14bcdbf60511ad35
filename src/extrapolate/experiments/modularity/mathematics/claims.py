"""How the published findings are judged on the results."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.judging import Judge
from extrapolate.experiments.modularity.mathematics.settings import PRESETS, MathematicsSettings
from extrapolate.experiments.modularity.mathematics.subject import EASY, HARD
from extrapolate.experiments.modularity.subject import CONTROL

#: What the easy mask may cost on easy problems.
LITTLE = 0.05


def claims(results: pl.DataFrame, settings: MathematicsSettings) -> list[Claim]:
    """The findings over all networks of a module that were run, by their means."""
    judge = Judge(results, settings, PRESETS["laptop"])
    return [claim for module in settings.modules for claim in _of(judge, module)]


def _of(judge: Judge, module: str) -> list[Claim]:
    unmasked, control, easy = (
        judge.accuracy(f"{module}, {view}", HARD) for view in ("unmasked", CONTROL, EASY)
    )
    shown = f"{unmasked.mean():.2g} unmasked, {control.mean():.2g} control, {easy.mean():.2g} easy"
    on_easy = judge.accuracy(f"{module}, unmasked", EASY) - judge.accuracy(f"{module}, {EASY}", EASY)
    return [
        judge.above(
            f"{module}/unmasked-over-control",
            f"hard problems of {module}: the whole network is right at least as often as the mask learned on all "
            "difficulties (right answers, unmasked less control, at least 0)",
            unmasked - control,
            0.0,
            shown,
        ),
        judge.above(
            f"{module}/control-over-easy",
            f"hard problems of {module} need weights that easy ones do not (right answers, control less easy mask, "
            "above 0)",
            control - easy,
            np.nextafter(0, 1),
            shown,
        ),
        judge.below(
            f"{module}/easy-mask/easy",
            f"the mask learned on easy problems of {module} keeps what they need (right answers to easy problems, "
            "unmasked less easy mask, at most 0.05)",
            on_easy,
            LITTLE,
        ),
    ]
