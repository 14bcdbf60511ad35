"""How the published findings are judged on the results."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.dense import DenseSettings
from extrapolate.experiments.modularity.double_addition.settings import PRESETS
from extrapolate.experiments.modularity.double_addition.subject import COPIED, INSIDE
from extrapolate.experiments.modularity.judging import Judge
from extrapolate.tasks.paired_addition import PAIRS

#: Right answers of at least so much, or at most: what a mask that costs little, that keeps, and that breaks means.
CONTROL, KEPT, BROKEN = 0.95, 0.75, 0.5


def claims(results: pl.DataFrame, settings: DenseSettings) -> list[Claim]:
    """The findings over all networks that were run, by their means."""
    judge = Judge(results, settings, PRESETS["laptop"])
    trained, copied = judge.column(*_ANY, "iou_hidden"), judge.column(*_ANY, "copied_iou_hidden")
    return [
        *judge.controls(PAIRS, CONTROL),
        *judge.controls(PAIRS, CONTROL, COPIED),
        *(claim for start in ("", COPIED) for claim in _without(judge, start)),
        judge.above(
            "hidden/iou",
            "the masks of both pairs have more in common in the hidden layers where weights were copied (measured: "
            "intersection over union, copied less trained, above 0)",
            copied - trained,
            np.nextafter(0, 1),
            f"{copied.mean():.2g} copied, {trained.mean():.2g} trained",
        ),
    ]


def _without(judge: Judge, start: str) -> list[Claim]:
    """Both pairs without what the mask of one keeps of the hidden layers: the mean over which one it is."""
    first, second = PAIRS
    ways = ((first, second), (second, first))
    own = np.mean([judge.accuracy(f"{start}¬{pair}{INSIDE}", pair) for pair, _ in ways], 0)
    other = np.mean([judge.accuracy(f"{start}¬{pair}{INSIDE}", left) for pair, left in ways], 0)
    if start:
        return [
            judge.below(
                f"copied/{name}",
                f"where one pair's weights were copied to the other, {what} breaks without the hidden weights of the "
                "other's mask: reuse is seen where there is any (right answers, at most 50 %)",
                values,
                BROKEN,
            )
            for name, what, values in (("own", "a pair", own), ("other", "the other pair too", other))
        ]
    return [
        judge.below(
            "trained/own",
            "a pair breaks without the hidden weights of its mask (right answers, at most 50 %)",
            own,
            BROKEN,
        ),
        judge.above(
            "trained/other",
            "a trained network does not use the same weights for both pairs: the other pair survives (right answers, "
            "at least 75 %)",
            other,
            KEPT,
        ),
    ]


_ANY = ("unmasked", PAIRS[0])
