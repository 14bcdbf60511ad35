"""Digits in sequences: counted, added and multiplied, on sequences up to a hundred times as long."""

import math
from collections.abc import Iterator

import numpy as np
import polars as pl

from extrapolate.errors import UserError
from extrapolate.experiments.config import REQUIRED
from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.digits._images import BETAS, digits_of
from extrapolate.experiments.digits._sequence_models import KINDS, REFERENCE
from extrapolate.experiments.digits._sequence_training import (
    GREATEST,
    LENGTHS,
    LONGER,
    MODELS,
    TESTED,
    DigitsSequenceConfig,
    train_model,
)
from extrapolate.experiments.experiment import count_of, experiment, intervals_note
from extrapolate.experiments.findings import Finding, Found, above, rows_of
from extrapolate.experiments.summary import means, summarize
from extrapolate.experiments.training import Training
from extrapolate.stats import Estimate, student, success_rate
from extrapolate.tasks import DIGIT_RULES, DigitRule

# ------------------------------------------------------------------------------------------- solved: the reference

#: One-sided confidence of the bound on the reference's error.
CONFIDENCE = 0.99


def with_solved(results: pl.DataFrame) -> pl.DataFrame:
    """``results`` with a column ``solved``: whether a model is as close as the reference, at its greatest length.

    The published criterion: the squared error is below the upper end of the 99 % interval (one-sided, Student's t)
    of the mean squared error of the reference. Null unless at least two models of the reference were trained.
    """
    bounds = {str(task): _bound(own) for (task,), own in results.filter(unit=REFERENCE).group_by("operation")}
    solved = []
    for row in results.iter_rows(named=True):
        bound = bounds.get(row["operation"])
        solved.append(None if bound is None else row[f"squared_error_{row['length']}"] < bound)
    return results.with_columns(solved=pl.Series(solved, dtype=pl.Boolean))


def _bound(rows: pl.DataFrame) -> float | None:
    errors = rows[f"squared_error_{rows['length'][0]}"].to_numpy()
    if len(errors) < 2:
        return None
    from scipy import special  # a slow import, needed after the training

    reach = float(special.stdtrit(len(errors) - 1, CONFIDENCE)) / math.sqrt(len(errors))
    return float(np.mean(errors) + reach * np.std(errors, ddof=1))


def summary(results: pl.DataFrame) -> pl.DataFrame:
    """Success rates, and the mean absolute errors by length."""
    solved = with_solved(results).with_columns(pl.col("solved").fill_null(False))
    return pl.concat([summarize(solved), means(results, [f"error_{length}" for length in LENGTHS])])


# ------------------------------------------------------------------------------------------------------ findings

#: How many times closer than the recurrent network an accumulator must be, and which ones, by rule.
TIMES = 10.0
RECURRENT = "LSTM"
CLOSER = {"count": ("NAC", "NALU"), "sum": ("NAC", "NALU", "NAU")}
CLOSER_SOURCE = "arXiv 1808.00508, MNIST counting and addition"

#: Which accumulators are compared with the reference, by rule.
AS_CLOSE = {"sum": ("NAU",), "product": ("NMU", "StochasticNMU")}
AS_CLOSE_SOURCE = "arXiv 2001.05016 and 2211.05624, sequential MNIST; in figures only"


def findings(config: DigitsSequenceConfig) -> Iterator[Finding]:
    """Which accumulators are closer than the recurrent network, and which are as close as the reference."""
    for task, units in CLOSER.items():
        for unit in units:
            yield _closer(unit, DIGIT_RULES[task], config.lengths(DIGIT_RULES[task])[-1])
    for task, units in AS_CLOSE.items():
        for unit in units:
            yield _as_close(unit, DIGIT_RULES[task], config.lengths(DIGIT_RULES[task])[-1])


def _closer(unit: str, rule: DigitRule, length: int) -> Finding:
    column = f"error_{length}"

    def measure(results: pl.DataFrame) -> Found | None:
        own, recurrent = (
            rows_of(results, {"operation": rule.title, "unit": each})[column] for each in (unit, RECURRENT)
        )
        if not len(own) or not len(recurrent):
            return None
        overflowed = int((own >= GREATEST).sum())
        powers = student(np.log10(recurrent.to_numpy() / own.to_numpy()))
        return Found(powers, f"{overflowed} of {len(own)} models overflow" if overflowed else None)

    return Finding(
        f"{unit}/{rule.title}/closer-than-{RECURRENT}",
        f"{rule.title}, trained on {rule.training} images: on {count_of(length, 'image')} the {unit} is at least "
        f"{TIMES:g} times closer than the {RECURRENT} (measured: the ratio of the errors, in powers of ten)",
        f"stays close at 1,000 where the {RECURRENT} diverges ({CLOSER_SOURCE})",
        measure,
        above(math.log10(TIMES)),
    )


def _as_close(unit: str, rule: DigitRule, length: int) -> Finding:
    def measure(results: pl.DataFrame) -> Estimate | None:
        rows = rows_of(with_solved(results), {"operation": rule.title, "unit": unit})
        known = rows["solved"].drop_nulls()
        return success_rate(int(known.sum()), len(known)) if rows.height else None

    return Finding(
        f"{unit}/{rule.title}/as-close-as-{REFERENCE}",
        f"{rule.title}, trained on {rule.training} images: on {count_of(length, 'image')} most {unit} networks are "
        "as close as one whose accumulator is perfect (measured: the share of models below the published bound)",
        f"extrapolates as that network does ({AS_CLOSE_SOURCE})",
        measure,
        most,
    )


def most(share: Estimate) -> bool | None:
    """More than half of the models, by the interval; one model alone cannot say."""
    return share.low > 0.5 if share.low is not None and share.n > 1 else None


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: DigitsSequenceConfig) -> list[str]:
    """How the models were trained and judged."""
    return [
        f"Adam (second decay {BETAS[1]:g}), learning rate 0.01, recurrent networks 0.003, decreasing linearly to 0. "
        "Squared error of the answer after each image, as in the code of Madsen & Johansen. "
        f"{config.batch} sequences per step, of 10 images (products: 2). Images: {config.data}, drawn with "
        "replacement; the test shares no image with the training. "
        f"Counting is trained {LONGER['count']} times as long as the other tasks.",
        "Each image goes through two 3 × 3 convolutions with stride 2 (8 and 16 channels) and two linear layers (64, "
        "then the features). LSTM, GRU, RNN: 10 features, a state of 32 and a linear layer. Units: as many features "
        "as answers (a single label for sums and products); the unit maps the answer before and the features to the "
        "next answer. Products leave digit 0 out.",
        "NAC, NAU, NMU and StochasticNMU: R_z of Madsen & Johansen (factor 1) on sums and products. NAU, NMU and "
        "StochasticNMU: sparsity penalty 10, growing over the second half of the training. StochasticNMU: the "
        "images of a sequence share the noise of a step.",
        f"Tested on {TESTED} sequences. The best step is that with the lowest error on fixed sequences of training "
        "images, of the length trained on. Solved: at the greatest length the squared error is below the upper 99 % "
        f"bound (one-sided t) of that of the {REFERENCE}, whose accumulator is perfect and whose encoder is trained "
        "in the same way.",
        f"An error that overflows is set to {GREATEST:g}.",
        intervals_note("Wilson for success rates", "Student's t for errors and powers of ten"),
    ]


def curves(results: pl.DataFrame, config: DigitsSequenceConfig) -> pl.DataFrame:
    """The mean absolute error by length."""
    errors = [name for name in results.columns if name.startswith("error_")]
    by_length = results.unpivot(errors, index=["operation", "unit"], value_name="error").drop_nulls("error")
    length = pl.col("variable").str.strip_prefix("error_").cast(pl.Int64)
    return curves_table(
        "Error by length",
        "Mean absolute error, averaged over seeds, by the number of images in a sequence.",
        "images in a sequence",
        "error",
        curves_by(
            by_length.with_columns(length=length), "length", lambda rows: student(rows["error"].to_numpy())
        ),
    )


def models_for(config: DigitsSequenceConfig, task: str) -> list[str]:
    """The models that can learn the task; the reference first, since it judges the others."""
    return [model for model in (REFERENCE, *config.models) if task in KINDS[model].rules]


def outline(config: DigitsSequenceConfig) -> str:
    """Not every model can learn every task."""
    pairs = sum(len(models_for(config, task)) for task in config.tasks)
    return (
        f"{count_of(pairs, 'pair of model and task')} × {count_of(config.seeds, 'seed')} = "
        f"{count_of(pairs * config.seeds, 'model')} of {config.steps:,} steps (counting: {LONGER['count']} times)"
    )


@experiment(
    source="Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); Madsen & Johansen, Neural "
    "Arithmetic Units (arXiv 2001.05016, ICLR 2020)",
    laptop=DigitsSequenceConfig(seeds=5, eval_every=500, batch=16),
    paper={
        "models": tuple(MODELS),
        "data": REQUIRED,
        "seeds": 10,
        "steps": 235_000,  # 1,000 epochs of 30,000 pairs of images, for products; sums have 47,000
        "batch": 128,
        "eval_every": 1_000,
    },
    smoke={
        "models": ("LSTM", "NAU", "StochasticNMU"),
        "tasks": ("sum", "product"),
        "steps": 4,
        "eval_every": 2,
        "batch": 2,
        "longest": 10,
    },
    findings=findings,
    notes=notes,
    outline=outline,
    summary=summary,
    curves=curves,
)
def digits_sequence(config: DigitsSequenceConfig) -> Iterator[Training]:
    for model in config.models:
        if not set(KINDS[model].rules) & set(config.tasks):
            tasks = " or ".join(KINDS[model].rules)
            raise UserError(f"--models: {model} can learn only {tasks}: add that to --tasks")
    digits = digits_of(config.data, config.device)
    for task in config.tasks:
        rule = DIGIT_RULES[task]
        training, test = rule.allowed(digits.training), rule.allowed(digits.test)
        for model in models_for(config, task):
            yield train_model(config, model, rule, training, test)
