"""How the published findings are judged on the results; what was measured beside them."""

import math

import numpy as np
import polars as pl

from extrapolate.experiments.digit_images import cut_short
from extrapolate.experiments.digits_sequence.models import REFERENCE
from extrapolate.experiments.digits_sequence.part import GREATEST, LENGTHS
from extrapolate.experiments.digits_sequence.reference import with_solved
from extrapolate.experiments.digits_sequence.settings import PRESETS, DigitsSequenceSettings
from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import Estimate, student, success_rate
from extrapolate.experiments.old import measurement
from extrapolate.tasks import DIGIT_RULES, DigitRule

PUBLISHED, LEAST = PRESETS["paper"], PRESETS["laptop"]
RULES = {rule.title: rule for rule in DIGIT_RULES.values()}

#: How many times closer an accumulator must be than the recurrent network, and which task is judged so for which.
TIMES = 10.0
PLAIN = "LSTM"
CLOSER = {"count": ("NAC", "NALU"), "sum": ("NAC", "NALU", "NAU")}
CLOSER_SOURCE = "arXiv 1808.00508, MNIST counting and addition"

#: Which task is judged against the reference for which units.
AS_CLOSE = {"sum": ("NAU",), "product": ("NMU", "StochasticNMU")}
AS_CLOSE_SOURCE = "arXiv 2001.05016 and 2211.05624, sequential MNIST; in figures only"


def claims(results: pl.DataFrame, settings: DigitsSequenceSettings) -> list[Claim]:
    """The findings about the models that were run, then every measurement by model, task and length."""
    judged = with_solved(results)
    groups = {
        (str(task), str(unit)): rows.sort("seed")
        for (task, unit), rows in judged.group_by("operation", "unit", maintain_order=True)
    }
    closer = [
        _closer(RULES[task], unit, rows, groups[task, PLAIN], settings)
        for (task, unit), rows in groups.items()
        if unit in CLOSER.get(RULES[task].name, ()) and (task, PLAIN) in groups
    ]
    as_close = [
        _as_close(RULES[task], unit, rows, settings)
        for (task, unit), rows in groups.items()
        if unit in AS_CLOSE.get(RULES[task].name, ())
    ]
    measured = [
        measurement(
            f"{unit}/{task}/error-{length}",
            f"{unit}, {task}: mean absolute error on {_images(length)}",
            student(rows[f"error_{length}"].to_numpy()),
        )
        for (task, unit), rows in groups.items()
        for length in LENGTHS
        if rows[f"error_{length}"].null_count() == 0
    ]
    return closer + as_close + measured


def _images(length: int) -> str:
    return f"{length:,} image{'s' if length > 1 else ''}"


def _closer(
    rule: DigitRule, unit: str, rows: pl.DataFrame, plain: pl.DataFrame, settings: DigitsSequenceSettings
) -> Claim:
    longest = rows["length"][0]
    column = f"error_{longest}"
    ratio = student(np.log10(plain[column].to_numpy() / rows[column].to_numpy()))
    diverged = int((rows[column] >= GREATEST).sum())
    return _judged(
        f"{unit}/{rule.title}/closer-than-{PLAIN}",
        f"{rule.title}, trained on {_images(rule.training)}: on {longest:,} the {unit} is at least {TIMES:g} times "
        f"closer than the {PLAIN} (measured: how many powers of ten)",
        f"stays close at 1,000 where the {PLAIN} diverges ({CLOSER_SOURCE})",
        ratio,
        ratio.low is not None and ratio.low >= math.log10(TIMES),
        f"{diverged} of {rows.height} models overflow" if diverged else "",
        rule,
        settings,
    )


def _as_close(rule: DigitRule, unit: str, rows: pl.DataFrame, settings: DigitsSequenceSettings) -> Claim:
    known = rows["solved"].drop_nulls()
    rate = success_rate(int(known.sum()), len(known))
    longest = rows["length"][0]
    return _judged(
        f"{unit}/{rule.title}/as-close-as-{REFERENCE}",
        f"{rule.title}, trained on {_images(rule.training)}: on {longest:,} most {unit} networks are as close as one "
        "whose accumulator is perfect (measured: the share of models below the published bound)",
        f"extrapolates as that network does ({AS_CLOSE_SOURCE})",
        rate,
        rate.low is not None and rate.low > 0.5,
        "",
        rule,
        settings,
    )


def _judged(
    id: str,
    claim: str,
    published: str,
    measured: Estimate,
    holds: bool,
    told: str,
    rule: DigitRule,
    settings: DigitsSequenceSettings,
) -> Claim:
    enough = settings.steps >= LEAST.steps and settings.longest >= rule.tested[-1]
    judged = enough and measured.low is not None and measured.n > 1
    why = "; ".join(filter(None, ["" if judged else "not judged", told, _cut_short(rule, settings)]))
    return Claim(
        id,
        claim,
        published,
        measured.value,
        interval_of(measured),
        measured.n,
        holds if judged else None,
        why or None,
    )


def _cut_short(rule: DigitRule, settings: DigitsSequenceSettings) -> str:
    short = cut_short(settings, PUBLISHED, "sequences")
    if settings.seeds < PUBLISHED.seeds:
        short.append(f"{settings.seeds} of {PUBLISHED.seeds} seeds")
    if settings.longest < rule.tested[-1]:
        short.append(f"tested up to {settings.lengths(rule)[-1]} of {rule.tested[-1]:,} images")
    return f"cut short: {', '.join(short)}" if short else ""
