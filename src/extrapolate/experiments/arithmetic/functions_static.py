"""Six functions of two sums over parts of a vector (a + b, a − b, ..., √a), tested on a wider range than trained.

A score is 100 × the error ÷ the error before training. The published numbers are second-hand quotations that could
not be checked in the paper; every claim on them notes this.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any, ClassVar

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic._subsets import PENALTY, Layer, Static, SubsetConfig, SumsTraining
from extrapolate.experiments.summary import Means
from extrapolate.stats import Estimate, student
from extrapolate.tasks import SUM_FUNCTIONS, SubsetFunction, parse_range
from extrapolate.tasks.subset_functions import Sequences
from extrapolate.training import Warmup

#: By the name of a model: the layer for the sums, and the layer for the answer.
LAYERS: dict[str, tuple[Layer, Layer]] = {
    "ReLU6": (lambda a, b: torch_nn.Sequential(torch_nn.Linear(a, b), torch_nn.ReLU6()), torch_nn.Linear),
    "Linear": (torch_nn.Linear, torch_nn.Linear),
    "NAC": (nn.NAC, nn.NAC),
    "NALU": (nn.NALU, nn.NALU),
    "NAC-NACMul": (nn.NAC, nn.NACMul),
    "NAU-NMU": (nn.NAU, nn.NMU),
}


def layers_of(model: str, hidden: int) -> tuple[Layer, Layer, int]:
    """Return a model's two layers, and the number of units between them: 2 for arithmetic layers."""
    first, second = LAYERS[model]
    return first, second, hidden if second is torch_nn.Linear else 2


@dataclass(frozen=True, kw_only=True)
class FunctionsConfig(SubsetConfig):
    """Options of the functions of two sums; the published settings are unknown.

    NAC and NALU reach exact weights only at infinite parameters, so that the laptop preset has ``epsilon`` 1e-2.
    """

    models: tuple[str, ...] = lab.names(LAYERS, "Models to train", "model")
    functions: tuple[str, ...] = lab.names(SUM_FUNCTIONS, "Functions of the two sums", "function")
    hidden: int = lab.integer(
        32,
        "Hidden units of the networks without arithmetic layers. Published: about 100.",
        cut=lab.fewer("hidden units"),
    )

    #: The inputs of the training and of the test.
    trained_on: ClassVar = Sequences(parse_range("U[1,2]"))
    tested_on: ClassVar = Sequences(parse_range("U[2,6]"))
    learning_rate: ClassVar = 1e-3

    def build(self, model: str) -> torch_nn.Module:
        """Make the network that maps inputs (T, B, I) to answers (B, 1)."""
        first, second, width = layers_of(model, self.hidden)
        return Static(first(self.in_features, width), second(width, 1))


#: Fields that the presets of both experiments share.
PAPER = {"seeds": 20, "hidden": 100, "batch": 128, "epsilon": 1e-5}
SMOKE = {"in_features": 8, "hidden": 4, "batch": 8}

#: Scores are clipped to these bounds; the published table also prints all larger scores as "> 999".
LEAST_SCORE, GREATEST_SCORE = 1e-3, 1e3


def powers(scores: np.ndarray) -> np.ndarray:
    """Return log10 of the clipped scores; NaN counts as the greatest score."""
    scores = np.nan_to_num(scores, nan=GREATEST_SCORE, posinf=GREATEST_SCORE)
    return np.log10(np.clip(scores, LEAST_SCORE, GREATEST_SCORE))


def geometric_mean(scores: np.ndarray) -> Estimate:
    power = student(powers(scores))
    value, low, high = (None if each is None else 10**each for each in (power.value, power.low, power.high))
    return Estimate(value, low, high, power.n)


#: The columns whose means the summaries of these experiments have, besides success rates.
MEANS: Means = dict.fromkeys(("interpolation", "extrapolation"), geometric_mean)


def lead(id: str, function: str, model: str, *others: str) -> lab.Finding:
    """Measure by how many powers of ten a model's extrapolation score is below the lowest of the others, by seed."""

    def powers_of_ten(*tables: pl.DataFrame) -> np.ndarray:
        own, *theirs = (powers(rows["extrapolation"].to_numpy()) for rows in tables)
        return np.min(theirs, 0) - own

    measure = lab.of(powers_of_ten, *({"model": name, "function": function} for name in (model, *others)))
    words = {"model": model, "function": function, "formula": SUM_FUNCTIONS[function].formula}
    return lab.Finding(id, measure, words)


def success(published: Sequence[str]) -> Iterator[lab.Finding]:
    """Yield the findings that NALU succeeds with few seeds, and NAU→NMU with more.

    ``published``: the functions that NALU learns according to the paper.
    """

    def rows_of(results: pl.DataFrame, model: str, functions: Sequence[str]) -> pl.DataFrame:
        """Return the rows of a model; no rows unless all of these functions were run."""
        rows = results.filter(pl.col("function").is_in(functions), model=model)
        return rows if rows["function"].n_unique() == len(functions) else rows.clear()

    def solved(results: pl.DataFrame) -> Estimate | None:
        rows = rows_of(results, "NALU", published)
        return lab.share_of(rows) if rows.height else None

    def gain(results: pl.DataFrame) -> lab.Found | None:
        able = ("add", "sub", "mul", "square")  # the functions that a NAU followed by an NMU can represent
        models = (rows_of(results, model, able) for model in ("NAU-NMU", "NALU"))
        return lab.gain(*models, note="solved: NAU→NMU {0}, NALU {1}")

    yield lab.Finding("NALU/fails-with-most-seeds", solved)
    yield lab.Finding("NAU-NMU/solves-more-than-NALU", gain)


def count_steps(inputs: Sequences) -> str:
    return lab.count_of(inputs.length, "step")


def notes(config: FunctionsConfig) -> list[str]:
    train, test = config.trained_on, config.tested_on
    return [
        f"Adam, learning rate {config.learning_rate:g}, squared error, {config.batch} fresh samples per step, one "
        f"stream for all models; penalty {PENALTY:g} on NAU and NMU, growing from step {config.steps // 2:,} to "
        f"{config.steps * 2 // 3:,}. Arithmetic layers have 2 units between them, other layers {config.hidden} "
        "(published: about 100).",
        f"{config.in_features} inputs per step in {train.interval}, {count_steps(train)}. a and b are sums over "
        f"{config.in_features // 4} inputs each; their subsets overlap by half, and the seed sets their offset. "
        f"Tested on {count_steps(test)} in {test.interval}, with the weights of the lowest validation error.",
        "Score: 100 × the error (float64) ÷ the median error of the same models before training. The published "
        "scores divide by the mean, which the seed with the largest powers of the inputs dominates. Means are "
        f"geometric, over scores clipped to [{LEAST_SCORE:g}, {GREATEST_SCORE:,.0f}].",
        "Solved: the extrapolation error is below that of the exact solution with every weight changed by "
        f"{config.epsilon:g}.",
        "Intervals (95 %): Wilson for success rates, Newcombe for their differences, Student's t for powers of ten.",
    ]


def train_model(config: FunctionsConfig, name: str) -> lab.Training:
    """Make the training of a model on all functions."""
    functions = [SUM_FUNCTIONS[each] for each in config.functions]
    function_of_each = [function for function in functions for _ in range(config.seeds)]
    train, test = config.trained_on, config.tested_on
    sums = SumsTraining(config, [SubsetFunction(f, train, test, config.in_features) for f in functions])

    def measure(trained: lab.Trained) -> dict[str, Any]:
        untrained, validation, test = training.replicas(), sums.inputs("validation"), sums.inputs("test")
        near, far = trained.history.at_best("validation_mse"), sums.errors(trained.replicas, test)
        thresholds = torch.tensor([task.threshold(config.epsilon) for task in sums.tasks]).double()
        thresholds = thresholds.repeat_interleave(config.seeds)
        return {
            "solved": far.cpu() < thresholds,
            "interpolation": scores(near, sums.errors(untrained, validation), config.seeds),
            "extrapolation": scores(far, sums.errors(untrained, test), config.seeds),
            "validation_mse": near,
            "extrapolation_mse": far,
            "threshold": thresholds,
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    start = config.steps // 2
    penalty = Warmup(max(config.steps * 2 // 3, start + 1), start, PENALTY)
    steps = f"{train.length} steps of " if train.length > 1 else ""
    training = lab.Training(
        name=name,
        labels={
            "model": name,
            "task": [each.formula for each in function_of_each],
            "function": [each.name for each in function_of_each],
            "split": f"{steps}{train.interval}",
        },
        build=partial(config.build, name),
        config=config,
        seeds=sums.seeds,
        train=sums.train(config.learning_rate, penalty, {"validation_mse": "validation"}),
        measure=measure,
    )
    return training


def scores(errors: Tensor, untrained: Tensor, seeds: int) -> Tensor:
    """Return 100 × the error ÷ the error before training, the median over a function's seeds.

    The median, because a few seeds have very large errors before training.
    """
    medians = untrained.cpu().view(-1, seeds).median(-1).values
    return 100 * errors.cpu() / medians.repeat_interleave(seeds)


#: By model of the published table: the functions whose score on the wider range it prints as 0.0.
VANISHING = {
    "ReLU6": (),
    "Linear": ("add", "sub"),
    "NAC": ("add", "sub"),
    "NALU": ("add", "sub", "mul", "square", "root"),
}


def findings(config: FunctionsConfig) -> Iterator[lab.Finding]:
    """A published 0.0 must print as 0.0 here, and a large score must not. NALU's 0.7 for a ÷ b is not judged."""

    def score(model: str, function: str, column: str) -> lab.Measure:
        labels = {"model": model, "function": function}
        return lab.of(lambda rows: rows[column].to_numpy(), labels, estimate=geometric_mean)

    for name, function in SUM_FUNCTIONS.items():
        for model, vanishing in VANISHING.items():
            kind = "exact" if name in vanishing else "model"
            id = f"{{{kind}}}/{{function}}/extrapolation"
            if (model, name) == ("NALU", "div"):
                id = "NALU/div/extrapolation"
            words = {kind: model, "function": name, "formula": function.formula}
            yield lab.Finding(id, score(model, name, "extrapolation"), words)
    yield lab.Finding("NALU/div/interpolation", score("NALU", "div", "interpolation"))
    for name in ("mul", "div", "square", "root"):
        yield lead("NALU/{function}/nearer-than-ReLU6-Linear-NAC", name, "NALU", "ReLU6", "Linear", "NAC")
    yield from success(tuple(SUM_FUNCTIONS))


@lab.experiment(
    papers=["1808.00508", "2001.05016"],
    laptop=FunctionsConfig(seeds=10, steps=60_000, batch=64),
    paper=PAPER | {"steps": 5_000_000, "eval_every": 5_000, "in_features": 100, "samples": 2_000},
    smoke={
        **SMOKE,
        "models": ("Linear", "NALU"),
        "functions": ("add", "mul"),
        "steps": 20,
        "eval_every": 10,
        "samples": 50,
    },
    findings=findings,
    notes=notes,
    means=MEANS,
)
def functions_static(config: FunctionsConfig) -> Iterator[lab.Training]:
    for name in config.models:
        yield train_model(config, name)
