"""How the published findings are judged on the results; what was measured beside them."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate, student
from extrapolate.experiments.number_words.part import SETS
from extrapolate.experiments.number_words.settings import PRESETS, NumberWordsSettings

PUBLISHED, LEAST = PRESETS["paper"], PRESETS["laptop"]
SOURCE = "arXiv 1808.00508, translating numbers"

#: Mean absolute errors on the training, validation and test numbers.
PUBLISHED_ERRORS = {
    "LSTM": (0.003, 29.9, 29.4),
    "LSTM-NAC": (80.0, 114.1, 114.3),
    "LSTM-NALU": (0.12, 0.39, 0.41),
}


def claims(results: pl.DataFrame, settings: NumberWordsSettings) -> list[Claim]:
    """The findings about the models that were run, then every model's errors beside the published ones."""
    groups = {str(unit): rows.sort("seed") for (unit,), rows in results.group_by("unit", maintain_order=True)}
    findings = []
    if {"LSTM", "LSTM-NALU"} <= groups.keys():
        findings.append(
            _less(
                "LSTM-NALU/less-than-LSTM",
                "with a NALU the LSTM reads unseen numbers with less error than without (measured: LSTM's error "
                "less LSTM-NALU's, seed by seed)",
                f"test error 0.41 against 29.4 ({SOURCE})",
                groups["LSTM"],
                groups["LSTM-NALU"],
                settings,
            )
        )
    if {"LSTM", "LSTM-NAC"} <= groups.keys():
        findings.append(
            _less(
                "LSTM-NAC/more-than-LSTM",
                "with a NAC, whose weights are bounded, it reads them with more (measured: LSTM-NAC's error "
                "less LSTM's)",
                f"test error 114.3 against 29.4 ({SOURCE})",
                groups["LSTM-NAC"],
                groups["LSTM"],
                settings,
            )
        )
    return [*findings, *(each for name, rows in groups.items() for each in _errors(name, rows))]


def _less(
    id: str,
    claim: str,
    published: str,
    more: pl.DataFrame,
    less: pl.DataFrame,
    settings: NumberWordsSettings,
) -> Claim:
    gain = student(more["test_error"].to_numpy() - less["test_error"].to_numpy())
    cut = _cut_short(settings)
    if settings.steps < LEAST.steps or gain.low is None:
        return Claim(id, claim, published, gain.value, None, gain.n, None, f"not judged: {cut or 'one seed'}")
    return Claim(id, claim, published, gain.value, interval_of(gain), gain.n, gain.low > 0, cut)


def _cut_short(settings: NumberWordsSettings) -> str | None:
    short = []
    if settings.steps < PUBLISHED.steps:
        short.append(f"{settings.steps:,} of {PUBLISHED.steps:,} steps")
    if settings.hidden != PUBLISHED.hidden:
        short.append(f"a state of {settings.hidden} instead of {PUBLISHED.hidden}")
    return f"cut short: {', '.join(short)}" if short else None


def _errors(name: str, rows: pl.DataFrame) -> list[Claim]:
    return [
        _beside(name, part, published, student(np.asarray(rows[f"{part}_error"])))
        for part, published in zip(SETS, PUBLISHED_ERRORS[name], strict=True)
    ]


def _beside(name: str, part: str, published: float, estimate: Estimate) -> Claim:
    return Claim(
        f"{name}/{part}-error",
        f"{name}: mean absolute error on the {part} numbers, at the best validation step",
        published,
        estimate.value,
        interval_of(estimate),
        estimate.n,
        None,
        "a number beside a number: split, batch and rate of the published one are not known",
    )
