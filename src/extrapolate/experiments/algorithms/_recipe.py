"""How diagonal Neural GPUs are trained on a task: the published recipe."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments.algorithms._feedback import (
    AdaptiveValue,
    AdaptiveValues,
    BalancedWeight,
    LinearDecay,
    ReduceOnPlateau,
    ReduceOnSuccess,
    Scaled,
)
from extrapolate.experiments.algorithms._lengths import LengthBins
from extrapolate.experiments.algorithms._test_sets import TestSet, error_rates
from extrapolate.experiments.config import Config, Cut, fewer, number
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.optim import AdaMax, GradientNoise, Madam, PerReplica
from extrapolate.tasks import Algorithm, Examples
from extrapolate.tasks.algorithms import generator_of
from extrapolate.training import History, Replicas
from extrapolate.training.gradients import mapped, one_by_one
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import TrainConfig

#: Streams of random examples: those of the training, and the fixed batches of the evaluations.
TRAINING, FIXED = 0, 1

#: Added to the stream of examples, it is the stream of the extra steps.
EXTRA_STEPS = 2

#: Batches of each bin of lengths in the fixed data.
FIXED_BATCHES = 4

#: Weight of the loss in the score that selects the best weights: it decides between equal error rates.
TIE = 1e-3

#: Weight of error rates on test sets that are not typical, in that score.
RARE = 0.1

#: Error rates below this are 0; from the first such evaluation on the learning rate is times ``SETTLING``.
NO_ERROR, SETTLING = 1e-9, 0.2

#: Standard deviation of the noise on gradients, as a share of the learning rate.
NOISE = 1e-4

#: The share of the steps after which a linear decay begins.
DECAY_FROM = 2 / 3

#: The learning rate, of the one that it begins with and the steps of the training.
LearningRate = Callable[[float, int], AdaptiveValue]


@dataclass(frozen=True, kw_only=True)
class NeuralGPUConfig(Config):
    """The options of all Neural GPU experiments."""

    maps: int = number(48, "Channels per position.", cut=fewer("channels"))
    batch: int = number(
        32, "Sequences per step of each bin of lengths.", cut=fewer("sequences per step and bin")
    )
    compile: bool = False


def longest(cut: Cut) -> Cut:
    """``cut`` of the last of some rising numbers."""
    return lambda own, paper: cut(own[-1], paper[-1])


@dataclass(frozen=True)
class Optimizer:
    """``make(parameters)``: at learning rate 1, which the recipe scales; ``rate(channels)``: that it begins with."""

    make: Callable[[list[Tensor]], torch.optim.Optimizer]
    rate: Callable[[int], float]


def _adam(parameters: list[Tensor]) -> torch.optim.Optimizer:
    rates = torch.ones(len(parameters[0]), device=parameters[0].device)
    return PerReplica(parameters, rates, lambda each: torch.optim.Adam(each, lr=1.0))


#: AdaMax is the published one (the code of arXiv 1702.08727).
OPTIMIZERS: dict[str, Optimizer] = {
    "AdaMax": Optimizer(lambda parameters: AdaMax(parameters, lr=1.0), lambda channels: 0.01 * 48 / channels),
    "Adam": Optimizer(_adam, lambda channels: 0.001),
    "Madam": Optimizer(lambda parameters: Madam(parameters, lr=1.0, replica_dims=1), lambda channels: 0.01),
}


def reduce_on_plateau(rate: float, steps: int) -> AdaptiveValue:
    """Reduced on a plateau of the loss, as published; and to a fifth from the first evaluation without an error."""
    return ReduceOnSuccess(ReduceOnPlateau("loss", rate), "errors", NO_ERROR, SETTLING)


def linear_decay(rate: float, steps: int) -> AdaptiveValue:
    """Constant for two thirds of the training, then falling linearly."""
    return LinearDecay(rate, round(DECAY_FROM * steps), steps)


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """In every step a batch of some bins of lengths; cross-entropy at every position, padding included.

    The weight of the saturation cost is about the learning rate times the loss over the cost, both on fixed batches
    with dropout, at every evaluation (published: in all steps since the last one). Networks that are trained
    together see the same examples and noise, which follow from the first seed.

    Args:
        levels: states are rounded to multiples of 1/levels at inference; None: not rounded.
        extra_steps: steps of a network beyond one per position. In training sampled from
            [extra_steps/4, extra_steps] in every step, so that networks learn to hold an answer.
    """

    config: NeuralGPUConfig
    task: Algorithm
    seeds: tuple[int, ...]
    dropout: float
    bins: LengthBins
    bins_per_step: int
    learning_rate: LearningRate
    optimizer: str = "AdaMax"
    levels: int | None = None
    extra_steps: int = 0

    def build(self) -> DiagonalNeuralGPU:
        task, config = self.task, self.config
        return DiagonalNeuralGPU(
            task.symbols, task.classes, config.maps, dropout=self.dropout, slack=self.extra_steps
        )

    def network(self, replicas: Replicas, row: int, levels: int | None) -> DiagonalNeuralGPU:
        """The network in this row for inference, states rounded to multiples of 1/levels; None or 0: not rounded."""
        model = replicas[row].eval()
        assert isinstance(model, DiagonalNeuralGPU)
        model.levels = levels or None
        return model

    def batches(self, stream: int, step: int) -> list[Examples]:
        """Those of one step, each from a bin of its own; the fixed ones are of all bins, several of each."""
        generator = self._generator(stream, step)
        if stream == FIXED:
            bins = self.bins.used(self.task) * FIXED_BATCHES
        else:
            bins = self.bins.sample_bins(self.task, self.bins_per_step, generator)
        return [self.bins.sample_batch(self.task, each, self.config.batch, generator) for each in bins]

    def inputs(self, stream: int, step: int) -> dict[str, Tensor]:
        """What :func:`costs` takes, of one step: its batches, and the extra steps of the networks."""
        generator = self._generator(EXTRA_STEPS + stream, step)
        extra = torch.randint(self.extra_steps // 4, self.extra_steps + 1, (), generator=generator)
        return _by_name(self.batches(stream, step), self.config.device) | {"extra_steps": extra}

    def _generator(self, stream: int, step: int) -> torch.Generator:
        return generator_of(torch.tensor([self.seeds[0], stream, step]))

    def train_config(
        self, checks: Sequence[TestSet], stop_when: Callable[[History], bool] | None = None
    ) -> TrainConfig:
        """The training. It measures ``error``, the largest error rate on ``checks``, ``errors``, a weighted sum."""
        config, optimizer = self.config, OPTIMIZERS[self.optimizer]
        rate = self.learning_rate(optimizer.rate(config.maps), config.steps)
        weight = BalancedWeight("loss", "saturation", rate)
        values = AdaptiveValues(
            {"rate": rate, "noise": Scaled(rate, NOISE), "weight": weight},
            len(self.seeds),
            device=config.device,
        )

        def loss(model: nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
            entropy, saturation = costs(model, batch)
            return entropy + batch["weight"] * saturation

        return TrainConfig(
            loss=loss,
            optimizer=optimizer.make,
            steps=config.steps,
            evaluate=self._evaluate(checks),
            eval_every=config.eval_every,
            monitor="score",
            per_replica=values.numbers,
            shared_batch=lambda key: self.inputs(TRAINING, int(key[2])),
            lr_schedule=values.schedule("rate"),
            grad_noise=GradientNoise(values.numbers["noise"], seed=self.seeds[0]),
            solved=lambda measures: measures["error"] == 0,
            feedback=values,
            stop_when=stop_when,
            compile=config.compile,  # off: hundreds of steps of a loop would be compiled for minutes
            gradients=one_by_one if config.device == "cpu" else mapped,
        )

    def _evaluate(self, checks: Sequence[TestSet]) -> Evaluate:
        """The costs of every network on the fixed batches, and its error rates on ``checks``."""
        fixed = cache(lambda: self.inputs(FIXED, 0))

        def measure(replicas: Replicas, row: int, key: Tensor) -> dict[str, float]:
            # the key is the same at all evaluations, and so is the dropout: they differ by the weights alone
            parameters = {name: value[row] for name, value in replicas.parameters.items()}
            bound = replicas.bind(costs, training=True)
            entropy, saturation = (float(cost) for cost in bound(parameters, {}, key, fixed()))
            rates = error_rates(self.network(replicas, row, self.levels), checks)
            weights = [1 if each.typical else RARE for each in checks]
            errors = sum(rate * weight for rate, weight in zip(rates, weights, strict=True))
            measures = {"loss": entropy, "saturation": saturation, "score": errors + TIE * entropy}
            return measures | {"error": max(rates), "errors": errors}

        @torch.no_grad()
        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            rows = [measure(replicas, row, key) for row, key in enumerate(replicas.keys())]
            return {name: torch.tensor([own[name] for own in rows], dtype=torch.float64) for name in rows[0]}

        return evaluate


def costs(model: nn.Module, inputs: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The cross-entropy and the saturation, each the mean over the batches in ``inputs``."""
    assert isinstance(model, DiagonalNeuralGPU)
    names = sorted(name.removeprefix("symbols") for name in inputs if name.startswith("symbols"))
    batches = [(inputs[f"symbols{name}"], inputs[f"span{name}"]) for name in names]
    logits, saturation = model.saturated_together(batches, int(inputs["extra_steps"]))
    entropies = [
        F.cross_entropy(each.flatten(0, 1).float(), inputs[f"answer{name}"].flatten())
        for name, each in zip(names, logits, strict=True)
    ]
    return torch.stack(entropies).mean(), saturation


def _by_name(batches: list[Examples], device: str) -> dict[str, Tensor]:
    """The batches' tensors, each under a name of its own."""
    return {
        f"{name}{index:02}": value.to(device)
        for index, batch in enumerate(batches)
        for name, value in (("symbols", batch.symbols), ("answer", batch.answer), ("span", batch.span))
    }
