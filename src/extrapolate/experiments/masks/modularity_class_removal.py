"""Weight masks: the accuracy of an image classifier without the weights that only one class needs."""

import itertools
from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments import lab
from extrapolate.experiments.digits._images import EMBEDDED
from extrapolate.experiments.masks._config import (
    CONTROL,
    MASKS,
    PAPER,
    StudyConfig,
    networks_and_masks,
    widths,
)
from extrapolate.experiments.masks._dense import published_mask_config, train_weights
from extrapolate.experiments.masks._masks import MaskSpec, MaskStudy, Model, mask_training
from extrapolate.inspect import Mask, is_weight_or_bias
from extrapolate.stats import Estimate, student
from extrapolate.tasks import Digits, DigitSet, load_digits
from extrapolate.tasks.cifar import has_cifar, load_cifar
from extrapolate.training.gradients import loop_gradients

CLASSES = tuple(str(each) for each in range(10))

#: Tensors of the last layer. They keep the control mask, so that a class is not just cut off at its output.
LAST = ("out.weight", "out.bias")

#: Prefixes: of a mask learned without a class, and of a column with the share of answers that name a class.
WITHOUT, GIVEN = "without ", "given "


@dataclass(frozen=True, kw_only=True)
class ClassRemovalConfig(StudyConfig):
    """Published: four convolutions, Adam at 1e-3 for weights and masks."""

    data: str = lab.folder(
        EMBEDDED,
        EMBEDDED,
        f"Images: {EMBEDDED}, or a folder with the files of MNIST or of CIFAR-10's binary version (published).",
        cut=lab.instead(EMBEDDED, "CIFAR-10"),
    )
    channels: tuple[int, ...] = widths((32, 64, 128, 256), "Channels of the convolutions")
    dropout: float = lab.real(
        0.5, "Dropout after the last convolution; half of it after the one before. Published: 0.5.", least=0, below=1
    )
    removed: int = lab.integer(
        10,
        "Number of classes to remove, one at a time: 0, 1, 2, ... Published: 10.",
        cut=lab.fewer("removed classes"),
    )
    mask_learning_rate: float = lab.real(1e-2, "Learning rate of the masks. Published: 0.001.", above=0)


def findings(config: ClassRemovalConfig) -> Iterator[lab.Finding]:
    def control_keeps(results: pl.DataFrame) -> Estimate:
        control, unmasked = (accuracies(results, view).mean(1) for view in (CONTROL, "unmasked"))
        return student(control / unmasked)

    def removed_loses_most(results: pl.DataFrame) -> lab.Found:
        own, others = losses(results)
        note = f"on average the class loses {100 * own.mean():.0f} % of its accuracy"
        return lab.Found(student((own > others).mean(0)), note)

    yield lab.Finding("control", control_keeps)
    yield lab.Finding("removed-loses-most", removed_loses_most)
    yield lab.Finding("bystander", other_loses)


def other_loses(results: pl.DataFrame) -> lab.Found:
    """Return the largest loss of another class / loss of the removed class, the mean over removed classes."""
    own, others = losses(results)
    with np.errstate(invalid="ignore", divide="ignore"):
        ratios = others / own
    means = ratios.mean(1)
    worst = list_removed(results)[int(means.argmax())]
    return lab.Found(student(ratios.mean(0)), f"worst for class {worst}: {means.max():.1%}")


def losses(results: pl.DataFrame) -> tuple[np.ndarray, np.ndarray]:
    """Return the loss of each removed class and the largest of another (at least 0): (removed classes, networks)."""
    drops = {int(name): relative_drops(results, name) for name in list_removed(results)}
    own = [each[:, label] for label, each in drops.items()]
    others = [np.delete(each, label, 1).max(1).clip(0) for label, each in drops.items()]
    return np.array(own), np.array(others)


def relative_drops(results: pl.DataFrame, name: str) -> np.ndarray:
    """Return the share of its accuracy that each class loses under the mask without class ``name``: (networks, 10).

    The accuracy under the control mask is the reference; NaN where it is 0.
    """
    control, without = accuracies(results, CONTROL), accuracies(results, WITHOUT + name)
    with np.errstate(invalid="ignore", divide="ignore"):
        return np.where(control > 0, (control - without) / control, np.nan)


def accuracies(results: pl.DataFrame, view: str) -> np.ndarray:
    """Return the accuracy by network and class: (networks, 10)."""
    return answers(results, view).diagonal(axis1=1, axis2=2)


def answers(results: pl.DataFrame, view: str) -> np.ndarray:
    """Return the share of the images of each class (rows) classified as each class (columns): (networks, 10, 10)."""
    rows = results.filter(model=view).sort("seed", "task")
    return rows.select(GIVEN + each for each in CLASSES).to_numpy().reshape(-1, len(CLASSES), len(CLASSES))


def list_removed(results: pl.DataFrame) -> list[str]:
    units = results["model"].unique(maintain_order=True)
    return [unit.removeprefix(WITHOUT) for unit in units if unit.startswith(WITHOUT)]


def confusions(rows: pl.DataFrame) -> pl.DataFrame:
    """Return one network's differences to the control mask, by removed class, class of the image and answer."""
    lines = []
    for name in list_removed(rows):
        (difference,) = answers(rows, WITHOUT + name) - answers(rows, CONTROL)
        lines += [(name, *map(str, pair), value) for pair, value in np.ndenumerate(difference)]
    schema = {"mask": pl.String, "class": pl.String, "answer": pl.String, "value": pl.Float64}
    return pl.DataFrame(lines, schema=schema, orient="row")


class Classifier(nn.Module):
    """A network from images (B, C, S, S) to logits (B, classes): 3 × 3 convolutions, ReLU, pooling, a spatial mean.

    Published: channels 32, 64, 128, 256; dropout 0.25 after the third convolution and 0.5 after the last
    (arXiv 2010.02066).
    """

    def __init__(self, in_channels: int, channels: tuple[int, ...], dropout: float) -> None:
        super().__init__()
        layers: list[nn.Module] = []
        for index, (inside, outside) in enumerate(itertools.pairwise((in_channels, *channels))):
            left = len(channels) - 1 - index
            layers += [nn.Conv2d(inside, outside, 3, padding=1), nn.ReLU()]
            layers += [nn.Dropout(dropout * 0.5**left)] if left < 2 else []
            layers += [nn.MaxPool2d(2, ceil_mode=True)] if index < 3 and left else []
        self.features = nn.Sequential(*layers)
        self.out = nn.Linear(channels[-1], len(CLASSES))

    def forward(self, images: Tensor) -> Tensor:
        return self.out(self.features(images).mean((-2, -1)))


@lru_cache(maxsize=2)
def images_of(data: str, device: str = "cpu") -> Digits:
    """Return the images of ``data``; each channel has mean 0 and deviation 1 over the training set.

    Raises:
        UserError: the files of the folder cannot be read.
    """
    folder = None if data == EMBEDDED else Path(data)
    found = load_cifar(folder) if folder and has_cifar(folder) else load_digits(folder)
    deviation, mean = torch.std_mean(found.training.images, (0, 2, 3), keepdim=True)
    parts = (found.training, found.validation, found.test)
    return Digits(*(DigitSet((part.images - mean) / deviation, part.labels).to(device) for part in parts))


@lru_cache(maxsize=16)
def indices_of(data: str, classes: tuple[str, ...], device: str) -> Tensor:
    """Return the indices of the images of these classes in the training set."""
    wanted = torch.tensor([int(each) for each in classes], device=device)
    return torch.isin(images_of(data, device).training.labels, wanted).nonzero()[:, 0]


def held_out(data: str) -> DigitSet:
    """Return the images that train no weight: validation and test."""
    one, other = images_of(data).validation, images_of(data).test
    return DigitSet(torch.cat([one.images, other.images]), torch.cat([one.labels, other.labels]))


def notes(config: ClassRemovalConfig) -> list[str]:
    return [
        "Accuracies are over images that are not in the training set (validation and test). Masks are thresholded at "
        "keep-probability 1/2.",
        f"Weights: Adam, learning rate 1e-3, batch {config.batch}, {config.steps:,} steps. Masks: Adam, learning "
        f"rate {config.mask_learning_rate:g} (published: 0.001), {config.mask_steps:,} steps, {MASKS} sampled per "
        f"step, sparsity penalty β = {config.strength:g} (published: 0.0003, for images with a far larger loss than "
        "digits); biases are masked too.",
        "control: the mask learned on all classes. without c: the mask learned on the nine other classes, still with "
        "ten possible answers. Its last layer has the control mask, so that the class is not just cut off there.",
        "The largest loss of another class is a maximum over nine classes: by chance alone it is above 0.",
    ]


def removal_study(config: ClassRemovalConfig, seed: int) -> MaskStudy:
    """Return the study of one network on images sampled with replacement; its error is over all training images."""

    def sample(u: Tensor, classes: tuple[str, ...]) -> tuple[Tensor, Tensor]:
        indices = indices_of(config.data, classes, config.device)
        part = images_of(config.data, config.device).training.part(indices[(u[0] * len(indices)).long()])
        return part.images, part.labels

    def loss(model: nn.Module, key: Tensor, _: Any) -> Tensor:
        images, labels = sample(ops.uniform(key, (1, config.batch)), CLASSES)
        return F.cross_entropy(model(images), labels)

    def error(model: nn.Module) -> Tensor:
        digits = images_of(config.data, config.device).training
        return (model(digits.images).argmax(-1) != digits.labels).double().mean()

    return MaskStudy(
        seed=seed,
        config=config,
        build=lambda: Classifier(images_of(config.data).training.images.shape[1], config.channels, config.dropout),
        # vmap over a single network makes a convolution slower
        train=replace(train_weights(config, loss, error), gradients=loop_gradients),
        sample=sample,
        loss=lambda model, images, labels: F.cross_entropy(model(images), labels),
        mask_config=published_mask_config(config, seed, config.mask_learning_rate),
        rounds=mask_rounds(config.removed),
        evaluate=partial(evaluate, config.data),
        tables=lambda rows: {"confusions": confusions(rows)},
    )


def evaluate(data: str, model: Model) -> Iterator[dict[str, Any]]:
    """Yield, for the images of each class, the share classified as each class."""
    digits = held_out(data)
    found = torch.cat([model(images).argmax(-1) for images in digits.images.split(1_000)])
    for label, name in enumerate(CLASSES):
        counts = torch.bincount(found[digits.labels == label], minlength=len(CLASSES)).double()
        shares = (counts / counts.sum()).tolist()
        yield {
            "task": f"class {name}",
            "split": f"{len(digits):,} images not trained on",
            "accuracy": shares[label],
            **{GIVEN + other: share for other, share in zip(CLASSES, shares, strict=True)},
        }


def mask_rounds(count: int) -> list[list[MaskSpec]]:
    """Return the control mask, then ``count`` masks without one class each, with the control mask's last layer."""
    without = [
        MaskSpec(
            WITHOUT + each,
            tuple(other for other in CLASSES if other != each),
            parameters=lambda name, parameter, owner: name not in LAST,
            network=lambda network, earlier: earlier[CONTROL].only(*LAST).prune(network),
            complete=lambda mask, earlier: Mask({**mask, **earlier[CONTROL].only(*LAST)}),
        )
        for each in CLASSES[:count]
    ]
    return [[MaskSpec(CONTROL, CLASSES, parameters=is_weight_or_bias)], without]


SMOKE = {"seeds": 1, "steps": 10, "mask_steps": 4, "eval_every": 5, "batch": 32}


@lab.experiment(
    papers=["2010.02066"],
    laptop=ClassRemovalConfig(
        channels=(16, 32, 64, 64), seeds=3, steps=2_000, mask_steps=3_000, strength=3e-3, eval_every=200
    ),
    paper=PAPER
    | {"data": lab.REQUIRED, "channels": (32, 64, 128, 256), "strength": 3e-4, "mask_learning_rate": 1e-3},
    smoke=SMOKE | {"channels": (4, 4, 4, 4), "removed": 2},
    findings=findings,
    notes=notes,
    outline=lambda config: networks_and_masks(config, 1 + config.removed),
    means=["accuracy", "kept_share"],
)
def modularity_class_removal(config: ClassRemovalConfig) -> Iterator[lab.Training]:
    lab.require(config.data, "--data DIR with the files of CIFAR-10's binary version")
    for seed in range(config.seeds):
        yield mask_training(removal_study(config, seed))
