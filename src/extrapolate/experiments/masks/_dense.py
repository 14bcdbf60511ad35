"""Dense networks on tasks with a small table of examples; built, trained and masked as published."""

import itertools
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor, nn

from extrapolate.experiments import lab
from extrapolate.experiments.masks._config import MASKS, StudyConfig, widths
from extrapolate.experiments.masks._masks import MaskSpec, MaskStudy, Model
from extrapolate.inspect import MaskConfig
from extrapolate.tasks.modular_arithmetic import ModularArithmetic
from extrapolate.tasks.paired_addition import PairedAddition
from extrapolate.training import Clip

#: Batch size by which the published strength is divided. The published weights are trained with it.
PUBLISHED_BATCH = 128

TableTask = ModularArithmetic | PairedAddition


@dataclass(frozen=True, kw_only=True)
class DenseConfig(StudyConfig):
    """Published: Adam at 1e-3, gradients clipped to norm 1; masks at 1e-2, four sampled per step."""

    hidden: tuple[int, ...] = widths((2000, 2000, 2000, 2000))


SMOKE = {"hidden": (16, 16), "seeds": 1, "steps": 20, "mask_steps": 5, "eval_every": 10, "batch": 128}


def dense_notes(config: DenseConfig) -> list[str]:
    return [
        "Two numbers of two digits, one-hot, are added or multiplied modulo 100. Accuracy: the share of the "
        "10,000 inputs of a function with all digits right. Masks are thresholded at keep-probability 1/2. The "
        "weights are trained on these 10,000 inputs too: an accuracy of 100 % shows memory, not generalisation.",
        f"Weights: Adam, learning rate 1e-3, batch {config.batch}, {config.steps:,} steps, gradients clipped to norm "
        f"1. Masks: Adam, learning rate 1e-2, {config.mask_steps:,} steps, {MASKS} sampled per step; biases are not "
        "masked.",
        "control: the mask learned on both functions. The bounds of the findings are ours: the paper publishes no "
        "numbers.",
    ]


def dense_study(
    config: DenseConfig,
    seed: int,
    task: TableTask,
    masks: Sequence[MaskSpec],
    evaluate: Callable[[Model], Iterator[dict[str, Any]]],
) -> MaskStudy:
    """Return the study of one network on all functions of ``task``, with its ``masks`` in one round."""

    def batch_loss(model: Model, x: Tensor, answer: Tensor) -> Tensor:
        return task.loss(model(x), answer)

    def loss(model: nn.Module, key: Tensor, _: Any) -> Tensor:
        return batch_loss(model, *task.sample(config.batch, key))

    def error(model: nn.Module) -> Tensor:
        x, answer = (each.to(config.device) for each in task.splits()["test"])
        return 1 - task.right(model(x), answer).double().mean()

    return MaskStudy(
        seed=seed,
        config=config,
        build=partial(build_dense, config, task),
        train=train_weights(config, loss, error),
        sample=task.sample_pairs,
        loss=batch_loss,
        mask_config=published_mask_config(config, seed),
        rounds=[masks],
        evaluate=evaluate,
    )


def build_dense(config: DenseConfig, task: TableTask) -> nn.Sequential:
    """Return a dense network with ReLU between its layers."""
    sizes = [task.in_features, *config.hidden, task.out_features]
    parts = [part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*parts[:-1])


def published_mask_config(config: StudyConfig, seed: int, learning_rate: float = 1e-2) -> MaskConfig:
    """Return the published configuration of masks over dense networks and image classifiers."""
    penalty = config.strength / PUBLISHED_BATCH
    return MaskConfig(masks=MASKS, sparsity_penalty=penalty, learning_rate=learning_rate, seed=seed)


def train_weights(
    config: StudyConfig, loss: Callable[..., Tensor], error: Callable[[nn.Module], Tensor]
) -> lab.TrainConfig:
    """Train with Adam at 1e-3, gradients clipped to norm 1; keep the weights with the lowest ``error(model)``."""
    train = config.train(loss, partial(torch.optim.Adam, lr=1e-3, fused=True), {"error": error})
    return replace(train, grad_clip=Clip(norm=1.0), solved=lambda measures: measures["error"] == 0)
