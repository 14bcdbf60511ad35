"""How the published findings are judged on the results."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.judging import Judge
from extrapolate.experiments.modularity.strength.settings import PRESETS, StrengthSettings


def claims(results: pl.DataFrame, settings: StrengthSettings) -> list[Claim]:
    """Findings on the control mask, from each strength to the next."""
    by_strength = {
        strength: Judge(results.filter(strength=strength), settings, PRESETS["laptop"])
        for strength in settings.strengths
        if results.filter(strength=strength).height
    }
    if len(by_strength) < 2:
        return []  # nothing to compare
    judges = list(by_strength.values())
    networks = min(len(judge.accuracy("control", "add")) for judge in judges)
    kept = np.array([judge.column("control", "add", "kept")[:networks] for judge in judges])
    right = np.array([_right(judge)[:networks] for judge in judges])
    steps = np.diff(kept, axis=0) < 0
    shown = ", ".join(f"{mean:,.0f}" for mean in kept.mean(1))
    found = ", ".join(f"{mean:.1%}" for mean in right.mean(1))
    strengths = ", ".join(f"{each:g}" for each in by_strength)
    return [
        judges[0].above(
            "kept-falls",
            "the harder weights are pressed, the fewer the control mask keeps (measured: share of the steps from a "
            "strength to the next, all)",
            steps.mean(0),
            1.0,
            f"kept at {strengths}: {shown}",
        ),
        judges[0].above(
            "accuracy-falls",
            "pressed hardest, the control mask loses right answers (measured: the most of all strengths less those "
            "at the last, above 0)",
            right.max(0) - right[-1],
            np.nextafter(0, 1),
            f"right answers at {strengths}: {found}",
        ),
    ]


def _right(judge: Judge) -> np.ndarray:
    """Right answers under the control mask, the mean over both operations."""
    return np.mean([judge.accuracy("control", operation) for operation in ("add", "mul")], 0)
