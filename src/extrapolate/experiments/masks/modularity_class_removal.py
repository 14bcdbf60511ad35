"""Weight masks: what an image classifier loses with the weights that only one class needs."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.config import REQUIRED, fewer, folder, instead, number, real
from extrapolate.experiments.digits._images import EMBEDDED
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, at_least, at_most, rows_of
from extrapolate.experiments.masks._classifier import (
    CLASSES,
    Classifier,
    held_out,
    images_of,
    images_of_classes,
)
from extrapolate.experiments.masks._config import (
    CONTROL,
    IN_WORDS,
    SOURCE,
    MaskConfig,
    accuracy,
    asked,
    mask_summary,
    widths,
    written_sizes,
)
from extrapolate.experiments.masks._confusions import GIVEN, WITHOUT, confusions, losses, removed
from extrapolate.experiments.masks._dense import published_learning, train_weights
from extrapolate.experiments.masks._masks import (
    MaskSpec,
    MaskStudy,
    Model,
    mask_training,
    unmasked_and_under,
)
from extrapolate.experiments.training import Training
from extrapolate.inspect import Mask, weights_and_biases
from extrapolate.stats import Estimate, student
from extrapolate.training import Replicas
from extrapolate.training.gradients import one_by_one
from extrapolate.training.train_config import TrainConfig

#: The last layer's tensors, whose masks are those of the control mask: a class is not cut off at its own output.
LAST = ("out.weight", "out.bias")


@dataclass(frozen=True, kw_only=True)
class ClassRemovalConfig(MaskConfig):
    """Published: four convolutions, Adam at 1e-3 for weights and masks alike."""

    data: str = folder(
        EMBEDDED,
        EMBEDDED,
        f"{EMBEDDED}, or a folder with MNIST's files or CIFAR-10's binary ones (the paper's images).",
        cut=instead(EMBEDDED, "CIFAR-10"),
    )
    channels: tuple[int, ...] = widths((32, 64, 128, 256), "Channels of the convolutions")
    dropout: float = real(
        0.5, "Dropout after the last convolution; half of it after the one before.", least=0, below=1
    )
    removed: int = number(
        10, "Number of classes that are removed, each in turn: 0, 1, 2, ...", cut=fewer("removed classes")
    )
    rate: float = real(1e-2, "Learning rate of the masks.", above=0)


# ------------------------------------------------------------------------------------------------------- findings

#: Accuracy under the control mask as a share of that without a mask, at least; what another class may lose, as a
#: share of what the removed class loses (the axis of the published figure ends there).
CONTROL_KEEPS, OTHER_LOSES = 0.95, 0.1


def findings(config: ClassRemovalConfig) -> Iterator[Finding]:
    """The findings over all networks and removed classes, by their means."""
    yield Finding(
        "control",
        "the mask learned on all classes costs little (measured: its accuracy over that without a mask, at "
        "least 95 %)",
        IN_WORDS,
        control_keeps,
        at_least(CONTROL_KEEPS),
    )
    yield Finding(
        "removed-loses-most",
        "the class that a mask was not learned on loses most (measured: share of the removed classes, all)",
        IN_WORDS,
        removed_loses_most,
        at_least(1.0),
    )
    yield Finding(
        "bystander",
        "no other class suffers much (measured: the largest loss of another class over that of the removed one, at "
        "most 10 %)",
        IN_WORDS,
        other_loses,
        at_most(OTHER_LOSES),
    )


def control_keeps(results: pl.DataFrame) -> Estimate:
    """Of each network, the accuracy under the control mask over that without a mask, means over the classes."""
    control, unmasked = (
        np.mean([accuracy(rows_of(results, asked(view, f"class {name}"))) for name in CLASSES], 0)
        for view in (CONTROL, "unmasked")
    )
    return student(control / unmasked)


def removed_loses_most(results: pl.DataFrame) -> Found:
    """Of each network, the share of the removed classes that lose more than any other class."""
    own, others = losses(results)
    note = f"on average it loses {100 * own.mean():.0f} % of its accuracy"
    return Found(student((own > others).mean(0)), note)


def other_loses(results: pl.DataFrame) -> Found:
    """Of each network, the largest loss of another class over that of the removed one, the mean over these."""
    own, others = losses(results)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = others / own
    means = ratios.mean(1)
    worst = int(means.argmax())
    return Found(student(ratios.mean(0)), f"worst for class {removed(results)[worst]}: {means.max():.1%}")


# ----------------------------------------------------------------------------------------------------- experiment


def notes(config: ClassRemovalConfig) -> list[str]:
    """How the networks and masks were trained and evaluated."""
    return [
        "Accuracies are over the images that no weight was trained on, with masks cut at keep-probability 1/2; masks "
        "are learned on training images.",
        f"Weights: Adam, rate 1e-3, batch {config.batch}, {config.steps:,} steps, dropout {config.dropout:g} after "
        f"the last convolution and half of it before. Masks: Adam, rate {config.rate:g} (published: 0.001), "
        f"{config.mask_steps:,} steps, four drawn per step, strength β = {config.strength:g} (published: 0.0003, for "
        "a loss that stays far above that of digits); biases are masked too.",
        "control: the mask learned on all classes. without c: learned on the nine others, still with ten possible "
        "answers; its last layer is that of the control mask, so that the class is not just cut off there.",
        "The largest loss of another class is a maximum over nine: with few images of a class, chance alone makes it "
        "more than 0.",
    ]


def outline(config: ClassRemovalConfig) -> str:
    """How many networks and masks."""
    return (
        f"{config.seeds} convolutional network{'s' if config.seeds > 1 else ''} {written_sizes(config.channels)} of "
        f"{config.steps:,} steps, {1 + config.removed} masks each of {config.mask_steps:,}"
    )


def build(config: ClassRemovalConfig) -> nn.Module:
    """A network for these images."""
    images = images_of(config.data).training.images
    return Classifier(images.shape[1], config.channels, len(CLASSES), config.dropout)


def classification_loss(model: Model, images: Tensor, labels: Tensor) -> Tensor:
    """Cross-entropy."""
    return F.cross_entropy(model(images), labels)


def train(config: ClassRemovalConfig) -> TrainConfig:
    """On training images drawn with replacement; the error is that on all of them."""

    def loss(model: nn.Module, key: Tensor, batch: dict[str, Tensor]) -> Tensor:
        digits = images_of(config.data, config.device).training
        chosen = (ops.uniform(key, (config.batch,)) * len(digits)).long()
        return classification_loss(model, digits.images[chosen], digits.labels[chosen])

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        digits = images_of(config.data, config.device).training
        return {
            "error": replicas.map(
                lambda model: (model(digits.images).argmax(-1) != digits.labels).double().mean()
            )
        }

    # a convolution mapped over a single network is slower than that network
    return replace(train_weights(config, loss, evaluate), gradients=one_by_one)


def sample(data: str, u: Tensor, classes: tuple[str, ...]) -> tuple[Tensor, Tensor]:
    """Training images of these classes, and their labels."""
    digits = images_of_classes(data, classes)
    chosen = (u[0].cpu() * len(digits)).long()
    return digits.images[chosen].to(u.device), digits.labels[chosen].to(u.device)


def evaluate(data: str, model: Model) -> Iterator[dict[str, Any]]:
    """Of the images of each class, the share that is given each class."""
    digits = held_out(data)
    found = torch.cat([model(images).argmax(-1) for images in digits.images.split(1_000)])
    for label, name in enumerate(CLASSES):
        given = torch.bincount(found[digits.labels == label], minlength=len(CLASSES)).double()
        shares = (given / given.sum()).tolist()
        yield {
            "operation": f"class {name}",
            "range": f"{len(digits):,} images not trained on",
            "accuracy": shares[label],
            **{GIVEN + other: share for other, share in zip(CLASSES, shares, strict=True)},
        }


def mask_rounds(count: int) -> list[list[MaskSpec]]:
    """The control mask, then those without one of ``count`` classes; these keep the control mask's last layer."""
    without = [
        MaskSpec(
            WITHOUT + each,
            tuple(other for other in CLASSES if other != each),
            choose=lambda name, parameter, owner: name not in LAST,
            network=lambda network, earlier: earlier[CONTROL].only(*LAST).prune(network),
            complete=lambda mask, earlier: Mask({**mask, **earlier[CONTROL].only(*LAST)}),
        )
        for each in CLASSES[:count]
    ]
    return [[MaskSpec(CONTROL, CLASSES, choose=weights_and_biases)], without]


@experiment(
    source=SOURCE,
    laptop=ClassRemovalConfig(
        channels=(16, 32, 64, 64), seeds=3, steps=2_000, mask_steps=3_000, strength=3e-3, eval_every=200
    ),
    paper={
        "data": REQUIRED,
        "channels": (32, 64, 128, 256),
        "seeds": 10,
        "steps": 20_000,
        "mask_steps": 20_000,
        "strength": 3e-4,
        "rate": 1e-3,
        "eval_every": 1_000,
    },
    smoke={
        "channels": (4, 4, 4, 4),
        "removed": 2,
        "seeds": 1,
        "steps": 10,
        "mask_steps": 4,
        "eval_every": 5,
        "batch": 32,
    },
    findings=findings,
    notes=notes,
    outline=outline,
    summary=mask_summary,
)
def modularity_class_removal(config: ClassRemovalConfig) -> Iterator[Training]:
    for seed in range(config.seeds):
        yield mask_training(
            MaskStudy(
                name=f"seed-{seed}",
                seed=seed,
                config=config,
                build=partial(build, config),
                train=train(config),
                sample=partial(sample, config.data),
                loss=classification_loss,
                learning=published_learning(config, seed, config.rate),
                rounds=mask_rounds(config.removed),
                evaluate=partial(evaluate, config.data),
                views=unmasked_and_under,
                tables=lambda rows: {"confusions": confusions(rows)},
            )
        )
