"""The figures of the page, one per file. To add one, write `folder -> Figure | None` and put it in `FIGURES`.

A figure is None if the folder lacks the file or columns that it needs. So all experiments share the list.
"""

from collections.abc import Callable

from extrapolate.report.figures.confusions import confusions
from extrapolate.report.figures.curves import curves
from extrapolate.report.figures.figure import Figure
from extrapolate.report.figures.masks import masks
from extrapolate.report.figures.measure import solved_at, sparsity_error
from extrapolate.report.figures.overview import overview
from extrapolate.report.figures.success_rate import success_rate
from extrapolate.report.figures.surfaces import surfaces
from extrapolate.report.figures.word_estimates import word_estimates
from extrapolate.report.files import Folder

FIGURES: tuple[Callable[[Folder], Figure | None], ...] = (
    overview,
    curves,
    success_rate,
    solved_at,
    sparsity_error,
    surfaces,
    word_estimates,
    confusions,
    masks,
)
"""In the order of the page."""

__all__ = ["FIGURES", "Figure"]
