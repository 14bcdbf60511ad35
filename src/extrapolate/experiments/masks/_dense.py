"""Dense networks on tasks whose examples fit in small tables: built, trained, masked as published."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass
from functools import cache, partial
from typing import Protocol

import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.masks._config import MASKS, MaskConfig, widths, written_sizes
from extrapolate.inspect import Learning
from extrapolate.training import Clip, Replicas
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import Loss, TrainConfig

#: Batch size that the published strength is divided by: the one that the weights are trained with.
PUBLISHED_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class DenseConfig(MaskConfig):
    """Published: Adam, rate 1e-3, gradients of norm 1 at most; masks at rate 1e-2, four drawn per step."""

    hidden: tuple[int, ...] = widths((2000, 2000, 2000, 2000))


class TableTask(Protocol):
    """Functions in one network, all of whose examples fit in a table for each."""

    @property
    def in_features(self) -> int: ...

    @property
    def out_features(self) -> int: ...

    def drawn(self, u: Tensor, functions: tuple[str, ...], /) -> tuple[Tensor, Tensor]:
        """Inputs and answers of these functions, from uniform numbers ``u`` (3, B) in [0, 1)."""
        ...

    def table(self, function: str, /) -> tuple[Tensor, Tensor]:
        """All examples of a function."""
        ...

    def loss(self, logits: Tensor, answer: Tensor, /) -> Tensor: ...

    def right(self, logits: Tensor, answer: Tensor, /) -> Tensor:
        """bool (N,)."""
        ...


def networks(config: DenseConfig) -> str:
    """``2 networks 400-400-200``."""
    return f"{config.seeds} network{'s' if config.seeds > 1 else ''} {written_sizes(config.hidden)}"


def build_dense(config: DenseConfig, task: TableTask) -> nn.Sequential:
    """A dense network with ReLU between its layers."""
    sizes = [task.in_features, *config.hidden, task.out_features]
    parts = [part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def table_loss(task: TableTask) -> Callable[..., Tensor]:
    """``loss(model, x, answer)`` of a batch."""
    return lambda model, x, answer: task.loss(model(x), answer)


def published_learning(config: MaskConfig, seed: int, learning_rate: float = 1e-2) -> Learning:
    """Masks as published for dense networks and the classifier of images."""
    penalty = config.strength / PUBLISHED_BATCH
    return Learning(masks=MASKS, pressure=penalty, learning_rate=learning_rate, seed=seed)


def train_on_tables(config: DenseConfig, task: TableTask, functions: tuple[str, ...]) -> TrainConfig:
    """Fresh samples of all functions; the error is the mean over the functions' whole tables."""
    batch_loss = table_loss(task)

    def loss(model: nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        return batch_loss(model, *task.drawn(ops.uniform(key, (3, config.batch)), functions))

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        wrong = []
        for x, y in (_table(task, each, str(replicas.device)) for each in functions):
            wrong.append(replicas.map(lambda model, x=x, y=y: 1 - task.right(model(x), y).double().mean()))
        return {"error": torch.stack(wrong).mean(0)}

    return train_weights(config, loss, evaluate)


@cache
def _table(task: TableTask, function: str, device: str) -> tuple[Tensor, Tensor]:
    x, answer = task.table(function)
    return x.to(device), answer.to(device)


def train_weights(config: MaskConfig, loss: Loss, evaluate: Evaluate) -> TrainConfig:
    """Adam at 1e-3, gradients of norm 1 at most; best where the ``error`` is least."""
    return TrainConfig(
        loss=loss,
        optimizer=partial(torch.optim.Adam, lr=1e-3, fused=True),
        steps=config.steps,
        evaluate=evaluate,
        eval_every=config.eval_every,
        monitor="error",
        grad_clip=Clip(norm=1.0),
        solved=lambda measures: measures["error"] == 0,
        compile=config.compile,
    )
