"""How the published findings are judged on the results."""

import numpy as np
import polars as pl

from extrapolate.experiments.experiment import Claim, interval_of
from extrapolate.experiments.intervals import student
from extrapolate.experiments.modularity_add_mul.settings import PRESETS, ModularitySettings

SOURCE = "arXiv 2010.02066, in words"
LEAST = PRESETS["laptop"]

#: A mask alone, its operation (right of at least so much) or the other (of at most): what isolated means here.
CONTROL, ISOLATED, REMOVED, RATIO, OVERLAP = 0.95, 0.99, 0.05, 1.5, 0.35


def claims(results: pl.DataFrame, settings: ModularitySettings) -> list[Claim]:
    """The findings over all networks that were run, by their means."""
    judged = _Judged(results, settings)
    return [
        *(
            judged.above(
                f"control/{operation}",
                f"the mask learned on both operations costs little (right answers to {operation}, at least 95 %)",
                judged.accuracy("control", operation),
                CONTROL,
            )
            for operation in ("add", "mul")
        ),
        *(
            claim
            for one, other in (("add", "mul"), ("mul", "add"))
            for claim in (
                judged.above(
                    f"{one}-mask/{one}",
                    f"a mask learned on {one} alone keeps it (right answers, at least 99 %)",
                    judged.accuracy(one, one),
                    ISOLATED,
                ),
                judged.below(
                    f"{one}-mask/{other}",
                    f"a mask learned on {one} alone removes {other} (right answers, at most 5 %)",
                    judged.accuracy(one, other),
                    REMOVED,
                ),
            )
        ),
        judged.above(
            "kept/mul-over-add",
            "multiplication keeps more weights than addition (measured: their ratio, at least 1.5)",
            judged.kept("mul") / judged.kept("add"),
            RATIO,
        ),
        judged.below(
            "second-layer/iou",
            "the two masks have little in common in the second layer (measured: intersection over union, below 0.35)",
            judged.column("iou_second"),
            OVERLAP,
        ),
    ]


class _Judged:
    def __init__(self, results: pl.DataFrame, settings: ModularitySettings) -> None:
        self.results = results.sort("seed")
        self.cut = None
        if settings.steps < LEAST.steps or settings.mask_steps < LEAST.mask_steps:
            self.cut = (
                f"not judged: {settings.steps:,} and {settings.mask_steps:,} steps instead of {LEAST.steps:,}"
            )

    def accuracy(self, mask: str, operation: str) -> np.ndarray:
        return self.results.filter(unit=mask, operation=operation)["accuracy"].to_numpy()

    def kept(self, mask: str) -> np.ndarray:
        return self.results.filter(unit=mask, operation="add")["kept"].to_numpy()

    def column(self, name: str) -> np.ndarray:
        return self.results.filter(unit="add", operation="add")[name].to_numpy()

    def above(self, id: str, claim: str, values: np.ndarray, least: float) -> Claim:
        return self._claim(id, claim, values, bool(values.mean() >= least))

    def below(self, id: str, claim: str, values: np.ndarray, most: float) -> Claim:
        return self._claim(id, claim, values, bool(values.mean() <= most))

    def _claim(self, id: str, claim: str, values: np.ndarray, holds: bool) -> Claim:
        mean = student(values)
        verdict = None if self.cut else holds
        return Claim(id, claim, SOURCE, mean.value, interval_of(mean), mean.n, verdict, self.cut)
