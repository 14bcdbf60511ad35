"""One network on one range of the Arithmetic Dataset Task: its options, how it is trained, what is measured."""

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.func import vmap

from extrapolate import nn
from extrapolate.errors import UserError
from extrapolate.experiments.arithmetic._subsets import PENALTY, SubsetConfig, place_subsets
from extrapolate.experiments.arithmetic._unit_training import sparsity_errors
from extrapolate.experiments.config import fewer, missing, names, number, ranges
from extrapolate.experiments.training import Trained, Training, at_first_use, first_below
from extrapolate.tasks import PUBLISHED_RANGES, RangePair, SubsetProduct
from extrapolate.training import Penalty, Replicas, Warmup
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import TrainConfig

Layer = Callable[[int, int], torch_nn.Module]


@dataclass(frozen=True)
class Network:
    """An additive layer with two outputs, then a multiplicative one.

    ``penalised``: trained with the published sparsity penalty on both layers; NAC and NALU have none.
    """

    additive: Layer
    multiplicative: Layer
    penalised: bool = True

    def build(self, in_features: int) -> torch_nn.Module:
        """(..., in_features) to (..., 1)."""
        return torch_nn.Sequential(self.additive(in_features, 2), self.multiplicative(2, 1))


PLAIN, BATCH_NOISE = "NAU-NMU", "NAU-BatchStochasticNMU"
NETWORKS: dict[str, Network] = {
    PLAIN: Network(nn.NAU, nn.NMU),
    "NAU-StochasticNMU": Network(nn.NAU, nn.StochasticNMU),
    BATCH_NOISE: Network(nn.NAU, nn.BatchStochasticNMU),
    "NAC-NACMul": Network(nn.NAC, nn.NACMul, penalised=False),
    "NALU-NALU": Network(nn.NALU, nn.NALU, penalised=False),
}


@dataclass(frozen=True, kw_only=True)
class ArithmeticDatasetConfig(SubsetConfig):
    """Adam, learning rate 1e-3, squared error, penalty 10."""

    networks: tuple[str, ...] = names(NETWORKS, "Networks to train", "network")
    ranges: tuple[RangePair, ...] = ranges(PUBLISHED_RANGES, cut=missing("ranges"))
    penalty_start: int = number(
        75_000,
        "Step from which on the penalty (10) grows.",
        least=0,
        cut=fewer("steps before the penalty grows"),
    )
    penalty_end: int = number(100_000, "Step at which the penalty reaches its full weight.")

    def __post_init__(self) -> None:
        if self.penalty_end <= self.penalty_start:
            raise UserError(
                f"--penalty-end {self.penalty_end} must come after --penalty-start {self.penalty_start}"
            )


PAPER: dict[str, Any] = {
    "seeds": 20,
    "steps": 5_000_000,
    "penalty_start": 1_000_000,
    "penalty_end": 2_000_000,
    "eval_every": 5_000,
    "in_features": 100,
    "samples": 10_000,
    "epsilon": 1e-5,
}
SMOKE: dict[str, Any] = {
    "ranges": PUBLISHED_RANGES[6:7],
    "steps": 60,
    "penalty_start": 20,
    "penalty_end": 40,
    "eval_every": 20,
    "batch": 32,
    "samples": 200,
}

_SAFE = str.maketrans({"[": "", "]": "", ",": "_", ".": "p", "-": "m"})


def train_network(
    config: ArithmeticDatasetConfig, name: str, network: Network, ranges: RangePair
) -> Training:
    """One network on one range: all seeds on one stream of inputs; the seed places the subsets too."""
    task, seeds = SubsetProduct(ranges, config.in_features), range(config.seeds)
    subsets = place_subsets(task, seeds, config.device)
    warmup = Warmup(config.penalty_end, config.penalty_start, PENALTY)

    def shared_batch(key: Tensor) -> dict[str, Tensor]:
        return {"x": ranges.train.sample_keyed((config.batch, config.in_features), key)}

    def loss(model: torch_nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return _squared_error(model, batch["x"], batch["subsets"])

    def measure(trained: Trained) -> Mapping[str, Any]:
        history, threshold = trained.history, task.threshold(config.epsilon)
        error = history.at_best("extrapolation_mse")
        solved = (error < threshold).tolist()
        limit = torch.full_like(error, threshold)
        return {
            "solved": solved,
            "solved_at": first_below(history, "extrapolation_mse", limit, solved),
            "sparsity_error": sparsity_errors(trained.replicas),
            "validation_mse": history.at_best("validation_mse"),
            "extrapolation_mse": error,
            "threshold": threshold,
            "best_step": history.best_step,
            "steps": config.steps,
        }

    return Training(
        name=f"{name.replace('.', 'p')}-{str(ranges).translate(_SAFE)}",
        labels={
            "unit": name,
            "operation": "the product of two sums",
            "range": str(ranges),
            "extrapolation_range": str(ranges.test),
        },
        build=partial(network.build, config.in_features),
        seeds=seeds,
        train=TrainConfig(
            loss=loss,
            optimizer=partial(torch.optim.Adam, lr=1e-3, fused=True),
            steps=config.steps,
            evaluate=at_first_use(partial(_errors, config, ranges, subsets)),
            eval_every=config.eval_every,
            monitor="validation_mse",
            per_replica={"subsets": subsets},
            shared_batch=shared_batch,
            penalties=(Penalty(warmup),) if network.penalised else (),
            solved=lambda measures: measures["extrapolation_mse"] < task.threshold(config.epsilon),
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )


def _squared_error(model: torch_nn.Module, x: Tensor, subsets: Tensor) -> Tensor:
    return (model(x) - SubsetProduct.answer(x, subsets.to(x.dtype))).square().mean()


def _errors(config: ArithmeticDatasetConfig, ranges: RangePair, subsets: Tensor) -> Evaluate:
    """The errors on fixed inputs from the training range and from the test range, float64."""
    inputs = ranges.sample_fixed((config.samples, config.in_features))
    validation, test = (inputs[split].to(config.device) for split in ("validation", "test"))

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        call = replicas.bind(_squared_error, training=False, dtype=torch.float64)
        errors = vmap(call, in_dims=(0, 0, None, None, 0))
        state = replicas.parameters, replicas.buffers
        return {
            "validation_mse": errors(*state, None, validation, subsets),
            "extrapolation_mse": errors(*state, None, test, subsets),
        }

    return evaluate


def notes(config: ArithmeticDatasetConfig) -> list[str]:
    """How the models were trained and judged."""
    return [
        f"Adam, learning rate 0.001, squared error, {config.batch} fresh samples per step; penalty {PENALTY:g} on "
        f"both layers of NAU and NMU kinds, growing from step {config.penalty_start:,} to {config.penalty_end:,}.",
        f"{config.in_features} inputs, two subsets of {config.in_features // 4} that overlap by half, at a place "
        "that the seed chooses.",
        "The models of one range share one stream of inputs; each seed has its own subsets, initial weights and "
        "noise.",
        "Solved: at the step with the lowest validation error, the extrapolation error (float64) is below that of "
        f"sums whose weights are all {config.epsilon:g} off.",
        "Intervals (95 %): Wilson for success rates, Newcombe for their differences; profile likelihood of a Gamma "
        "for steps and of a Beta on [0, 0.5] for sparsity errors.",
    ]
