"""How the published finding is judged on the results; what was measured beside it."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.grid_time.part import tested
from extrapolate.experiments.grid_time.settings import PRESETS, GridTimeSettings
from extrapolate.experiments.intervals import student
from extrapolate.experiments.old import measurement
from extrapolate.tasks import GridTime

PUBLISHED, LEAST = PRESETS["paper"], PRESETS["laptop"]
SOURCE = "arXiv 1808.00508, tracking time in a grid world; a figure, as quoted, unverified"
PLAIN, CLOCKED = "LSTM", "LSTM-NAC"

#: Twice the greatest T of the training.
FAR = 2 * GridTime().times[1]

#: Holding up: the share of success that an agent keeps, of the share it has on the T it was trained on.
KEPT = 0.5


def claims(results: pl.DataFrame, settings: GridTimeSettings) -> list[Claim]:
    """The findings about the agents that were run, then every agent's success at every T."""
    groups = {str(unit): rows.sort("seed") for (unit,), rows in results.group_by("unit", maintain_order=True)}
    findings = []
    if settings.latest >= FAR:
        if {PLAIN, CLOCKED} <= groups.keys():
            findings.append(_more(groups[CLOCKED], groups[PLAIN], settings))
        if CLOCKED in groups:
            findings.append(_holds(groups[CLOCKED], settings))
        if PLAIN in groups:
            findings.append(_falls(groups[PLAIN], settings))
    return [*findings, *_measurements(groups, settings)]


def _more(rows: pl.DataFrame, plain: pl.DataFrame, settings: GridTimeSettings) -> Claim:
    gain = rows[f"success_{FAR}"].to_numpy() - plain[f"success_{FAR}"].to_numpy()
    return _judged(
        f"{CLOCKED}/later-than-{PLAIN}",
        f"at T = {FAR}, twice the latest of the training, {CLOCKED} arrives in time more often than {PLAIN} "
        "(measured: the difference of the shares, seed by seed)",
        f"without the NAC success collapses past about 13, with it it stays high to about 19 and beyond ({SOURCE})",
        gain,
        0.0,
        settings,
    )


def _holds(rows: pl.DataFrame, settings: GridTimeSettings) -> Claim:
    return _judged(
        f"{CLOCKED}/holds",
        f"{CLOCKED} keeps more than {KEPT:.0%} of its success at T = {FAR} (measured: success there over success on "
        "the T of the training)",
        f"stays high to about 19 and beyond ({SOURCE})",
        _kept(rows, of_nothing=0.0),
        KEPT,
        settings,
    )


def _falls(rows: pl.DataFrame, settings: GridTimeSettings) -> Claim:
    return _judged(
        f"{PLAIN}/falls",
        f"{PLAIN} loses more than {1 - KEPT:.0%} of its success at T = {FAR} (measured: the share that is lost)",
        f"collapses past about 13 ({SOURCE})",
        1 - _kept(rows, of_nothing=1.0),
        1 - KEPT,
        settings,
    )


def _kept(rows: pl.DataFrame, of_nothing: float) -> np.ndarray:
    """Success at ``FAR`` over that on the trained T; ``of_nothing`` where there is none on those either."""
    far, trained = rows[f"success_{FAR}"].to_numpy(), rows["success_trained"].to_numpy()
    return np.divide(far, trained, out=np.full_like(far, of_nothing), where=trained > 0)


def _judged(
    id: str, claim: str, published: str, values: np.ndarray, above: float, settings: GridTimeSettings
) -> Claim:
    """Holds where the mean's interval lies above ``above``."""
    mean, cut = student(values), _cut_short(settings)
    if settings.steps < LEAST.steps or mean.low is None:
        return Claim(id, claim, published, mean.value, None, mean.n, None, f"not judged: {cut or 'one seed'}")
    return Claim(id, claim, published, mean.value, interval_of(mean), mean.n, mean.low > above, cut)


def _cut_short(settings: GridTimeSettings) -> str | None:
    short = []
    if settings.steps < PUBLISHED.steps:
        short.append(f"{settings.steps:,} of {PUBLISHED.steps:,} steps")
    if settings.batch < PUBLISHED.batch:
        short.append(f"{settings.batch} of {PUBLISHED.batch} episodes a step")
    if settings.hidden < PUBLISHED.hidden:
        short.append(f"a state of {settings.hidden} instead of {PUBLISHED.hidden}")
    return f"cut short: {', '.join(short)}" if short else None


def _measurements(groups: dict[str, pl.DataFrame], settings: GridTimeSettings) -> list[Claim]:
    return [
        measurement(
            f"{unit}/success-{time}",
            f"{unit}: share of episodes with T = {time} in which it arrives in time",
            student(rows[f"success_{time}"].to_numpy()),
        )
        for unit, rows in groups.items()
        for time in tested(settings)
    ]
