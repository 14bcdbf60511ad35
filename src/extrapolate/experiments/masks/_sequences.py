"""Masks over networks from sequences to sequences: options, examples, training, accuracy."""

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import cache, partial
from typing import Any

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.errors import UserError
from extrapolate.experiments.config import fewer, number, real
from extrapolate.experiments.masks._config import ABLE, MaskConfig
from extrapolate.experiments.masks._masks import (
    MaskedModule,
    Masks,
    MaskSpec,
    MaskStudy,
    Model,
    unmasked_and_under,
)
from extrapolate.inspect import Learning
from extrapolate.training import Clip, Replicas
from extrapolate.training.gradients import one_by_one
from extrapolate.training.train_config import TrainConfig

#: Test examples at every evaluation of the weights, of all functions together.
EVALUATED = 1_000

#: Examples that are decoded at once.
DECODED = 512

Optimizer = Callable[[list[Tensor]], torch.optim.Optimizer]


@dataclass(frozen=True, kw_only=True)
class SequenceConfig(MaskConfig):
    """Learning rates are constant."""

    width: int = number(128, "Width of the network's layers.", cut=fewer("units per layer"))
    layers: int = number(1, "Layers of the encoder, and as many of the decoder.", cut=fewer("layers"))
    dropout: float = real(0.0, "Dropout while the weights are trained.", least=0, below=1)
    rate: float = real(1e-3, "Learning rate of the weights.", above=0)
    mask_rate: float = real(1e-2, "Learning rate of the masks.", above=0)
    examined: int = number(
        10_000, "Largest number of test examples of each set.", cut=fewer("test examples of each set")
    )


def check_heads(width: int, heads: int) -> None:
    """Raises a UserError if the heads of attention cannot share a width."""
    if width % heads:
        raise UserError(f"--width: {width} cannot be shared by {heads} heads: give a multiple of {heads}")


def networks(config: SequenceConfig, kind: str, functions: int = 1) -> str:
    """``2 LSTMs of 1 layer, width 128``; ``functions``: each has networks of its own."""
    count = config.seeds * functions
    depth = f"{config.layers} layer{'s' if config.layers > 1 else ''}"
    return f"{count} {kind}{'s' if count > 1 else ''} of {depth}, width {config.width}"


# -------------------------------------------------------------------------------------------------------- examples


@dataclass(frozen=True)
class Examples:
    """Sources (N, S) and targets (N, T) in uint8, since they are many. ``pad`` stands behind the end of a target."""

    source: Tensor
    target: Tensor
    pad: int

    @classmethod
    def join(
        cls, parts: Iterable[tuple[Tensor, Tensor]], source_pad: int, pad: int, device: torch.device | str
    ) -> "Examples":
        """Parts one after another, each with padding of its own length."""
        source, target = zip(
            *((one.to(torch.uint8), other.to(torch.uint8)) for one, other in parts), strict=True
        )
        return cls(_joined(source, source_pad).to(device), _joined(target, pad).to(device), pad)

    def __len__(self) -> int:
        return len(self.target)

    def first(self, count: int) -> "Examples":
        return Examples(self.source[:count], self.target[:count], self.pad)

    def sample(self, u: Tensor) -> tuple[Tensor, Tensor]:
        """A batch for uniform numbers u (B,) in [0, 1), in their order."""
        return self._rows((u.double() * len(self)).long())

    def spread(self, count: int) -> "Examples":
        """At most ``count``, from evenly spread rows."""
        if count >= len(self):
            return self
        rows = torch.arange(count, device=self.target.device) * len(self) // count
        return Examples(self.source[rows], self.target[rows], self.pad)

    def batches(self) -> Iterator[tuple[Tensor, Tensor]]:
        """All, the short targets first: decoding a batch takes as many steps as its longest target has."""
        lengths = (self.target != self.pad).sum(1)
        for rows in lengths.argsort(stable=True).split(DECODED):
            yield self._rows(rows)

    def _rows(self, rows: Tensor) -> tuple[Tensor, Tensor]:
        target = self.target[rows]
        longest = int((target != self.pad).sum(1).max())
        return self.source[rows].long(), target[:, :longest].long()


def _joined(parts: Sequence[Tensor], pad: int) -> Tensor:
    longest = max(each.shape[1] for each in parts)
    return torch.cat([F.pad(each, (0, longest - each.shape[1]), value=pad) for each in parts])


@torch.no_grad()
def accuracy(model: Model, examples: Examples) -> float:
    """The share of examples that are decoded greedily without a wrong token, up to the end mark."""
    right = [
        ((model(source, steps=target.shape[1]) == target) | (target == examples.pad)).all(1)
        for source, target in examples.batches()
    ]
    return float(torch.cat(right).double().mean())


# ----------------------------------------------------------------------------------------------------------- study


@dataclass(frozen=True)
class Published:
    """What the publication chose for a network.

    Args:
        batch: the batch size that the published strength is divided by.
        masks: masks drawn per step.
        clip: the largest norm of the gradients, of weights and of masks.
        teacher_forcing: the share of batches in which the decoder gets the right tokens before; in the others it
            gets its own.
    """

    batch: int
    masks: int
    clip: float
    teacher_forcing: float


@dataclass(frozen=True, kw_only=True)
class SequenceTask:
    """Functions are sets of examples.

    Args:
        training: the examples that the weights or a mask are trained on, of these functions.
        test: the test examples of a function.
        trained: the functions that the weights are trained on.
        tested: the functions that are evaluated.
        pad: stands behind the end of a target.
        range: the column "range" of the results.
    """

    training: Callable[[tuple[str, ...]], Examples]
    test: Callable[[str], Examples]
    trained: tuple[str, ...]
    tested: tuple[str, ...]
    pad: int
    range: str


def sequence_study(
    config: SequenceConfig,
    task: SequenceTask,
    published: Published,
    *,
    name: str,
    seed: int,
    build: Callable[[], nn.Module],
    optimizer: Optimizer,
    masks: Sequence[MaskSpec],
) -> MaskStudy:
    """A network that learns a task's functions, and its masks.

    The examples of a batch are sampled one by one and in no order: a mask's part of a batch is like any other.
    """
    return MaskStudy(
        name=name,
        seed=seed,
        config=config,
        build=build,
        train=_train(config, task, published, optimizer),
        sample=partial(sample, task, published),
        loss=partial(sequence_loss, task.pad),
        learning=Learning(
            masks=published.masks,
            pressure=config.strength / published.batch,
            learning_rate=config.mask_rate,
            clip=published.clip,
            seed=seed,
        ),
        rounds=[masks],
        evaluate=partial(_evaluate, config, task),
        views=partial(_views, config.device),
    )


def sample(
    task: SequenceTask, published: Published, u: Tensor, functions: tuple[str, ...]
) -> tuple[Tensor, ...]:
    """A batch: sources, targets, and the targets again where the decoder gets them.

    The first row of ``u`` samples the examples, a number of the second one whether the decoder gets the targets.
    """
    source, target = task.training(functions).sample(u[0])
    return (source, target, target) if float(u[1, 0]) < published.teacher_forcing else (source, target)


def sequence_loss(pad: int, model: Model, source: Tensor, target: Tensor, *forced: Tensor) -> Tensor:
    """Cross-entropy summed over the tokens of a target, the mean over the batch.

    The decoder gets the tokens of ``forced``, or else its own greedy output.
    """
    before = forced[0] if forced else model(source, steps=target.shape[1])
    logits = model(source, before)
    total = F.cross_entropy(logits.flatten(0, 1), target.flatten(), ignore_index=pad, reduction="sum")
    return total / len(target)


def _train(
    config: SequenceConfig, task: SequenceTask, published: Published, optimizer: Optimizer
) -> TrainConfig:
    count = max(1, EVALUATED // len(task.trained))
    fixed = cache(lambda: [task.test(each).spread(count) for each in task.trained])

    def loss(model: nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        u = ops.uniform(key, (3, config.batch))
        return sequence_loss(task.pad, model, *sample(task, published, u, task.trained))

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        right = [[accuracy(model.eval(), each) for each in fixed()] for model in replicas]
        return {"error": 1 - torch.tensor(right, dtype=torch.float64).mean(1)}

    return TrainConfig(
        loss=loss,
        optimizer=optimizer,
        steps=config.steps,
        evaluate=evaluate,
        eval_every=config.eval_every,
        monitor="error",
        grad_clip=Clip(norm=published.clip),
        solved=lambda measures: measures["error"] <= 1 - ABLE,
        compile=config.compile,
        gradients=one_by_one,
    )


def _evaluate(config: SequenceConfig, task: SequenceTask, model: Model) -> Iterator[dict[str, Any]]:
    """The accuracy on the test examples of each function."""
    for function in task.tested:
        examples = task.test(function).spread(config.examined)
        yield {
            "operation": function,
            "range": task.range,
            "accuracy": accuracy(model, examples),
            "examined": len(examples),
        }


def _views(device: str, network: nn.Module, masks: Masks) -> Iterator[MaskedModule]:
    """The network as it was trained and under each mask, where the examples are."""
    return unmasked_and_under(network.to(device), masks)
