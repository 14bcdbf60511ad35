"""How the published finding is judged on the results; what was measured beside it."""

import polars as pl

from extrapolate.experiments.digit_images import gain_claim
from extrapolate.experiments.digits_product.part import DIGITS
from extrapolate.experiments.digits_product.settings import PRESETS, DigitsProductSettings
from extrapolate.experiments.findings import Claim
from extrapolate.experiments.intervals import student
from extrapolate.experiments.old import measurement

SOURCE = "arXiv 2211.05624, static MNIST product; in figures only"

MEASURES = {
    "seen_accuracy": "share of rounded products that are right, of seen pairs",
    "unseen_accuracy": "share of rounded products that are right, of pairs never seen",
    "label_accuracy": "share of rounded labels that are right, mean over the digits",
    **{name: f"share of rounded labels that are right, of {name.replace('_', ' ')}" for name in DIGITS},
}


def claims(results: pl.DataFrame, settings: DigitsProductSettings) -> list[Claim]:
    """The findings about the units that were run, then every measurement by unit and images."""
    groups = {
        (str(shown), str(unit)): rows.sort("seed")
        for (shown, unit), rows in results.group_by("range", "unit", maintain_order=True)
    }
    findings = [
        _better(shown, column, better, worse, groups, settings)
        for shown in dict.fromkeys(shown for shown, _ in groups)
        for column, better, worse in (
            ("label_accuracy", "StochasticNMU", "NMU"),
            ("unseen_accuracy", "StochasticNMU", "MLP"),
        )
        if {(shown, better), (shown, worse)} <= groups.keys()
    ]
    measured = [
        measurement(f"{unit}/{shown}/{name}", f"{unit}, {shown}: {told}", student(rows[name].to_numpy()))
        for (shown, unit), rows in groups.items()
        for name, told in MEASURES.items()
    ]
    return findings + measured


CLAIMED = {
    "label_accuracy": (
        "reads more labels rightly, which nobody supervised, than the",
        "better labels upstream",
    ),
    "unseen_accuracy": (
        "multiplies more of the pairs that it never saw rightly than the",
        "an MLP does not extrapolate to unseen pairs",
    ),
}


def _better(
    shown: str,
    column: str,
    better: str,
    worse: str,
    groups: dict[tuple[str, str], pl.DataFrame],
    settings: DigitsProductSettings,
) -> Claim:
    told, published = CLAIMED[column]
    gain = student(groups[shown, better][column].to_numpy() - groups[shown, worse][column].to_numpy())
    return gain_claim(
        f"{better}/{shown}/{column}-over-{worse}",
        f"{shown}: the {better} {told} {worse} (measured: the difference of the shares, seed by seed)",
        f"{published} ({SOURCE})",
        gain,
        settings,
        PRESETS,
    )
