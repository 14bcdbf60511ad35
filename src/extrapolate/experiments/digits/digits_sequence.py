"""Counting, adding and multiplying digits in sequences, tested on sequences up to 100 times longer than trained."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from extrapolate._runtime.errors import UserError
from extrapolate.experiments import lab
from extrapolate.experiments.digits._images import DigitConfig, adam, digits_of
from extrapolate.experiments.digits._sequence_models import KINDS, REFERENCE, Accumulator, Reader
from extrapolate.stats import NOTHING, Estimate, student, success_rate
from extrapolate.tasks import DIGIT_RULES, DigitRule, DigitSet
from extrapolate.training import LinearDecay, Penalty, Warmup

#: Errors are clamped to this value, because the infinite errors of diverged networks have no mean.
GREATEST = 1e60

#: All test lengths of the rules, and the columns of their errors.
LENGTHS = sorted({length for rule in DIGIT_RULES.values() for length in rule.tested})
ERRORS = [f"error_{length}" for length in LENGTHS]

#: The models of ``--models``; the reference is always trained.
MODELS = [name for name in KINDS if name != REFERENCE]


@dataclass(frozen=True, kw_only=True)
class DigitsSequenceConfig(DigitConfig):
    """Options of the tasks on sequences: Adam with a decreasing learning rate, squared error of every answer."""

    models: tuple[str, ...] = lab.names(
        MODELS, "Models to train", "model", default=("LSTM", "NAC", "NALU", "NAU", "NMU", "StochasticNMU")
    )
    tasks: tuple[str, ...] = lab.names(DIGIT_RULES, "Tasks to learn", "task")
    steps: int = lab.integer(
        6_000, "Training steps per model; counting takes four times as many.", cut=lab.fewer("steps")
    )
    longest: int = lab.integer(
        1_000,
        "Greatest length of test sequences, in images. Published: 1,000.",
        cut=lab.fewer("images in the longest test sequence"),
    )

    def lengths(self, rule: DigitRule) -> list[int]:
        return [length for length in rule.tested if length <= self.longest]

    def models_for(self, task: str) -> list[str]:
        """Return the models that can learn the task, the reference first."""
        return [model for model in (REFERENCE, *self.models) if task in KINDS[model].rules]


def times_closer(model: str, task: str, length: int) -> lab.Measure:
    """Measure the ratio of the LSTM's error to the model's, in powers of ten."""

    def measure(results: pl.DataFrame) -> lab.Found | None:
        labels = ({"task": task, "model": each} for each in (model, "LSTM"))
        own, recurrent = (lab.rows_of(results, each)[f"error_{length}"].to_numpy() for each in labels)
        if not len(own) or not len(recurrent):
            return None
        overflowed = int((own >= GREATEST).sum())
        note = f"{overflowed} of {len(own)} models overflow" if overflowed else None
        return lab.Found(student(np.log10(recurrent / own)), note)

    return measure


def share_as_close(model: str, task: str, length: int) -> lab.Measure:
    """Measure the share of models that are as close as the reference.

    As published: the squared error is below the upper end of the 99 % interval (one-sided, Student's t) of the
    reference's mean squared error. The estimate is empty if fewer than two models of the reference were run.
    """

    def measure(results: pl.DataFrame) -> Estimate | None:
        from scipy import special  # a slow import, which only the end of a training needs

        rows = (results.filter(task=task, model=each) for each in (model, REFERENCE))
        own, reference = (each[f"squared_error_{length}"].to_numpy() for each in rows)
        if not len(own):
            return None
        if (n := len(reference)) < 2:
            return NOTHING
        margin = special.stdtrit(n - 1, 0.99) * np.std(reference, ddof=1) / np.sqrt(n)
        return success_rate(int((own < np.mean(reference) + margin).sum()), len(own))

    return measure


def findings(config: DigitsSequenceConfig) -> Iterator[lab.Finding]:
    closer = (("NAC", "count"), ("NALU", "count"), ("NAC", "sum"), ("NALU", "sum"), ("NAU", "sum"))
    as_close = (("NAU", "sum"), ("NMU", "product"), ("StochasticNMU", "product"))
    for id, measure, pairs in (
        ("{model}/{task}/closer-than-LSTM", times_closer, closer),
        ("{model}/{task}/as-close-as-reference", share_as_close, as_close),
    ):
        for unit, rule in ((unit, DIGIT_RULES[task]) for unit, task in pairs):
            length = config.lengths(rule)[-1]
            words = {"task": rule.title, "training": rule.training, "images": lab.count_of(length, "image")}
            yield lab.Finding(id, measure(unit, rule.title, length), {"model": unit, **words})


def notes(config: DigitsSequenceConfig) -> list[str]:
    return [
        "Adam (second decay 0.99), learning rate 0.01 (recurrent networks: 0.003), decreasing linearly to 0. Squared "
        f"error of the answer after each image. {config.batch} sequences per step, of 10 images (products: 2). "
        f"Images: {config.data}, sampled with replacement; test and training share no image. Counting is trained for "
        "4 times as many steps as the other tasks. Products leave out digit 0.",
        "LSTM, GRU, RNN: 10 features per image, a state of 32, a linear layer. Units map the previous answer and the "
        "features of an image to the next answer, with one feature per output. NAC, NAU, NMU and StochasticNMU have "
        "the regulariser R_z of Madsen & Johansen (factor 1) on sums and products. NAU, NMU and StochasticNMU have "
        "the sparsity penalty 10, which grows over the second half of the training.",
        "Tested on 200 sequences, at the step with the lowest error on fixed sequences of training images (of the "
        "training length). The reference is a network with a perfect accumulator, whose encoder is trained in the "
        "same way. As close as the reference: at the greatest length, the squared error is below the upper 99 % "
        f"bound (one-sided t) of the reference's. An error that overflows is set to {GREATEST:g}.",
        lab.intervals_note("Wilson for shares of models", "Student's t for errors and powers of ten"),
    ]


def outline(config: DigitsSequenceConfig) -> str:
    """Count the models; not every model can learn every task."""
    models = config.seeds * sum(len(config.models_for(task)) for task in config.tasks)
    return (
        f"{lab.count_of(models, 'model')} of {config.steps:,} steps ({4 * config.steps:,} steps for the task 'count')"
    )


def curves(results: pl.DataFrame, config: DigitsSequenceConfig) -> pl.DataFrame:
    rows = results.unpivot(ERRORS, index=["task", "model"], value_name="error").drop_nulls("error")
    rows = rows.with_columns(length=pl.col("variable").str.strip_prefix("error_").cast(pl.Int64))
    return lab.curves_table(
        "Error by length",
        "Mean absolute error, averaged over seeds, by the number of images in a sequence.",
        "images in a sequence",
        "error",
        lab.curves_by(rows, "length", lambda own: student(own["error"].to_numpy())),
    )


def errors_after(
    model: nn.Module, rule: DigitRule, digits: DigitSet, chosen: Tensor, lengths: Sequence[int]
) -> Tensor:
    """Return mean absolute and squared errors after ``lengths`` images of ``chosen`` (T, N): (2, len(lengths))."""
    assert isinstance(model, Reader)
    answers = model.memory(model.encode(digits.images, chosen))
    last = torch.tensor(lengths, device=chosen.device) - 1
    errors = (answers - rule.answers(digits.labels[chosen]))[last].double().flatten(1)
    means = torch.stack([errors.abs().mean(1), errors.square().mean(1)])
    return means.nan_to_num(nan=GREATEST).clamp_max(GREATEST)


def train_model(config: DigitsSequenceConfig, model: str, rule: DigitRule) -> lab.Training:
    """Make the training of a network on a rule, all seeds at once; ``config.steps`` are those of this rule."""
    kind, lengths = KINDS[model], config.lengths(rule)
    digits = digits_of(config.data, config.device)
    images, test = rule.select_allowed(digits.training), rule.select_allowed(digits.test)
    validation = rule.draw(200, rule.training, images, seed=1)

    def loss(model: nn.Module, key: Tensor, _: Any) -> Tensor:
        assert isinstance(model, Reader)
        chosen = rule.draw_keyed(config.batch, len(images), key)
        features = model.encode(images.images, chosen)
        answers = model.memory(features)
        value = (answers - rule.answers(images.labels[chosen])).square().mean()
        if kind.unused and rule.outputs == 1 and isinstance(model.memory, Accumulator):
            value = value + model.memory.unused(features, answers)
        return value

    def measure(trained: lab.Trained) -> dict[str, Any]:
        error = trained.history.at_best("training_error")
        columns: dict[str, Any] = {"length": lengths[-1], "training_error": error}
        sequences = rule.draw(200, lengths[-1], test, seed=2)
        errors = trained.vmap(lambda model: errors_after(model, rule, test, sequences, lengths))
        for name, values in zip(("error", "squared_error"), errors.unbind(1), strict=True):
            tested = dict(zip(lengths, values.T.tolist(), strict=True))
            found = {f"{name}_{each}": tested.get(each, [None] * config.seeds) for each in LENGTHS}
            columns |= {column: pl.Series(own, dtype=pl.Float64) for column, own in found.items()}
        return {**columns, "best_step": trained.history.best_step, "steps": config.steps}

    after = [rule.training]
    metrics = {"training_error": lambda model: errors_after(model, rule, images, validation, after)[0, 0]}
    split = f"{rule.training} to {lengths[-1]:,} images"
    return lab.Training(
        name=f"{model}-{rule.name}",
        labels={"model": model, "task": rule.title, "split": split},
        build=lambda: kind.build(images.size, rule),
        train=replace(
            config.train(loss, adam(kind.learning_rate), metrics),
            lr_schedule=LinearDecay(config.steps),
            penalties=(Penalty(Warmup(config.steps, config.steps // 2, scale=10.0)),),
        ),
        measure=measure,
        config=config,
    )


@lab.experiment(
    papers=["1808.00508", "2001.05016"],
    laptop=DigitsSequenceConfig(seeds=5, eval_every=500, batch=16),
    paper={
        "models": tuple(MODELS),
        "data": lab.REQUIRED,
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
    means=ERRORS,
    curves=curves,
)
def digits_sequence(config: DigitsSequenceConfig) -> Iterator[lab.Training]:
    for model in config.models:
        if not set(KINDS[model].rules) & set(config.tasks):
            tasks = " or ".join(KINDS[model].rules)
            raise UserError(f"--models: {model} can learn only {tasks}: add one of these to --tasks")
    for task in config.tasks:
        # counting takes longer: its 90 weights between different counts must fall to 1e-4
        own = replace(config, steps=4 * config.steps) if task == "count" else config
        for model in config.models_for(task):
            yield train_model(own, model, DIGIT_RULES[task])
