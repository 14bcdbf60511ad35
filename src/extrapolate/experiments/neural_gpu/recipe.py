"""How diagonal Neural GPUs are trained on a task: the published recipe."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments.neural_gpu.feedback import (
    Balance,
    Falling,
    Feedback,
    Lowered,
    Plateau,
    Rule,
    Scaled,
)
from extrapolate.experiments.neural_gpu.length_bins import LengthBins
from extrapolate.experiments.neural_gpu.optimizers import TRAINERS
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.optim import GradientNoise
from extrapolate.tasks import Algorithm, Examples
from extrapolate.tasks.algorithms import generator_of
from extrapolate.training import History, Replicas
from extrapolate.training.gradients import mapped, one_by_one
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import TrainConfig

#: Streams of random examples beside each other: those of the training, and the fixed ones it is measured on.
TRAINING, FIXED = 0, 1

#: The stream of the slack beside a stream of examples is so much further on.
SLACK = 2

#: Of evaluations with equal errors the one with the least loss is best: it counts this little beside them.
TIE = 1e-3

#: Below this, a sum of shares of wrong sequences is none; the learning rate is then so much of what it would be.
NO_ERROR, SETTLING = 1e-9, 0.2

#: Standard deviation of the noise on gradients, as a share of the learning rate.
NOISE = 1e-4

#: The fixed examples are so many batches of every group of lengths.
FIXED_BATCHES = 4

#: The part of all steps from which on a falling learning rate falls.
FALLS_FROM = 2 / 3

#: A learning rate that it begins with, and the steps of the training, to its rule.
Rates = Callable[[float, int], Rule]

#: Measures of a network at an evaluation: ``error``, the largest share of wrong sequences, and ``errors``, their sum.
Checks = Callable[[DiagonalNeuralGPU], dict[str, float]]


@dataclass(frozen=True)
class Recipe:
    """A batch from some groups of lengths in every step; cross-entropy at every place, padding included.

    The saturation cost weighs about the learning rate times the loss, on fixed batches, with dropout, at every
    evaluation (published: in all steps since the last one). Networks trained together see the same examples and
    noise, which follow from the first seed. With ``levels`` trained networks answer with
    rounded states: as cellular automata, whose errors cannot grow with the length. They take ``slack`` steps more
    than there are places; in training it is drawn anew in every step, from a quarter of that on, so that an answer is
    held.
    """

    task: Algorithm
    seeds: tuple[int, ...]
    maps: int
    dropout: float
    batch: int
    bins: LengthBins
    bins_a_step: int
    rates: Rates
    optimizer: str = "AdaMax"
    levels: int | None = None
    slack: int = 0

    def build(self) -> DiagonalNeuralGPU:
        task = self.task
        return DiagonalNeuralGPU(
            task.symbols, task.classes, self.maps, dropout=self.dropout, slack=self.slack
        )

    def network(self, replicas: Replicas, row: int) -> DiagonalNeuralGPU:
        """The network in this row, for answering."""
        model = replicas[row].eval()
        assert isinstance(model, DiagonalNeuralGPU)
        model.levels = self.levels
        return model

    def replicas(self, device: str) -> Replicas:
        return Replicas.build(self.build, self.seeds, device=device)

    def generator(self, stream: int, step: int) -> torch.Generator:
        """The random numbers of one step, of a stream of this seed."""
        return generator_of(torch.tensor([self.seeds[0], stream, step]))

    def drawn(self, stream: int, step: int, device: torch.device) -> dict[str, Tensor]:
        """What :func:`costs` takes, of one step: its batches, and the slack they are given."""
        least = self.slack // 4
        slack = torch.randint(least, self.slack + 1, (), generator=self.generator(SLACK + stream, step))
        return _named(self.batches(stream, step), device) | {"slack": slack}

    def batches(self, stream: int, step: int) -> list[Examples]:
        """Those of one step, a group of lengths each; the fixed ones are of all groups, some of each."""
        generator = self.generator(stream, step)
        if stream == FIXED:
            groups = self.bins.used(self.task) * FIXED_BATCHES
        else:
            groups = self.bins.drawn(self.task, self.bins_a_step, generator)
        return [self.bins.batch(self.task, index, self.batch, generator) for index in groups]

    def plan(
        self,
        replicas: Replicas,
        steps: int,
        evaluate_every: int,
        checks: Checks,
        ends: Callable[[History], bool] | None = None,
    ) -> TrainConfig:
        device = replicas.device
        trainer = TRAINERS[self.optimizer]
        rate = self.rates(trainer.rate(self.maps), steps)
        balance = Balance("loss", "saturation", rate)
        rules = {"rate": rate, "noise": Scaled(rate, NOISE), "weight": balance}
        feedback = Feedback(rules, len(replicas), device=device)

        def shared(key: Tensor) -> dict[str, Tensor]:
            return self.drawn(TRAINING, int(key[2]), device)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            entropy, saturation = costs(model, given)
            return entropy + given["weight"] * saturation

        return TrainConfig(
            loss=loss,
            optimizer=trainer.make,
            steps=steps,
            evaluate=self._evaluation(replicas, checks),
            eval_every=evaluate_every,
            monitor="score",
            per_replica=feedback.numbers,
            shared_batch=shared,
            lr_schedule=feedback.schedule("rate"),
            grad_noise=GradientNoise(feedback["noise"], seed=self.seeds[0]),
            solved=lambda measures: measures["error"] == 0,
            feedback=feedback,
            stop_when=ends,
            compile=False,  # hundreds of steps of a loop would be compiled for minutes
            gradients=one_by_one if device.type == "cpu" else mapped,
        )

    def _evaluation(self, replicas: Replicas, checks: Checks) -> Evaluate:
        """What is measured of every network: its costs on the fixed batches, and the checks."""
        fixed = self.drawn(FIXED, 0, replicas.device)
        measured = replicas.bind(costs, training=True)

        def measures(replicas: Replicas, row: int, key: Tensor) -> dict[str, float]:
            # one set of dropout for all evaluations: they differ by the weights alone
            parameters = {name: value[row] for name, value in replicas.parameters.items()}
            entropy, saturation = (float(cost) for cost in measured(parameters, {}, key, fixed))
            found = checks(self.network(replicas, row))
            score = found["errors"] + TIE * entropy
            return {"loss": entropy, "saturation": saturation, "score": score, **found}

        @torch.no_grad()
        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            rows = [measures(replicas, row, key) for row, key in enumerate(replicas.keys())]
            return {name: torch.tensor([own[name] for own in rows], dtype=torch.float64) for name in rows[0]}

        return evaluate


def settled(rate: float, steps: int) -> Rule:
    """Falls where the loss makes no progress, as published; and to a fifth from the first perfect evaluation on."""
    return Lowered(Plateau("loss", rate), "errors", NO_ERROR, SETTLING)


def falling(rate: float, steps: int) -> Rule:
    """Stays for two thirds of the training, then falls linearly."""
    return Falling(rate, round(FALLS_FROM * steps), steps)


def costs(model: nn.Module, given: dict[str, Tensor]) -> tuple[Tensor, Tensor]:
    """The cross-entropy and the saturation, each the mean over the batches in ``given``."""
    assert isinstance(model, DiagonalNeuralGPU)
    names = sorted(name.removeprefix("symbols") for name in given if name.startswith("symbols"))
    batches = [(given[f"symbols{name}"], given[f"span{name}"]) for name in names]
    logits, saturation = model.saturated_together(batches, int(given["slack"]))
    entropies = [
        F.cross_entropy(each.flatten(0, 1).float(), given[f"answer{name}"].flatten())
        for name, each in zip(names, logits, strict=True)
    ]
    return torch.stack(entropies).mean(), saturation


def _named(batches: list[Examples], device: torch.device) -> dict[str, Tensor]:
    """The batches' tensors under names of their own."""
    return {
        f"{name}{index:02}": value.to(device)
        for index, batch in enumerate(batches)
        for name, value in (("symbols", batch.symbols), ("answer", batch.answer), ("span", batch.span))
    }
