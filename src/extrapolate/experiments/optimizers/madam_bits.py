"""The Madam optimizer: image classification with weights of 8 to 16 bits, compared with float weights."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor

from extrapolate.experiments import lab
from extrapolate.experiments.optimizers._problems import PROBLEMS, fewer_steps
from extrapolate.optim import IntegerMadam, Madam
from extrapolate.stats import Estimate, student

#: By name: bits of a weight, sign included, and how updates are rounded. Published: to the nearest level.
WEIGHTS: dict[str, tuple[int, str | None]] = {
    "float32": (32, None),
    **{f"{bits}-bit": (bits, "stochastic") for bits in (16, 12, 10, 8)},
    **{f"{bits}-bit-nearest": (bits, "nearest") for bits in (12, 10, 8)},
}


#: By problem: task and split in the results.
TITLES = {
    "digits-cnn": ("reading digits", "scikit-learn's digits"),
    "cifar10-resnet18": ("classifying images", "CIFAR-10"),
}


@dataclass(frozen=True, kw_only=True)
class BitsConfig(lab.Settings):
    """A convolutional network, trained with each kind of weights by Madam at learning rate 0.01."""

    weight_types: tuple[str, ...] = lab.names(
        WEIGHTS, "Kinds of weights (bits and rounding)", "kind", axis="kind of weights"
    )
    problem: str = lab.name(
        "digits-cnn", TITLES, f"Problem to train on: {' or '.join(TITLES)} (published).", "problem"
    )
    data: str = lab.folder(
        "scikit-learn",
        "scikit-learn",
        "Folder with CIFAR-10's binary files, for cifar10-resnet18.",
        cut=lab.instead("scikit-learn's digits", "CIFAR-10"),
    )
    seeds: int = lab.integer(10, "Models per kind; their seeds are 0, 1, 2, ...", cut=lab.fewer("seeds"))
    steps: int = lab.integer(
        5_000,
        "Training steps of each model. 0: the published number, or 10,000 if there is none.",
        least=0,
        cut=fewer_steps,
    )
    eval_every: int = lab.integer(500, "Steps between two evaluations.")
    compile: bool = True


def findings(config: BitsConfig) -> Iterator[lab.Finding]:
    def points(floats: pl.DataFrame, few: pl.DataFrame) -> np.ndarray:
        """Return the percentage points of accuracy lost, by seed."""
        return 100 * (floats["accuracy"] - few["accuracy"]).to_numpy()

    def student_of_pairs(values: np.ndarray) -> Estimate:
        """Return Student's estimate; its ``n`` counts the models of both kinds."""
        return replace(student(values), n=2 * len(values))

    lost = lab.of(points, {"model": "float32"}, {"model": "12-bit"}, estimate=student_of_pairs)
    yield lab.Finding("12-bit/as-good-as-floats", lost)
    for kind in config.weight_types:
        if kind != "float32":
            lost = lab.of(points, {"model": "float32"}, {"model": kind})
            yield lab.Finding("{kind}/points-lost", lost, {"kind": kind})


def notes(config: BitsConfig) -> list[str]:
    return [
        "digits-cnn: two convolutions (8 and 16 channels) and a dense layer on scikit-learn's digits, batch 64; "
        "learning rate 0.01, divided by 10 after 70 % of the steps. cifar10-resnet18: as published. Loss: "
        "cross-entropy.",
        "The number of bits includes the sign. In one tensor the largest magnitude is 60 times the smallest, with "
        "any number of bits. Updates are rounded up or down at random; in the kinds called nearest, to the "
        "nearest level (published).",
        "Weights begin at the level nearest to their initial float value; the published code samples them "
        "independently. Accuracies are those at the last step.",
        lab.intervals_note("Student's t for accuracies and their differences"),
    ]


def train_weights(config: BitsConfig, kind: str) -> lab.Training:
    problem, seeds, (bits, rounding) = PROBLEMS[config.problem], list(range(config.seeds)), WEIGHTS[kind]
    loss, on_test = problem.prepare(config.data, config.device)
    steps, (operation, images) = config.steps or problem.steps, TITLES[config.problem]

    def wrong(outputs: Tensor, labels: Tensor) -> Tensor:
        return (outputs.argmax(-1) != labels).float().mean()

    metrics = {"error": partial(on_test, problem.error), "wrong": partial(on_test, wrong)}

    def optimizer(parameters: list[Tensor]) -> torch.optim.Optimizer:
        if rounding is None:
            return Madam(parameters, replica_dims=1)
        return IntegerMadam(parameters, bits=bits, rounding=rounding, seed=seeds, replica_dims=1)

    def measure(trained: lab.Trained) -> dict[str, Any]:
        last = trained.history.latest()  # the best evaluation would be selected on the test set
        return {"bits": bits, "accuracy": 1 - last["wrong"], "error": last["error"], "steps": steps}

    return lab.Training(
        name=kind,
        labels={"model": kind, "task": operation, "split": images},
        build=problem.build,
        config=config,
        train=lab.TrainConfig(
            loss=loss,
            optimizer=optimizer,
            steps=steps,
            evaluate=lab.metrics_of_each(metrics),
            eval_every=config.eval_every,
            monitor="error",
            lr_schedule=problem.schedule(steps),
            compile=config.compile,
        ),
        measure=measure,
    )


@lab.experiment(
    papers=["2006.14560"],
    laptop=BitsConfig(),
    paper={"problem": "cifar10-resnet18", "data": lab.REQUIRED, "steps": 0, "eval_every": 1_000},
    smoke={"weight_types": ("float32", "12-bit"), "steps": 10, "eval_every": 5},
    findings=findings,
    notes=notes,
    means=["accuracy", "error"],
)
def madam_bits(config: BitsConfig) -> Iterator[lab.Training]:
    yield from (train_weights(config, kind) for kind in config.weight_types)
