"""How soon the solved models were right for the first time."""

from extrapolate.report.figures.figure import Figure
from extrapolate.report.figures.measure import measure_groups
from extrapolate.report.figures.whiskers import KEYS
from extrapolate.report.files import Folder


def solved_at(folder: Folder) -> Figure | None:
    groups = measure_groups(folder, "solved_at", "Steps to solve")
    if not groups:
        return None
    return Figure(
        id="solved-at",
        title="How soon",
        lead="Training steps until the model is right outside the training range for the first time: the "
        "mean of the models that solved it. Further left is faster; every panel has the same scale.",
        groups=groups,
        keys=KEYS,
    )
