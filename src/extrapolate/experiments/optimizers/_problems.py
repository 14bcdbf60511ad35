"""Problems that optimizers are compared on: a network, a task, the error of answers."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.digits._images import digits_of
from extrapolate.experiments.optimizers._networks import FourierFit, RecurrentReader, Transformer, deep
from extrapolate.nn import ConvEncoder
from extrapolate.tasks import VOCABULARY, Digits, Picture, Sentences, Task

#: After this share of the steps the learning rate is divided by 10, with every optimizer.
DROP_AT = 0.7

#: Units per layer of the dense networks, and of those that read text.
WIDTH, TEXT_WIDTH = 64, 32
#: Number of the picture's waves, and standard deviation of their frequencies.
FREQUENCIES, SPREAD = 64, 4.0


@dataclass(frozen=True)
class Reading:
    """Images (N, 1, S, S) of digits and their labels (N,)."""

    digits: Digits

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        images, labels = self.digits.training.images, self.digits.training.labels
        chosen = (ops.uniform(key, (batch,)) * len(images)).long()
        return images[chosen], labels[chosen]

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        validation, test = self.digits.validation, self.digits.test
        return {"validation": (validation.images, validation.labels), "test": (test.images, test.labels)}

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        return prediction == target


@dataclass(frozen=True)
class Problem:
    """``task(device)`` gives the examples; ``error(outputs, targets)``: the mean error, a scalar."""

    build: Callable[[], nn.Module]
    task: Callable[[str], Task]
    error: Callable[[Tensor, Tensor], Tensor]
    batch: int

    def prepared(self, device: str) -> tuple[Callable[..., Tensor], Callable[[nn.Module], Tensor], Any]:
        """The loss of a step, the error of a model on the test set, and the test set (inputs, targets)."""
        task = self.task(device)
        task.sample(1, torch.zeros(3, dtype=torch.int64, device=device))  # data are made here, not under vmap
        inputs, targets = (each.to(device) for each in task.splits()["test"])

        def loss(model: nn.Module, key: Tensor, _: Any) -> Tensor:
            x, y = task.sample(self.batch, key)
            return self.error(model(x), y)

        return loss, lambda model: self.error(model(inputs), targets), (inputs, targets)


def _digits(build: Callable[[], nn.Module]) -> Problem:
    return Problem(build, lambda device: Reading(digits_of("scikit-learn", device)), F.cross_entropy, 64)


def _text(build: Callable[[], nn.Module]) -> Problem:
    def error(logits: Tensor, words: Tensor) -> Tensor:
        return F.cross_entropy(logits.flatten(0, 1), words.flatten())

    return Problem(build, lambda device: Sentences(), error, 16)


def _picture(build: Callable[[], nn.Module]) -> Problem:
    def error(outputs: Tensor, colours: Tensor) -> Tensor:
        """As in the published depth demonstration."""
        return (outputs - colours).square().mean() / 2

    return Problem(build, lambda device: Picture(), error, 256)


def _deep_on_images(depth: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(-3), deep(64, WIDTH, 10, depth))


#: By name: dense networks of many depths and a convolutional one on digits, two readers, two picture fits.
PROBLEMS: dict[str, Problem] = {
    **{f"digits-depth-{depth}": _digits(partial(_deep_on_images, depth)) for depth in (2, 4, 8, 16, 32, 64)},
    "digits-cnn": _digits(partial(ConvEncoder, 8, 10)),
    "text-lstm": _text(partial(RecurrentReader, len(VOCABULARY), TEXT_WIDTH)),
    "text-transformer": _text(partial(Transformer, len(VOCABULARY), TEXT_WIDTH, Sentences().length)),
    **{f"picture-depth-{d}": _picture(partial(FourierFit, FREQUENCIES, SPREAD, WIDTH, d)) for d in (5, 40)},
}
