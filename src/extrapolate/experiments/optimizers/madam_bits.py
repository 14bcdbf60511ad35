"""Madam in a few bits: digits read with weights of 8 to 16 bits, and with floats."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import torch
from torch import Tensor, nn

from extrapolate.experiments.config import Settings, fewer, names, number
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, Measure, of
from extrapolate.experiments.optimizers._problems import DROP_AT, MADAM, PROBLEMS
from extrapolate.experiments.summary import means
from extrapolate.experiments.training import Column, Trained, Training
from extrapolate.optim import IntegerMadam, Madam
from extrapolate.stats import Estimate, student
from extrapolate.training import Replicas, StepDecay
from extrapolate.training.train_config import TrainConfig

PROBLEM = PROBLEMS["digits-cnn"]


@dataclass(frozen=True)
class Weights:
    """``bits`` of a weight, its sign included; ``optimizer``: of stacked parameters and the replicas' seeds."""

    bits: int
    optimizer: Callable[[list[Tensor], list[int]], torch.optim.Optimizer]


def floats(parameters: list[Tensor], seeds: list[int]) -> torch.optim.Optimizer:
    return Madam(parameters, replica_dims=1)


def integers(bits: int, rounding: str) -> Weights:
    def optimizer(parameters: list[Tensor], seeds: list[int]) -> torch.optim.Optimizer:
        return IntegerMadam(parameters, bits=bits, rounding=rounding, seed=seeds, replica_dims=1)

    return Weights(bits, optimizer)


#: Floats, then integers whose moves are rounded at random, then to the nearest level as published.
WEIGHTS: dict[str, Weights] = {
    "float32": Weights(32, floats),
    **{f"{bits}-bit": integers(bits, "stochastic") for bits in (16, 12, 10, 8)},
    **{f"{bits}-bit-nearest": integers(bits, "nearest") for bits in (12, 10, 8)},
}


@dataclass(frozen=True, kw_only=True)
class BitsConfig(Settings):
    """A convolutional network on scikit-learn's digits, trained with weights of each kind at Madam's rate of 0.01."""

    weights: tuple[str, ...] = names(WEIGHTS, "Kinds of weights", "kind", axis="kind of weights")
    seeds: int = number(10, "Models of each kind; their seeds are 0, 1, 2, ...", cut=fewer("seeds"))
    steps: int = number(5_000, "Training steps of each model.", least=10, cut=fewer("steps"))
    eval_every: int = number(500, "Steps between two evaluations.")
    compile: bool = True


# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 2006.14560"
FLOATS, FEW = "float32", "12-bit"

#: How many points of accuracy the few bits may cost.
POINTS = 1.0


def points_lost(kind: str, estimate: Callable[[np.ndarray], Estimate] = student) -> Measure:
    return of(
        lambda floats, few: 100 * (floats["accuracy"] - few["accuracy"]).to_numpy(),
        {"unit": FLOATS},
        {"unit": kind},
        estimate=estimate,
    )


def student_of_pairs(values: np.ndarray) -> Estimate:
    """Student's interval; ``n`` counts the models of both kinds."""
    return replace(student(values), n=2 * len(values))


def within_points(lost: Estimate) -> bool | None:
    return None if lost.high is None else lost.high <= POINTS


def findings(config: BitsConfig) -> Iterator[Finding]:
    """The finding about 12 bits, then what every kind costs against floats."""
    yield Finding(
        f"{FEW}/as-good-as-floats",
        f"weights of 12 bits read digits within {POINTS:g} point of {FLOATS} (measured: points lost, seed by seed)",
        f"12 bits train as floats do, on larger tasks ({SOURCE}; its table was not read)",
        points_lost(FEW, student_of_pairs),
        within_points,
    )
    for kind in config.weights:
        if kind != FLOATS:
            text = f"{kind}: points of accuracy lost against {FLOATS}"
            yield Finding(f"{kind}/points-lost", text, None, points_lost(kind))


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: BitsConfig) -> list[str]:
    """The network, and how its weights are kept in a few bits."""
    return [
        "Two convolutions (8 and 16 channels) and a dense layer on scikit-learn's digits, batches of 64, "
        f"cross-entropy. Rate 0.01, divided by 10 after {DROP_AT:.0%} of the steps.",
        "Bits count the sign. The weights of one tensor span a factor of 60 from the smallest to the largest, with "
        "any number of bits. Moves are rounded up or down at random; in the kinds called nearest, to the nearest "
        "level as published.",
        "Weights begin at the level nearest to their float start; the published code samples them independently.",
        "Accuracies are those at the last step.",
        intervals_note("Student's t for accuracies and their differences"),
    ]


@experiment(
    source=MADAM,
    laptop=BitsConfig(),
    paper={"steps": 50_000, "eval_every": 1_000},
    smoke={"weights": ("float32", "12-bit"), "steps": 10, "eval_every": 5},
    findings=findings,
    notes=notes,
    summary=partial(means, columns=["accuracy", "error"]),
)
def madam_bits(config: BitsConfig) -> Iterator[Training]:
    yield from (train_weights(config, kind) for kind in config.weights)


def train_weights(config: BitsConfig, kind: str) -> Training:
    """One kind of weights; replica ``i`` has seed ``i``."""
    data, seeds = PROBLEM.data().to(config.device), list(range(config.seeds))

    def loss(model: nn.Module, key: Tensor, _: dict[str, Tensor]) -> Tensor:
        return PROBLEM.loss(model, key, data)

    def wrong(model: nn.Module) -> Tensor:
        return (model(data.test_inputs).argmax(-1) != data.test_answers).float().mean()

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        error = replicas.map(lambda model: PROBLEM.error(model, data))
        return {"error": error, "wrong": replicas.map(wrong)}

    def measure(trained: Trained) -> dict[str, Column]:
        """At the last step: the best evaluation would select by the test."""
        last = trained.history.latest()
        return {
            "bits": WEIGHTS[kind].bits,
            "accuracy": 1 - last["wrong"],
            "error": last["error"],
            "steps": config.steps,
        }

    return Training(
        name=kind,
        labels={"unit": kind, "operation": "reading digits", "range": "scikit-learn's digits"},
        build=PROBLEM.build,
        seeds=seeds,
        train=TrainConfig(
            loss=loss,
            optimizer=lambda parameters: WEIGHTS[kind].optimizer(parameters, seeds),
            steps=config.steps,
            evaluate=evaluate,
            eval_every=config.eval_every,
            monitor="error",
            lr_schedule=StepDecay(round(DROP_AT * config.steps)),
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )
