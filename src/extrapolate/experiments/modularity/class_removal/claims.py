"""How the published findings are judged on the results."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.class_removal.confusions import CLASSES, relative_drops, removed
from extrapolate.experiments.modularity.class_removal.settings import PRESETS, ClassRemovalSettings
from extrapolate.experiments.modularity.judging import Judge
from extrapolate.experiments.modularity.subject import CONTROL

#: Right answers under the control mask as a share of those without a mask, at least; what a bystander may lose, as a
#: share of what the removed class loses (the published figure's axis ends there).
CONTROL_KEEPS, BYSTANDER = 0.95, 0.1


def claims(results: pl.DataFrame, settings: ClassRemovalSettings) -> list[Claim]:
    """The findings over all networks and removed classes, by their means."""
    judge = Judge(results, settings, PRESETS["laptop"])
    networks = [rows.sort("seed") for _, rows in results.group_by("seed", maintain_order=True)]
    drops = {name: np.array([relative_drops(rows, name) for rows in networks]) for name in removed(results)}
    target = {name: each[:, CLASSES.index(name)] for name, each in drops.items()}
    others = {name: np.delete(each, CLASSES.index(name), 1).max(1).clip(0) for name, each in drops.items()}
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = np.array([others[name] / target[name] for name in drops])  # classes, networks
    worst = list(drops)[int(ratios.mean(1).argmax())]
    most = np.array([target[name] > others[name] for name in drops]).mean(0)
    return [
        judge.above(
            "control",
            "the mask learned on all classes costs little (measured: its right answers over those without a mask, "
            "at least 95 %)",
            _mean(judge, CONTROL) / _mean(judge, "unmasked"),
            CONTROL_KEEPS,
        ),
        judge.above(
            "removed-loses-most",
            "the class that a mask was not learned on loses most (measured: share of the removed classes, all)",
            most,
            1.0,
            f"on the average it loses {100 * np.mean(list(target.values())):.0f} % of its right answers",
        ),
        judge.below(
            "bystander",
            "no other class suffers much (measured: the largest loss of another class over that of the removed one, "
            "at most 10 %)",
            ratios.mean(0),
            BYSTANDER,
            f"worst for class {worst}: {ratios.mean(1).max():.1%}",
        ),
    ]


def _mean(judge: Judge, view: str) -> np.ndarray:
    """Right answers of each network, the mean over classes."""
    return np.mean([judge.accuracy(view, f"class {name}") for name in CLASSES], 0)
