"""How the published finding is judged on the results; what was measured beside it."""

import polars as pl

from extrapolate.experiments.digit_images import gain_claim
from extrapolate.experiments.digits_parity.settings import PRESETS, DigitsParitySettings
from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate, student
from extrapolate.experiments.old import measurement

SOURCE = "arXiv 1808.00508, MNIST parity; as quoted, unverified"

#: Shares of pictures that are counted rightly: the earlier best, by an affine output, and the NAC's.
PUBLISHED_ACCURACY = {"affine": 0.851, "NAC": 0.931}

#: Each switch of the ablation: its name, then pairs of an output layer with it and without.
SWITCHES = {
    "tanh-sigma": ("weights tanh·σ instead of free", (("NAC", "linear"), ("NAC-bias", "affine"))),
    "no-bias": ("no bias instead of one", (("NAC", "NAC-bias"), ("linear", "affine"))),
}


def claims(results: pl.DataFrame, settings: DigitsParitySettings) -> list[Claim]:
    """The finding and the ablation, as far as they were run, then every output layer's accuracy."""
    groups = {str(unit): rows.sort("seed") for (unit,), rows in results.group_by("unit", maintain_order=True)}
    finding = [_fewer_errors(groups, settings)] if {"NAC", "affine"} <= groups.keys() else []
    ablation = [
        measurement(
            f"{with_it}-over-{without}/{switch}",
            f"{told}: what it adds to the share of pictures counted rightly, {with_it} less {without}",
            _gain(groups[with_it], groups[without]),
        )
        for switch, (told, pairs) in SWITCHES.items()
        for with_it, without in pairs
        if {with_it, without} <= groups.keys()
    ]
    return [*finding, *ablation, *(each for name, rows in groups.items() for each in _measured(name, rows))]


def _gain(better: pl.DataFrame, worse: pl.DataFrame) -> Estimate:
    return student(better["accuracy"].to_numpy() - worse["accuracy"].to_numpy())


def _fewer_errors(groups: dict[str, pl.DataFrame], settings: DigitsParitySettings) -> Claim:
    gain = _gain(groups["NAC"], groups["affine"])
    affine, nac = (PUBLISHED_ACCURACY[name] for name in ("affine", "NAC"))
    return gain_claim(
        "NAC/more-right-than-affine",
        "with a NAC for an output layer more pictures are counted rightly than with an affine one (measured: the "
        "difference of the shares, seed by seed)",
        f"{affine:.1%} to {nac:.1%} ({SOURCE})",
        gain,
        settings,
        PRESETS,
    )


def _measured(name: str, rows: pl.DataFrame) -> list[Claim]:
    right, more = (student(rows[column].to_numpy()) for column in ("accuracy", "accuracy_more"))
    return [
        Claim(
            f"{name}/accuracy",
            f"{name}: share of pictures with up to five digits that are counted rightly",
            PUBLISHED_ACCURACY.get(name),
            right.value,
            interval_of(right),
            right.n,
            None,
            f"a number beside a number: other images and another network ({SOURCE})"
            if name in PUBLISHED_ACCURACY
            else None,
        ),
        measurement(f"{name}/accuracy-more", f"{name}: the same of pictures with six to nine digits", more),
    ]
