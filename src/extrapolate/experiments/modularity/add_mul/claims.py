"""How the published findings are judged on the results."""

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.add_mul.settings import PRESETS
from extrapolate.experiments.modularity.dense import DenseSettings
from extrapolate.experiments.modularity.judging import Judge

#: A mask alone, its operation (right of at least so much) or the other (of at most): what isolated means here.
CONTROL, ISOLATED, REMOVED, RATIO, OVERLAP = 0.95, 0.99, 0.05, 1.5, 0.35


def claims(results: pl.DataFrame, settings: DenseSettings) -> list[Claim]:
    """The findings over all networks that were run, by their means."""
    judge = Judge(results, settings, PRESETS["laptop"])
    return [
        *judge.controls(("add", "mul"), CONTROL),
        *(
            claim
            for one, other in (("add", "mul"), ("mul", "add"))
            for claim in (
                judge.above(
                    f"{one}-mask/{one}",
                    f"a mask learned on {one} alone keeps it (right answers, at least 99 %)",
                    judge.accuracy(one, one),
                    ISOLATED,
                ),
                judge.below(
                    f"{one}-mask/{other}",
                    f"a mask learned on {one} alone removes {other} (right answers, at most 5 %)",
                    judge.accuracy(one, other),
                    REMOVED,
                ),
            )
        ),
        judge.above(
            "kept/mul-over-add",
            "multiplication keeps more weights than addition (measured: their ratio, at least 1.5)",
            judge.column("mul", "add", "kept") / judge.column("add", "add", "kept"),
            RATIO,
        ),
        judge.below(
            "second-layer/iou",
            "the two masks have little in common in the second layer (measured: intersection over union, below 0.35)",
            judge.column("add", "add", "iou_second"),
            OVERLAP,
        ),
    ]
