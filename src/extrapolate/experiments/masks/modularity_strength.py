"""Weight masks: what is kept, right and shared as weights are pressed out harder."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from extrapolate.experiments.config import missing, reals
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, at_least
from extrapolate.experiments.masks._add_mul import add_mul_study, evaluate_add_mul
from extrapolate.experiments.masks._config import CONTROL, IN_WORDS, POSITIVE, SOURCE, mask_summary
from extrapolate.experiments.masks._dense import DenseConfig, networks
from extrapolate.experiments.masks._masks import MaskStudy, Model, mask_training, under
from extrapolate.experiments.masks._tables import Line, table
from extrapolate.experiments.options import real_between
from extrapolate.experiments.training import Training
from extrapolate.stats import student

#: The published ones: 1 to 9 times 1e-5, then finer, 1 to 9 times 1e-4, and 1e-3.
PUBLISHED = (
    *(1e-5 * each for each in (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)),
    *(1e-4 * each for each in (1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 7, 8, 9)),
    1e-3,
)


@dataclass(frozen=True, kw_only=True)
class StrengthConfig(DenseConfig):
    """As for addition and multiplication; ``strength`` is that of one training, and no option."""

    strengths: tuple[float, ...] = reals(
        (1e-5, 3e-5, 1e-4, 3e-4, 1e-3),
        "Sparsity penalties of the masks (β), separated by commas.",
        read=real_between(least=0, below=1),
        cut=missing("strengths"),
    )
    strength: float = 0.0


# ------------------------------------------------------------------------------------------------------- findings


def findings(config: StrengthConfig) -> Iterator[Finding]:
    """The control mask from each strength to the next."""
    yield Finding(
        "kept-falls",
        "the higher the sparsity penalty, the fewer weights the control mask keeps (measured: share of the steps "
        "from a strength to the next, all)",
        IN_WORDS,
        kept_falls,
        at_least(1.0),
    )
    yield Finding(
        "accuracy-falls",
        "at the highest sparsity penalty the control mask loses accuracy (measured: the highest accuracy at any "
        "strength less that at the last, above 0)",
        IN_WORDS,
        accuracy_falls,
        at_least(POSITIVE),
    )


def kept_falls(results: pl.DataFrame) -> Found | None:
    """Of each network, the share of steps from a strength to the next at which the control mask keeps less."""
    kept = by_strength(results, "kept")
    if kept is None:
        return None
    strengths, counts = kept
    shown = ", ".join(f"{mean:,.0f}" for mean in counts.mean(1))
    return Found(student((np.diff(counts, axis=0) < 0).mean(0)), f"kept at {strengths}: {shown}")


def accuracy_falls(results: pl.DataFrame) -> Found | None:
    """Of each network, what the control mask at the last strength loses."""
    found = by_strength(results, "accuracy")
    if found is None:
        return None
    strengths, right = found
    shown = ", ".join(f"{mean:.1%}" for mean in right.mean(1))
    return Found(student(right.max(0) - right[-1]), f"accuracy at {strengths}: {shown}")


def by_strength(results: pl.DataFrame, column: str) -> tuple[str, np.ndarray] | None:
    """The strengths in words, and of the control mask a column (strengths, networks), the mean over operations.

    None where there is one strength only: then nothing can be compared. Networks that were not run at every strength
    are left out.
    """
    control = results.filter(unit=CONTROL).group_by("strength", "seed").agg(pl.col(column).mean())
    wide = control.sort("strength", "seed").pivot("strength", index="seed", values=column).drop_nulls()
    if wide.width < 3 or wide.is_empty():
        return None
    strengths = ", ".join(f"{each:g}" for each in control["strength"].unique().sort())
    return strengths, wide.drop("seed").to_numpy().T


# ----------------------------------------------------------------------------------------------------- experiment


def notes(config: StrengthConfig) -> list[str]:
    """How the networks and masks were trained and evaluated."""
    return [
        "Input: two numbers of two digits and an operation, one-hot; the answer is modulo 100. Accuracies are over "
        "all 10,000 pairs of an operation, all digits right, with masks cut at keep-probability 1/2.",
        f"Weights: Adam, rate 1e-3, batch {config.batch}, {config.steps:,} steps. Masks: Adam, rate 1e-2, four drawn "
        f"per step, {config.mask_steps:,} steps; weight matrices are masked, biases are not. A network of one seed "
        "is the same at every strength.",
        f"Strengths β: {', '.join(f'{each:g}' for each in config.strengths)} (published: {len(PUBLISHED)} from "
        f"{PUBLISHED[0]:g} to {PUBLISHED[-1]:g}, networks 800-800-800-800 and wider).",
    ]


def outline(config: StrengthConfig) -> str:
    """How many networks, strengths and masks."""
    return (
        f"{networks(config)} of {config.steps:,} steps at each of {len(config.strengths)} strengths, "
        f"3 masks each of {config.mask_steps:,}"
    )


def title(strength: float) -> str:
    """A strength in the results and on the page."""
    return f"β = {strength:g}"


def strength_study(config: StrengthConfig, seed: int, strength: float) -> MaskStudy:
    """The study of addition and multiplication at one strength."""

    def evaluate(model: Model) -> Iterator[dict[str, Any]]:
        for row in evaluate_add_mul(model):
            yield row | {"range": title(strength), "strength": strength}

    return replace(
        add_mul_study(replace(config, strength=strength), seed),
        name=f"strength-{strength:g}-seed-{seed}".replace(".", "_").replace("+", ""),
        evaluate=evaluate,
        views=under,
        further=lambda masks: {"shared": masks["add"].share(masks["mul"]).pooled},
        tables=lambda rows: {"masks": table(lines_by_strength(rows, title(strength)))},
    )


def lines_by_strength(rows: pl.DataFrame, at: str) -> list[Line]:
    """What the page draws over the strengths: the strength stands in place of a layer."""
    lines: list[Line] = []
    for row in rows.iter_rows(named=True):
        if row["unit"] in (CONTROL, row["operation"]):
            lines.append(("accuracy by strength", f"{row['unit']}: {row['operation']}", at, row["accuracy"]))
    for row in rows.filter(operation="add").iter_rows(named=True):
        lines.append(("kept by strength", row["unit"], at, float(row["kept"])))
    lines.append(("share by strength", "add", at, rows["shared"][0]))
    return lines


@experiment(
    source=SOURCE,
    laptop=StrengthConfig(hidden=(400, 400, 200), seeds=1, steps=8_000, mask_steps=10_000),
    paper={
        "hidden": (800, 800, 800, 800),
        "strengths": tuple(float(f"{each:.6g}") for each in PUBLISHED),
        "seeds": 10,
        "steps": 20_000,
        "mask_steps": 20_000,
    },
    smoke={
        "hidden": (16, 16),
        "strengths": (1e-4, 1e-3),
        "seeds": 1,
        "steps": 20,
        "mask_steps": 5,
        "eval_every": 10,
        "batch": 128,
    },
    findings=findings,
    notes=notes,
    outline=outline,
    summary=mask_summary,
)
def modularity_strength(config: StrengthConfig) -> Iterator[Training]:
    for seed in range(config.seeds):
        for strength in config.strengths:
            yield mask_training(strength_study(config, seed, strength))
