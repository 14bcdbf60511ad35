"""An image classifier, and the masks of all classes and of all but one."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.digit_images import EMBEDDED
from extrapolate.experiments.modularity.class_removal.confusions import CLASSES, GIVEN, WITHOUT, confusions
from extrapolate.experiments.modularity.class_removal.network import Classifier
from extrapolate.experiments.modularity.class_removal.settings import ClassRemovalSettings
from extrapolate.experiments.modularity.dense import PUBLISHED_BATCH, table_plan
from extrapolate.experiments.modularity.settings import MASKS
from extrapolate.experiments.modularity.subject import CONTROL, Stage, Subject, View, under
from extrapolate.tasks import Digits, DigitSet, load_digits
from extrapolate.tasks.cifar import has_cifar, load_cifar
from extrapolate.training import Replicas
from extrapolate.training.gradients import one_by_one
from extrapolate.training.train_config import TrainConfig

if TYPE_CHECKING:
    from extrapolate.inspect import Learning, Mask
    from extrapolate.inspect.masks.choice import Choice

#: The last layer's tensors, whose masks are those of the control mask: a class is not cut off at its own output.
LAST = ("out.weight", "out.bias")


@dataclass(frozen=True)
class ClassRemoval(Subject):
    """All classes but one are a function of the network."""

    settings: ClassRemovalSettings

    def about(self) -> dict[str, Any]:
        return {"model": "CNN", "channels": list(self.settings.channels), "seed": self.seed}

    def build(self) -> nn.Module:
        images = images_of(self.settings.data).training.images
        return Classifier(images.shape[1], self.settings.channels, len(CLASSES), self.settings.dropout)

    def plan(self, replicas: Replicas) -> TrainConfig:
        digits = images_of(self.settings.data).training.to(replicas.device)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            chosen = (ops.uniform(key, (self.settings.batch,)) * len(digits)).long()
            return self.loss(model, digits.images[chosen], digits.labels[chosen])

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            def wrong(model: nn.Module) -> Tensor:
                return (model(digits.images).argmax(-1) != digits.labels).double().mean()

            return {"error": replicas.map(wrong)}

        # a convolution mapped over a single network is slower than that network
        return replace(table_plan(self.settings, loss, evaluate), gradients=one_by_one)

    @property
    def batch(self) -> int:
        return self.settings.batch

    @property
    def mask_steps(self) -> int:
        return self.settings.mask_steps

    def learning(self) -> "Learning":
        from extrapolate.inspect import Learning

        pressure = self.settings.strength / PUBLISHED_BATCH
        return Learning(masks=MASKS, pressure=pressure, learning_rate=self.settings.rate, seed=self.seed)

    @property
    def rounds(self) -> tuple[tuple[Stage, ...], ...]:
        left = [
            Stage(WITHOUT + each, tuple(other for other in CLASSES if other != each))
            for each in CLASSES[: self.settings.removed]
        ]
        return ((Stage(CONTROL, CLASSES),), tuple(left))

    def choose(self, stage: Stage) -> "Choice":
        from extrapolate.inspect import weights_and_biases

        if stage.name == CONTROL:
            return weights_and_biases
        return lambda name, parameter, owner: name not in LAST

    def module(self, stage: Stage, network: nn.Module, masks: "Mapping[str, Mask]") -> nn.Module:
        return network if stage.name == CONTROL else masks[CONTROL].only(*LAST).prune(network)

    def completed(self, stage: Stage, mask: "Mask", masks: "Mapping[str, Mask]") -> "Mask":
        from extrapolate.inspect import Mask

        return mask if stage.name == CONTROL else Mask({**mask, **masks[CONTROL].only(*LAST)})

    def drawn(self, u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, ...]:
        digits = _of_classes(self.settings.data, functions)
        chosen = (u[0].cpu() * len(digits)).long()
        return digits.images[chosen].to(u.device), digits.labels[chosen].to(u.device)

    def loss(self, model: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        images, labels = batch
        return F.cross_entropy(model(images), labels)

    def asked(self, model: Callable[..., Tensor]) -> Iterator[dict[str, Any]]:
        """Of the images of each class, the share that is given each class."""
        digits = held_out(self.settings.data)
        found = torch.cat([model(images).argmax(-1) for images in digits.images.split(1_000)])
        for number, name in enumerate(CLASSES):
            given = torch.bincount(found[digits.labels == number], minlength=len(CLASSES)).double()
            shares = (given / given.sum()).tolist()
            yield {
                "operation": f"class {name}",
                "range": f"{len(digits):,} images not trained on",
                "accuracy": shares[number],
                **{GIVEN + other: share for other, share in zip(CLASSES, shares, strict=True)},
            }

    def views(self, network: nn.Module, masks: "Mapping[str, Mask]") -> Iterator[View]:
        yield View("unmasked", network)
        yield from under(network, masks)

    def page_tables(self, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {"confusions": confusions(rows)}


@lru_cache(maxsize=2)
def images_of(data: str) -> Digits:
    """The images that ``--data`` names, each number of a colour less its mean over the training set, over its spread.

    Raises:
        UserError: the folder lacks files, or they are damaged.
    """
    folder = None if data == EMBEDDED else Path(data)
    found = load_cifar(folder) if folder and has_cifar(folder) else load_digits(folder)
    spread, mean = torch.std_mean(found.training.images, (0, 2, 3), keepdim=True)
    return Digits(
        *(
            DigitSet((part.images - mean) / spread, part.labels)
            for part in (found.training, found.validation, found.test)
        )
    )


@lru_cache(maxsize=16)
def _of_classes(data: str, classes: tuple[str, ...]) -> DigitSet:
    training = images_of(data).training
    wanted = torch.tensor([int(each) for each in classes])
    return training.part(torch.isin(training.labels, wanted).nonzero()[:, 0])


def held_out(data: str) -> DigitSet:
    """The images that no weight was trained on: validation and test."""
    found = images_of(data)
    images, labels = zip(
        *((part.images, part.labels) for part in (found.validation, found.test)), strict=True
    )
    return DigitSet(torch.cat(images), torch.cat(labels))
