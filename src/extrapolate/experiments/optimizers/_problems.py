"""Problems for comparing optimizers: tasks, errors, and networks of plain operations that ``vmap`` can map."""

import math
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from itertools import pairwise
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.cells import LSTM
from extrapolate.experiments.digits._images import digits_of
from extrapolate.experiments.optimizers._published import TextTransformer, cifar, resnet18, wikitext
from extrapolate.nn import ConvEncoder
from extrapolate.tasks import VOCABULARY, ImageClasses, Picture, Sentences, Task, flip_and_shift
from extrapolate.training import Schedule

#: Units per layer of the dense networks, and of the text networks.
WIDTH, TEXT_WIDTH = 64, 32
#: Number of the picture's waves, and standard deviation of their frequencies.
FREQUENCIES, SPREAD = 64, 4.0


def _dense(in_features: int, out_features: int, gain: float) -> nn.Linear:
    """Return a layer with weights N(0, gain² / in_features) and biases N(0, 0.01²).

    Gain √2 is He initialization. The biases are those of the published depth demonstration.
    """
    layer = nn.Linear(in_features, out_features)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(in_features))
    nn.init.normal_(layer.bias, std=0.01)
    return layer


def deep(in_features: int, out_features: int, depth: int) -> nn.Sequential:
    """Return ``depth`` dense layers with ReLU between them, (..., I) to (..., O); He initialization, no norm."""
    widths = [in_features, *[WIDTH] * (depth - 1)]
    hidden = (module for a, b in pairwise(widths) for module in (_dense(a, b, math.sqrt(2)), nn.ReLU()))
    return nn.Sequential(*hidden, _dense(widths[-1], out_features, 1.0))


def deep_on_images(depth: int) -> nn.Module:
    return nn.Sequential(nn.Flatten(-3), deep(64, 10, depth))


class FourierFit(nn.Module):
    """A network from positions (N, 2) to colours (N, 3): fixed random waves, dense layers, a sigmoid."""

    def __init__(self, depth: int) -> None:
        super().__init__()
        self.frequencies = nn.Buffer(SPREAD * torch.randn(2, FREQUENCIES))
        self.deep = deep(2 * FREQUENCIES, 3, depth)

    def forward(self, positions: Tensor) -> Tensor:
        phases = 2 * math.pi * positions @ self.frequencies
        return torch.sigmoid(self.deep(torch.cat([torch.sin(phases), torch.cos(phases)], -1)))


class RecurrentReader(nn.Module):
    """A network from words (B, T) to logits of each next word (B, T, V): an embedding, an LSTM, a dense layer."""

    def __init__(self) -> None:
        super().__init__()
        self.embedding = nn.Embedding(len(VOCABULARY), TEXT_WIDTH)
        self.lstm, self.last = LSTM(TEXT_WIDTH, TEXT_WIDTH), nn.Linear(TEXT_WIDTH, len(VOCABULARY))

    def forward(self, words: Tensor) -> Tensor:
        inputs = F.embedding(words.movedim(-1, 0), self.lstm.from_input(self.embedding.weight))
        return self.last(self.lstm.over(inputs)).movedim(0, 1)


class Block(nn.Module):
    """A transformer layer: causal attention with two heads, then two dense layers, with pre-norm and shortcuts."""

    def __init__(self, width: int) -> None:
        super().__init__()
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        heads = self.project(self.norms[0](x)).unflatten(-1, (2, 3, -1))  # (..., T, heads, 3, W / heads)
        query, key, value = (each.transpose(-3, -2) for each in heads.unbind(-2))
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        attended = scores.masked_fill(later, -math.inf).softmax(-1) @ value
        x = x + self.out(attended.transpose(-3, -2).flatten(-2))
        return x + self.feed_forward(self.norms[1](x))


class Transformer(nn.Module):
    """A network from words (B, T) to logits of each next word (B, T, V): embeddings, two transformer blocks."""

    def __init__(self, words: int, width: int, length: int) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(Block(width), Block(width))
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words) + self.positions.weight[: words.shape[-1]]
        return self.last(self.norm(self.blocks(x)))


#: ``on_test(measure, model)``: the mean of ``measure(outputs, targets)`` over the test set.
OnTest = Callable[[Callable[[Tensor, Tensor], Tensor], nn.Module], Tensor]


def fewer_steps(own: int, paper: int) -> str | None:
    """A ``cut`` of a field for steps; 0 stands for the published number of each problem."""
    if own == 0 or 0 < paper <= own:
        return None
    return f"{own:,} of {paper:,} steps" if paper else f"{own:,} steps instead of the published numbers"


@dataclass(frozen=True)
class Problem:
    """A task and the network that is trained on it.

    Args:
        task: ``task(data, device)``: the task; ``data`` is the folder with published examples.
        error: ``error(outputs, targets)``: the mean error, a scalar.
        batch: examples per step.
        build: ``build()``: a new model.
        augment: ``augment(x, u)``: changes training inputs by random numbers ``u`` (3, batch) in [0, 1).
        steps: steps of a long training; of the published training if there is one.
        decay_at: shares of the steps after which the learning rate is divided by 10, for every optimizer.
        tested_at_once: test inputs per forward pass; 0: all.
    """

    task: Callable[[str, str], Task]
    error: Callable[[Tensor, Tensor], Tensor]
    batch: int
    build: Callable[[], nn.Module]
    augment: Callable[[Tensor, Tensor], Tensor] | None = None
    steps: int = 10_000
    decay_at: tuple[float, ...] = (0.7,)
    tested_at_once: int = 0

    def prepare(self, data: str, device: str) -> tuple[Callable[..., Tensor], OnTest]:
        """Return the loss of a step, and a function that measures a model on the test set (:data:`OnTest`)."""
        task = self.task(data, device)
        task.sample(1, torch.zeros(3, dtype=torch.int64, device=device))  # creates the data now, not under vmap
        inputs, targets = (each.to(device) for each in task.splits()["test"])
        pieces = [each.split(self.tested_at_once or len(each)) for each in (inputs, targets)]

        def loss(model: nn.Module, key: Tensor, _: Any) -> Tensor:
            x, y = task.sample(self.batch, key)
            if self.augment is not None:
                x = self.augment(x, ops.uniform(key + torch.tensor([0, 1, 0], device=key.device), (3, len(x))))
            return self.error(model(x), y)

        def on_test(measure: Callable[[Tensor, Tensor], Tensor], model: nn.Module) -> Tensor:
            return torch.stack([measure(model(x), y) for x, y in zip(*pieces, strict=True)]).mean()

        return loss, on_test

    def schedule(self, steps: int) -> Schedule:
        """Return a schedule: the factor on the learning rate at each step."""
        return lambda step: math.prod([0.1 for at in self.decay_at if step >= round(at * steps)])


def _of_words(logits: Tensor, words: Tensor) -> Tensor:
    return F.cross_entropy(logits.flatten(0, 1), words.flatten())


def _of_pixels(outputs: Tensor, colours: Tensor) -> Tensor:
    """Return half the mean squared error, as in the published depth demonstration."""
    return (outputs - colours).square().mean() / 2


_digits = partial(Problem, lambda data, device: ImageClasses(digits_of("scikit-learn", device)), F.cross_entropy, 64)
_text = partial(Problem, lambda data, device: Sentences(), _of_words, 16)
_picture = partial(Problem, lambda data, device: Picture(), _of_pixels, 256)

#: Published problems: 300 epochs of CIFAR-10, and 20 of Wikitext-2 with its 2,088,628 words.
PUBLISHED = {
    "cifar10-resnet18": Problem(
        cifar,
        F.cross_entropy,
        1_024,
        resnet18,
        augment=flip_and_shift,
        steps=300 * 50_000 // 1_024,
        decay_at=(1 / 3, 2 / 3),
        tested_at_once=500,
    ),
    "wikitext2-transformer": Problem(
        wikitext,
        _of_words,
        20,
        partial(TextTransformer, 33_278),
        steps=20 * 2_088_628 // (20 * 35),
        decay_at=(0.5,),
        tested_at_once=20,
    ),
}

#: By name: dense networks of several depths and a convolutional one on digits, two text networks, two picture fits.
PROBLEMS: dict[str, Problem] = {
    **{f"digits-depth-{depth}": _digits(partial(deep_on_images, depth)) for depth in (2, 4, 8, 16, 32, 64)},
    "digits-cnn": _digits(partial(ConvEncoder, 8, 10)),
    "text-lstm": _text(RecurrentReader),
    "text-transformer": _text(partial(Transformer, len(VOCABULARY), TEXT_WIDTH, Sentences().length)),
    **{f"picture-depth-{depth}": _picture(partial(FourierFit, depth)) for depth in (5, 40)},
    **PUBLISHED,
}
