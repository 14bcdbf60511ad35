"""The Arithmetic Dataset Task: the product of two sums over unknown subsets of many inputs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl
import torch

from extrapolate import nn
from extrapolate._runtime.errors import UserError
from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic._subsets import PENALTY, Layer, Static, SubsetConfig, SumsTraining
from extrapolate.experiments.arithmetic._units import errors_and_steps
from extrapolate.stats import Estimate
from extrapolate.tasks import PUBLISHED_RANGES, SUM_FUNCTIONS, RangePair, SubsetFunction
from extrapolate.tasks.subset_functions import Sequences
from extrapolate.training import Warmup

PLAIN, BATCH_NOISE = "NAU-NMU", "NAU-BatchStochasticNMU"

#: By name: the additive layer (two outputs) and the multiplicative layer.
NETWORKS: dict[str, tuple[Layer, Layer]] = {
    PLAIN: (nn.NAU, nn.NMU),
    "NAU-StochasticNMU": (nn.NAU, nn.StochasticNMU),
    BATCH_NOISE: (nn.NAU, nn.BatchStochasticNMU),
    "NAC-NACMul": (nn.NAC, nn.NACMul),
    "NALU-NALU": (nn.NALU, nn.NALU),
}


@dataclass(frozen=True, kw_only=True)
class ArithmeticDatasetConfig(SubsetConfig):
    """Options of the Arithmetic Dataset Task: Adam, learning rate 1e-3, squared error, penalty 10."""

    networks: tuple[str, ...] = lab.names(NETWORKS, "Networks to train", "network")
    ranges: tuple[RangePair, ...] = lab.ranges(PUBLISHED_RANGES, cut=lab.missing("ranges"))
    penalty_start: int = lab.integer(
        75_000,
        "Training step at which the weight of the penalty starts to grow. Published: 1,000,000.",
        least=0,
        cut=lab.fewer("steps before the penalty grows"),
    )
    penalty_end: int = lab.integer(
        100_000, "Training step at which the penalty reaches its full weight. Published: 2,000,000."
    )

    def __post_init__(self) -> None:
        if self.penalty_end <= self.penalty_start:
            raise UserError(
                f"--penalty-end {self.penalty_end} is too small: give more than --penalty-start {self.penalty_start}"
            )


def rows_of(results: pl.DataFrame, network: str) -> tuple[pl.DataFrame, dict[str, Estimate]]:
    """Return the rows of a network in the published ranges, and the share of solved models by range."""
    rows = results.filter(pl.col("split").is_in([str(pair) for pair in PUBLISHED_RANGES]), model=network)
    parts = rows.group_by("split", maintain_order=True)
    return rows, {str(name): lab.share_of(part) for (name,), part in parts}


def failing_ranges(results: pl.DataFrame) -> lab.Found | None:
    """Estimate the share solved over all ranges. Holds if the interval excludes 1 in at least two ranges."""
    rows, rates = rows_of(results, PLAIN)
    if not rates:
        return None
    failing = [name for name, rate in rates.items() if rate.high is not None and rate.high < 1]
    note = f"fails in {len(failing)} of {len(rates)} ranges ({', '.join(failing) or 'none'})"
    return lab.Found(lab.share_of(rows), note, len(failing) >= 2)


def gain(network: str, results: pl.DataFrame) -> lab.Found | None:
    """Estimate the share solved over all ranges, minus that of NAU→NMU."""
    (ours, rates), (plain, plain_rates) = rows_of(results, network), rows_of(results, PLAIN)
    wins, plain_wins = (sum(rate.value == 1 for rate in each.values()) for each in (rates, plain_rates))
    return lab.gain(ours, plain, f"solved with every seed: {wins} ranges, by NAU→NMU {plain_wins}")


def findings(config: ArithmeticDatasetConfig) -> Iterator[lab.Finding]:
    yield lab.Finding("NAU-NMU/fails-in-several-ranges", failing_ranges)
    for name in ("NAU-StochasticNMU", BATCH_NOISE):
        words = {"network": name, "arrow": name.replace("-", "→")}
        yield lab.Finding("{network}/solves-more-than-NAU-NMU", partial(gain, name), words)


def notes(config: ArithmeticDatasetConfig) -> list[str]:
    return [
        f"Adam, learning rate 0.001, squared error, {config.batch} fresh samples per step; penalty {PENALTY:g} on "
        f"the layers NAU and NMU (all variants), growing from step {config.penalty_start:,} to "
        f"{config.penalty_end:,}.",
        f"{config.in_features} inputs, two subsets of {config.in_features // 4} that overlap by half. The models of "
        "one range share one stream of inputs; each seed has its own subsets, initial weights and noise.",
        "Solved: at the step with the lowest validation error, the extrapolation error (float64) is below that of "
        f"the exact solution with every weight changed by {config.epsilon:g}.",
        "Intervals (95 %): Wilson for success rates, Newcombe for their differences; profile likelihood of a Gamma "
        "for steps and of a Beta on [0, 0.5] for sparsity errors.",
    ]


def train_network(
    config: ArithmeticDatasetConfig, name: str, layers: tuple[Layer, Layer], ranges: RangePair
) -> lab.Training:
    additive, multiplicative = layers
    train, test = Sequences(ranges.train), Sequences(ranges.test)
    task = SubsetFunction(SUM_FUNCTIONS["mul"], train, test, config.in_features)

    def measure(trained: lab.Trained) -> dict[str, Any]:
        threshold = torch.full((config.seeds,), task.sums.threshold(config.epsilon), dtype=torch.float64)
        return errors_and_steps(trained, threshold, config.steps)

    penalty = Warmup(config.penalty_end, config.penalty_start, PENALTY)
    metrics = {"validation_mse": "validation", "extrapolation_mse": "test"}
    letters = str.maketrans({"[": "", "]": "", ",": "_", ".": "p", "-": "m"})
    return lab.Training(
        name=f"{name.replace('.', 'p')}-{str(ranges).translate(letters)}",
        labels={
            "model": name,
            "task": "the product of two sums",
            "split": str(ranges),
            "extrapolation_range": str(ranges.test),
        },
        build=lambda: Static(additive(config.in_features, 2), multiplicative(2, 1)),
        config=config,
        train=replace(
            SumsTraining(config, [task]).train(1e-3, penalty, metrics),
            solved=lambda measures: measures["extrapolation_mse"] < task.sums.threshold(config.epsilon),
        ),
        measure=measure,
    )


@lab.experiment(
    papers=["2211.05624", "2001.05016"],
    # In such a short training, the size of Adam's steps keeps most weights farther than 1e-5 from their exact values
    laptop=ArithmeticDatasetConfig(seeds=10, steps=150_000, eval_every=500, samples=2_000, epsilon=1e-4),
    paper={
        "seeds": 20,
        "steps": 5_000_000,
        "penalty_start": 1_000_000,
        "penalty_end": 2_000_000,
        "eval_every": 5_000,
        "in_features": 100,
        "samples": 10_000,
        "epsilon": 1e-5,
    },
    smoke={
        "networks": tuple(NETWORKS)[:2],
        "ranges": PUBLISHED_RANGES[6:7],
        "steps": 60,
        "penalty_start": 20,
        "penalty_end": 40,
        "eval_every": 20,
        "batch": 32,
        "samples": 200,
    },
    findings=findings,
    notes=notes,
)
def arithmetic_dataset(config: ArithmeticDatasetConfig) -> Iterator[lab.Training]:
    for name in config.networks:
        for ranges in config.ranges:
            yield train_network(config, name, NETWORKS[name], ranges)
