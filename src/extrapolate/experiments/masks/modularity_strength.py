"""Weight masks: weights kept, accuracy and overlap at several sparsity penalties."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl

from extrapolate.experiments import lab
from extrapolate.experiments.masks._config import CONTROL, PAPER, networks_and_masks
from extrapolate.experiments.masks._dense import SMOKE, DenseConfig, dense_notes
from extrapolate.experiments.masks._masks import Line, MaskedView, MaskStudy, Model, mask_training, table
from extrapolate.experiments.masks.modularity_add_mul import add_mul_study, evaluate_add_mul
from extrapolate.experiments.options import real_between
from extrapolate.stats import student

#: The published sparsity penalties β, from 1e-5 to 1e-3.
PUBLISHED = (
    *(each / 1e5 for each in (1, 1.5, 2, 3, 4, 5, 6, 7, 8, 9)),
    *(each / 1e4 for each in (1, 1.1, 1.25, 1.5, 1.75, 2, 2.5, 3, 4, 5, 6, 7, 8, 9, 10)),
)


@dataclass(frozen=True, kw_only=True)
class StrengthConfig(DenseConfig):
    """As for addition and multiplication. ``strength`` is set for each training; it is not an option."""

    strengths: tuple[float, ...] = lab.reals(
        (1e-5, 3e-5, 1e-4, 3e-4, 1e-3),
        "Sparsity penalties of the masks (β), separated by commas.",
        read=real_between(least=0, below=1),
        cut=lab.missing("strengths"),
    )
    strength: float = 0.0


def findings(config: StrengthConfig) -> Iterator[lab.Finding]:
    falls = over_strengths("num_kept", "{:,.0f}", lambda counts: (np.diff(counts, axis=0) < 0).mean(0))
    yield lab.Finding("kept-falls", falls)
    lost = over_strengths("accuracy", "{:.1%}", lambda right: right.max(0) - right[-1])
    yield lab.Finding("accuracy-falls", lost)


def over_strengths(column: str, form: str, statistic: Callable[[np.ndarray], np.ndarray]) -> lab.Measure:
    """Estimate ``statistic`` of a column of the control mask: (strengths, networks), the mean over operations.

    The measure is None if there is only one strength. It leaves out networks that were not run at every strength.
    """

    def measure(results: pl.DataFrame) -> lab.Found | None:
        control = results.filter(model=CONTROL).group_by("strength", "seed").agg(pl.col(column).mean())
        wide = control.sort("strength", "seed").pivot("strength", index="seed", values=column).drop_nulls()
        if wide.width < 3 or wide.is_empty():
            return None
        values = wide.drop("seed").to_numpy().T
        strengths = ", ".join(f"{each:g}" for each in control["strength"].unique().sort())
        means = ", ".join(form.format(each) for each in values.mean(1))
        return lab.Found(student(statistic(values)), f"{column} at {strengths}: {means}")

    return measure


def notes(config: StrengthConfig) -> list[str]:
    return [
        *dense_notes(config),
        f"Every seed has one network for all penalties. Published: {len(PUBLISHED)} penalties from {PUBLISHED[0]:g} "
        f"to {PUBLISHED[-1]:g}, networks 800-800-800-800 and wider.",
    ]


def strength_study(config: StrengthConfig, seed: int, strength: float) -> MaskStudy:
    title = f"β = {strength:g}"

    def evaluate(model: Model) -> Iterator[dict[str, Any]]:
        for row in evaluate_add_mul(model):
            yield row | {"split": title, "strength": strength}

    def lines(rows: pl.DataFrame) -> Iterator[Line]:
        """Yield the lines that the page draws; the strength replaces the layer."""
        for row in rows.iter_rows(named=True):
            if row["model"] in (CONTROL, row["task"]):
                yield "accuracy by strength", f"{row['model']}: {row['task']}", title, row["accuracy"]
        for row in rows.filter(task="add").iter_rows(named=True):
            yield "kept by strength", row["model"], title, float(row["num_kept"])
        yield "share by strength", "add", title, rows["overlap"][0]

    return replace(
        add_mul_study(replace(config, strength=strength), seed),
        name=f"strength-{strength:g}-seed".replace(".", "_").replace("+", ""),
        evaluate=evaluate,
        views=lambda network, masks: [MaskedView(name, network, mask) for name, mask in masks.items()],
        extra_columns=lambda masks: {"overlap": masks["add"].share(masks["mul"]).pooled},
        tables=lambda rows: {"masks": table(lines(rows))},
    )


@lab.experiment(
    papers=["2010.02066"],
    laptop=StrengthConfig(hidden=(400, 400, 200), seeds=1, steps=8_000, mask_steps=10_000),
    paper=PAPER | {"hidden": (800,) * 4, "strengths": PUBLISHED},
    smoke=SMOKE | {"strengths": (1e-4, 1e-3)},
    findings=findings,
    notes=notes,
    outline=lambda config: f"{networks_and_masks(config, 3)}, at each of {len(config.strengths)} strengths",
    means=["accuracy", "kept_share"],
)
def modularity_strength(config: StrengthConfig) -> Iterator[lab.Training]:
    for seed in range(config.seeds):
        for strength in config.strengths:
            yield mask_training(strength_study(config, seed, strength))
