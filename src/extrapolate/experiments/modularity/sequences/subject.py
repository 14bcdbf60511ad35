"""A network from sequences to sequences: trained until it answers, masked as published."""

from abc import abstractmethod
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.modularity.sequences.examples import Examples
from extrapolate.experiments.modularity.sequences.network import EncoderDecoder, Tokens
from extrapolate.experiments.modularity.sequences.settings import SequenceSettings
from extrapolate.experiments.modularity.subject import ABLE, Subject, View, under
from extrapolate.training import Clip, Replicas
from extrapolate.training.gradients import one_by_one
from extrapolate.training.train_config import TrainConfig

if TYPE_CHECKING:
    from extrapolate.inspect import Learning, Mask

#: Test examples that tell how far the weights are, of all functions together.
WATCHED = 1_000


@dataclass(frozen=True)
class Published:
    """What follows from the publication's choices for a network.

    Attributes:
        batch: the batch size that the published strength is divided by.
        masks: drawn a step.
        clip: the largest norm of gradients, of weights and of masks.
        told: the share of batches in which the decoder is told the right answer so far; in the others it goes by
            what it says itself.
    """

    batch: int
    masks: int
    clip: float
    told: float


@dataclass(frozen=True)
class SequenceSubject(Subject):
    """Functions are sets of questions and answers.

    A batch is what is asked, the answers, and what the decoder is told if it is told anything. Its examples are
    drawn one by one and in no order: a mask's part of a batch is like any other.
    """

    settings: SequenceSettings

    @property
    @abstractmethod
    def published(self) -> Published: ...

    @property
    @abstractmethod
    def tokens(self) -> Tokens:
        """What goes into the network and what comes out."""

    @abstractmethod
    def build(self) -> EncoderDecoder: ...

    @property
    @abstractmethod
    def trained(self) -> tuple[str, ...]:
        """The functions that the weights are trained on."""

    @property
    @abstractmethod
    def tested(self) -> tuple[str, ...]:
        """The functions whose test examples are asked."""

    @abstractmethod
    def training(self, functions: tuple[str, ...]) -> Examples:
        """What the weights or a mask are trained on, on the settings' device."""

    @abstractmethod
    def test(self, function: str) -> Examples:
        """What is asked, on the settings' device."""

    @abstractmethod
    def range(self, function: str) -> str:
        """What is asked, in the words of the results."""

    @abstractmethod
    def optimizer(self, parameters: list[Tensor]) -> torch.optim.Optimizer:
        """Of the weights."""

    @property
    def batch(self) -> int:
        return self.settings.batch

    @property
    def mask_steps(self) -> int:
        return self.settings.mask_steps

    def learning(self) -> "Learning":
        from extrapolate.inspect import Learning

        return Learning(
            masks=self.published.masks,
            pressure=self.settings.strength / self.published.batch,
            learning_rate=self.settings.mask_rate,
            clip=self.published.clip,
            seed=self.seed,
        )

    def drawn(self, u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, ...]:
        """The examples by the first numbers; whether the decoder is told the answer, by one of the second."""
        asked, answer = self.training(functions).drawn(u[0])
        return (asked, answer, answer) if float(u[1, 0]) < self.published.told else (asked, answer)

    def loss(self, model: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        """Summed over the tokens of an answer, the mean over the answers."""
        asked, answer, *told = batch
        said = told[0] if told else model(asked, steps=answer.shape[1])
        logits, pad = model(asked, said), self.tokens.pad
        total = F.cross_entropy(logits.flatten(0, 1), answer.flatten(), ignore_index=pad, reduction="sum")
        return total / len(answer)

    def plan(self, replicas: Replicas) -> TrainConfig:
        count = max(1, WATCHED // len(self.trained))
        watched = [self.test(each).some(count) for each in self.trained]

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            return self.loss(model, *self.drawn(ops.uniform(key, (3, self.batch)), self.trained))

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            models = [replicas[place].eval() for place in range(len(replicas))]
            right = [[accuracy(model, each) for each in watched] for model in models]
            return {"error": 1 - torch.tensor(right, dtype=torch.float64).mean(1)}

        return TrainConfig(
            loss=loss,
            optimizer=self.optimizer,
            steps=self.settings.steps,
            evaluate=evaluate,
            eval_every=self.settings.evaluate_every,
            monitor="error",
            grad_clip=Clip(norm=self.published.clip),
            solved=lambda measures: measures["error"] <= 1 - ABLE,
            gradients=one_by_one,
        )

    def asked(self, model: Callable[..., Tensor]) -> Iterator[dict[str, Any]]:
        for function in self.tested:
            examples = self.test(function).some(self.settings.examined)
            yield {
                "operation": function,
                "range": self.range(function),
                "accuracy": accuracy(model, examples),
                "examined": len(examples),
            }

    def views(self, network: nn.Module, masks: "Mapping[str, Mask]") -> Iterator[View]:
        """The network as it was trained and under each mask, on the device where it was."""
        network = network.to(self.settings.device)
        yield View("unmasked", network)
        yield from under(network, masks)


@torch.no_grad()
def accuracy(model: Callable[..., Tensor], examples: Examples) -> float:
    """The share of answers that are right to the end mark; the network goes by what it says itself."""
    right = [
        ((model(asked, steps=answer.shape[1]) == answer) | (answer == examples.pad)).all(1)
        for asked, answer in examples.parts()
    ]
    return float(torch.cat(right).double().mean())
