"""How far the solved models' weights lie from the exact rule's."""

from extrapolate.report.figures.figure import Figure
from extrapolate.report.figures.measure import measure_groups
from extrapolate.report.figures.whiskers import KEYS
from extrapolate.report.files import Folder


def sparsity_error(folder: Folder) -> Figure | None:
    groups = measure_groups(folder, "sparsity_error", "Sparsity error")
    if not groups:
        return None
    return Figure(
        id="sparsity-error",
        title="How exact",
        lead="Sparsity error: how far the worst weight lies from a whole number at the best step, 0 for the "
        "exact rule and at most 0.5; the mean of the models that solved it. Further left is more exact.",
        groups=groups,
        keys=KEYS,
    )
