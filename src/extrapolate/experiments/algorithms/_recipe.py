"""How diagonal Neural GPUs are trained on a task: the published recipe."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments import lab
from extrapolate.experiments.algorithms._adaptive import AdaptiveValue, AdaptiveValues, balance
from extrapolate.experiments.options import Cut
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.optim import AdaMax, GradientNoise, Madam, PerReplica
from extrapolate.tasks import Algorithm, Examples
from extrapolate.tasks.algorithms import generator_of, together
from extrapolate.training import History, Replicas
from extrapolate.training.gradients import loop_gradients, vmap_gradients
from extrapolate.training.metrics import Evaluate

#: Streams of random numbers: training examples, fixed batches of the evaluations. The extra steps of each have the
#: streams EXTRA_STEPS + 0 and EXTRA_STEPS + 1.
TRAINING, FIXED, EXTRA_STEPS = 0, 1, 2


@dataclass(frozen=True, kw_only=True)
class NeuralGPUConfig(lab.Config):
    """The options of all Neural GPU experiments."""

    channels: int = lab.integer(48, "Channels per position of the state.", cut=lab.fewer("channels"))
    batch: int = lab.integer(
        32, "Sequences per step from each bin of lengths. Published: 32.", cut=lab.fewer("sequences per step and bin")
    )
    compile: bool = False  # compiling a loop of hundreds of steps takes minutes


def longest(cut: Cut) -> Cut:
    """Return ``cut``, applied to the last of several rising numbers."""
    return lambda own, paper: cut(own[-1], paper[-1])


@dataclass(frozen=True)
class LengthBins:
    """Bins of sequence lengths. A bin has the lengths above the end of the previous bin, up to its own end.

    The sequences of a batch come from one bin and are padded to its end. The share ``shorter`` of a batch is sampled
    from shorter bins, so that a network learns to hold an answer until the last step. The default is for operands of
    up to 20 bits (the code of Freivalds & Liepins 2017).
    """

    ends: tuple[int, ...] = (8, 12, 16, 20, 25, 28, 31, 36, 41)
    shorter: float = 0.05

    def lengths(self, task: Algorithm, index: int) -> list[int]:
        """Return the lengths of bin ``index`` that ``task`` has."""
        begin = self.ends[index - 1] if index else 0
        return [length for length in range(begin + 1, self.ends[index] + 1) if task.takes(length)]

    def select(self, task: Algorithm) -> list[int]:
        """Return the bins in which ``task`` has any length."""
        return [index for index in range(len(self.ends)) if self.lengths(task, index)]

    def sample_batch(self, task: Algorithm, index: int, count: int, generator: torch.Generator) -> Examples:
        """Sample ``count`` examples of bin ``index``; all have one sampled length, the shorter ones another."""
        below = [length for each in range(index) for length in self.lengths(task, each)]
        few = int((torch.rand(count, generator=generator) < self.shorter).sum()) if below else 0
        made = []
        for some, lengths in ((count - few, self.lengths(task, index)), (few, below)):
            if some:
                length = lengths[int(torch.randint(len(lengths), (), generator=generator))]
                made.append(task.examples(some, length, generator).pad(self.ends[index]))
        return together(made)

    def sample_bins(self, task: Algorithm, count: int, generator: torch.Generator) -> list[int]:
        """Sample ``count`` bins: the longest, one of the two shortest, and others at random. At most all bins."""
        used = self.select(task)
        if count >= len(used):
            return used
        first = used[int(torch.randint(min(2, len(used) - 1), (), generator=generator))]
        chosen = [used[-1], first][:count]
        others = [index for index in used if index not in chosen]
        order = torch.randperm(len(others), generator=generator).tolist()
        return sorted([*chosen, *(others[i] for i in order[: count - len(chosen)])])


#: By name, with learning rate 1, which the recipe scales. Published: AdaMax (the code of arXiv 1702.08727).
OPTIMIZERS: dict[str, Callable[[list[Tensor]], torch.optim.Optimizer]] = {
    "AdaMax": partial(AdaMax, lr=1.0),
    "Adam": lambda parameters: PerReplica(
        parameters, torch.ones_like(parameters[0].flatten(1)[:, 0]), partial(torch.optim.Adam, lr=1.0)
    ),
    "Madam": partial(Madam, lr=1.0, replica_dims=1),
}


@dataclass(frozen=True, kw_only=True)
class Recipe:
    """The training recipe: one batch per step from each of some bins, cross-entropy at every position.

    Padding counts as well. Every evaluation sets the weight of the saturation cost to about learning rate · loss /
    cost, both on fixed batches with dropout (published: on all steps since the last evaluation). Networks that are
    trained together get the same examples and noise, which depend on the first seed.

    Args:
        learning_rate: ``learning_rate(initial)``: the adaptive learning rate from its initial value.
        quantization_levels: N for each rounding of states, to multiples of 1/N at inference (0: no rounding).
            Evaluations during training use the last N.
        extra_steps: steps of a network beyond one per position. Each training step samples them from
            [extra_steps/4, extra_steps], so that networks learn to hold an answer.
        stop_when: ``stop_when(history)``: called after every evaluation; True ends the training.
    """

    config: NeuralGPUConfig
    task: Algorithm
    seeds: tuple[int, ...]
    dropout: float
    bins: LengthBins
    bins_per_step: int
    learning_rate: Callable[[float], AdaptiveValue]
    optimizer: str = "AdaMax"
    quantization_levels: tuple[int, ...] = (0,)
    extra_steps: int = 0
    stop_when: Callable[[History], bool] | None = None

    def build(self) -> DiagonalNeuralGPU:
        sizes = self.task.symbols, self.task.classes, self.config.channels
        return DiagonalNeuralGPU(*sizes, dropout=self.dropout, extra_steps=self.extra_steps)

    def network(self, replicas: Replicas, row: int, quantization_levels: int) -> DiagonalNeuralGPU:
        """Return network ``row`` for inference, with states rounded to multiples of 1/levels (0: no rounding)."""
        model = replicas[row].eval()
        assert isinstance(model, DiagonalNeuralGPU)
        model.quantization_levels = quantization_levels or None
        return model

    def inputs(self, stream: int, step: int) -> dict[str, Any]:
        """Return the inputs of :func:`costs`: symbols, span and answer of each batch, and the extra steps.

        Each training batch is from a different bin. The fixed batches are four from each bin.
        """
        keys = torch.tensor([[self.seeds[0], each, step] for each in (stream, EXTRA_STEPS + stream)])
        generator, extra = map(generator_of, keys)
        if stream == FIXED:
            bins = self.bins.select(self.task) * 4
        else:
            bins = self.bins.sample_bins(self.task, self.bins_per_step, generator)
        batches = []
        for each in bins:
            made = self.bins.sample_batch(self.task, each, self.config.batch, generator)
            batches.append([part.to(self.config.device) for part in (made.symbols, made.span, made.answer)])
        extra_steps = torch.randint(self.extra_steps // 4, self.extra_steps + 1, (), generator=extra)
        return {"batches": batches, "extra_steps": extra_steps}

    def train_config(self, evaluate: Evaluate) -> lab.TrainConfig:
        """Return the training; ``evaluate`` measures ``error`` and ``score``, whose lowest value is the best step."""
        config = self.config
        first = {"AdaMax": 0.01 * 48 / config.channels, "Adam": 0.001, "Madam": 0.01}[self.optimizer]
        rate = self.learning_rate(first)
        adapted = {"learning_rate": rate, "grad_noise": lambda history: 1e-4 * rate(history), "weight": balance(rate)}
        values = AdaptiveValues(adapted, len(self.seeds), config.device)

        def loss(model: nn.Module, key: Tensor, batch: dict[str, Any]) -> Tensor:
            entropy, saturation = costs(model, batch)
            return entropy + batch["weight"] * saturation

        return replace(
            config.train(loss, OPTIMIZERS[self.optimizer], evaluate, "score"),
            per_replica=values.current,
            shared_batch=lambda key: self.inputs(TRAINING, int(key[2])),
            lr_schedule=values.schedule("learning_rate"),
            grad_noise=GradientNoise(values.current["grad_noise"], seed=self.seeds[0]),
            solved=lambda measures: measures["error"] == 0,
            feedback=values,
            stop_when=self.stop_when,
            gradients=loop_gradients if config.device == "cpu" else vmap_gradients,
        )


def costs(model: nn.Module, inputs: dict[str, Any]) -> tuple[Tensor, Tensor]:
    """Return the cross-entropy and the saturation, both averaged over the batches in ``inputs``."""
    assert isinstance(model, DiagonalNeuralGPU)
    pairs = [(symbols, span) for symbols, span, _ in inputs["batches"]]
    logits, saturation = model.measure_saturations(pairs, int(inputs["extra_steps"]))
    entropies = [
        F.cross_entropy(each.flatten(0, 1).float(), answer.flatten())
        for each, (_, _, answer) in zip(logits, inputs["batches"], strict=True)
    ]
    return torch.stack(entropies).mean(), saturation
