"""What all experiments on masks are: of one publication, and summarized by the same means."""

from typing import Any

import polars as pl

from extrapolate.experiments.summary import means

#: Columns of results whose means are the summary.
MEASURES = ("accuracy", "kept_share")


class MaskExperiment:
    """The base of the experiments on masks."""

    source = "Csordás, van Steenkiste & Schmidhuber, Are Neural Nets Modular? (arXiv 2010.02066, ICLR 2021)"

    def summary(self, results: pl.DataFrame, settings: Any) -> pl.DataFrame:
        return means(results, MEASURES)
