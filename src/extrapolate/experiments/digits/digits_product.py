"""Products of two digit images: are the digits recognised without digit labels, and are new pairs multiplied?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn, ops
from extrapolate.experiments import lab
from extrapolate.experiments.digits._images import DeepEncoder, DigitConfig, adam, digits_of
from extrapolate.tasks import DigitPairs
from extrapolate.tasks.digit_pairs import ByDigit
from extrapolate.training import LinearDecay, Penalty, Replicas, Warmup

#: A model counts as solved from this share of correct products of unseen pairs.
ENOUGH = 0.9


def sample(images: Tensor, theta: Tensor, size: int) -> Tensor:
    """Sample images (B, C, L, L) bilinearly at the affine maps ``theta`` (B, 2, 3); return (B, C, size, size).

    Coordinates run from -1 to 1 along both sides, x before y. Pixels outside the image are 0. Source: Jaderberg et
    al. 2015.
    """
    side = images.shape[-1]
    step = (2 * torch.arange(size, device=images.device) + 1) / size - 1
    y, x = torch.meshgrid(step, step, indexing="ij")
    grid = torch.stack([x, y, torch.ones_like(x)], -1).flatten(0, 1)
    points = ((grid @ theta.mT + 1) * side - 1) / 2
    pixels = torch.arange(side, device=images.device)
    near_x, near_y = torch.relu(1 - (points[..., None] - pixels).abs()).unbind(-2)
    columns = torch.einsum("bpj,bcij->bcpi", near_x, images)
    return torch.einsum("bcpi,bpi->bcp", columns, near_y).unflatten(-1, (size, size))


class Located(torch_nn.Module):
    """Maps a canvas (B, 2, L, L) with one digit per colour to logits (B, 2, 10).

    Two spatial transformers find one digit each. One encoder reads both crops; each crop has its own last layer.
    Source: the model without concatenation of Mistry, Farrahi & Hare 2022, with affine maps.
    """

    def __init__(self, size: int, canvas: int) -> None:
        super().__init__()
        self.size = size
        self.finders = torch_nn.ModuleList()
        for _ in range(2):
            encoder, theta = nn.ConvEncoder(canvas, 32, colours=2), torch_nn.Linear(32, 6)
            torch_nn.init.zeros_(theta.weight)
            theta.bias.data = torch.eye(2, 3).flatten()  # initially the identity map for every input
            self.finders.append(torch_nn.Sequential(encoder, torch_nn.ReLU(), theta))
        self.encoder = DeepEncoder(size, 64, colours=2)
        self.last = torch_nn.ModuleList(torch_nn.Linear(64, 10) for _ in range(2))

    def forward(self, images: Tensor) -> Tensor:
        crops = [sample(images, find(images).unflatten(-1, (2, 3)), self.size) for find in self.finders]
        features = [torch.relu(self.encoder(crop)) for crop in crops]
        return torch.stack([last(each) for last, each in zip(self.last, features, strict=True)], -2)


class FixedProduct(torch_nn.Module):
    """Maps labels (..., 2) to their product (..., 1), without parameters."""

    def forward(self, labels: Tensor) -> Tensor:
        return labels.prod(-1, keepdim=True)


#: The units that multiply two labels, by name.
UNITS: dict[str, Callable[[], torch_nn.Module]] = {
    "NMU": partial(nn.NMU, 2, 1),
    "StochasticNMU": partial(nn.StochasticNMU, 2, 1),
    "BatchStochasticNMU": partial(nn.BatchStochasticNMU, 2, 1),
    "product": FixedProduct,
    "MLP": partial(nn.MLP, 2, 1),
}


class Multiplier(torch_nn.Module):
    """Maps images to their labels (B, 2) and the product (B, 1). A label is the mean digit under a softmax.

    Digits are ``size`` × ``size`` pixels, on a canvas of ``canvas`` × ``canvas`` pixels or as two images (None).
    """

    def __init__(self, model_name: str, size: int, canvas: int | None) -> None:
        super().__init__()
        self.reader = DeepEncoder(size, 10) if canvas is None else Located(size, canvas)
        self.layer = UNITS[model_name]()

    def forward(self, images: Tensor) -> tuple[Tensor, Tensor]:
        logits = self.reader(images)
        labels = torch.softmax(logits, -1) @ torch.arange(10, dtype=logits.dtype, device=logits.device)
        return labels, self.layer(labels)


#: The arrangements of the two digits, by their name in ``--images``.
ARRANGEMENTS = {"isolated": "digits side by side", "colour": "digits in two colours, anywhere"}


def findings(config: Any) -> Iterator[lab.Finding]:
    for arrangement in ARRANGEMENTS.values():
        for column, unit in (("label_accuracy", "NMU"), ("unseen_accuracy", "MLP")):
            more, less = ({"split": arrangement, "model": each} for each in ("StochasticNMU", unit))
            id = f"StochasticNMU/{{arrangement}}/{column}-over-{unit}"
            yield lab.Finding(id, lab.difference(column, more, less), {"arrangement": arrangement})


#: Shares of correct products (seen pairs, unseen pairs) and of correct labels (mean over the digits, each digit).
SHARES = ["seen_accuracy", "unseen_accuracy", "label_accuracy", *(f"digit_{digit}" for digit in range(10))]


def squared_error(model: torch_nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    _, product = model(images)
    return (product[..., 0] - labels.prod(-1)).square().mean()


def share_right(model: torch_nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Return the shares that are correct after rounding: of the products, and of the labels by digit (10,).

    A product does not determine the order of its factors. The labels count in the order with more correct ones.
    """
    predicted, product = model(images)
    in_order, swapped = (each.round() == labels for each in (predicted, predicted.flip(-1)))
    correct = torch.where(swapped.sum() > in_order.sum(), swapped, in_order)
    one_hot = torch.eye(10, dtype=torch.float64, device=labels.device)[labels]
    by_digit = (correct[..., None] * one_hot).sum((0, 1)) / one_hot.sum((0, 1))
    return (product[..., 0].round() == labels.prod(-1)).double().mean(), by_digit


@dataclass(frozen=True, kw_only=True)
class DigitsProductConfig(DigitConfig):
    """Options of the products of two digits: Adam, squared error of the product, no supervision of the labels."""

    units: tuple[str, ...] = lab.names(
        UNITS, "Units that multiply the labels", "unit", default=("NMU", "StochasticNMU", "product", "MLP")
    )
    images: tuple[str, ...] = lab.names(
        ARRANGEMENTS,
        "Images to train on: isolated (two images) or colour (one canvas, one colour per digit)",
        "kind of images",
        default=("isolated",),
    )


def notes(config: DigitsProductConfig) -> list[str]:
    return [
        "Adam (second decay 0.99), learning rate 0.005, decreasing linearly to 0 (published: 0.001, constant), "
        f"squared error of the product, {config.batch} pictures per step. Penalty 100 on the NMU and its stochastic "
        f"variants, growing from 3 % to 4 % of the steps. Images: {config.data}; the splits share no image.",
        "A label is the mean digit under the softmax of an encoder's output. In colour, each digit is at a random "
        "position of its own channel, on a canvas 1.5 times as large. Two spatial transformers with affine maps "
        "(published: thin plate splines too) find one digit each.",
        "Training leaves out ten of the 100 ordered pairs of digits; the seed selects them (ten folds, as "
        "published). Tested on 400 pictures of seen pairs and 400 of unseen pairs, at the step with the lowest "
        f"validation error on seen pairs. Solved: at least {ENOUGH:.0%} of the products of unseen pairs are correct. "
        "Labels are compared in the order with more correct ones, since a product has no order.",
        lab.intervals_note("Wilson for success rates", "Student's t for shares and their differences"),
    ]


def train_unit(config: DigitsProductConfig, model_name: str, images: str) -> lab.Training:
    """Make the training of a unit on a kind of images, all seeds at once. Seed s leaves out the pairs of fold s."""
    digits = digits_of(config.data, config.device)
    size = digits.training.size
    canvas = 3 * size // 2 if images == "colour" else None  # as published: 42 for 28
    task = DigitPairs(digits, canvas=canvas)
    pairs = [replace(task, fold=seed).pairs for seed in range(config.seeds)]
    seen, unseen = (torch.stack(each) for each in zip(*pairs, strict=True))
    training, validation, test = map(ByDigit.of, (digits.training, digits.validation, digits.test))
    u = task.sample_fixed()

    def loss(model: torch_nn.Module, key: Tensor, inputs: dict[str, Tensor]) -> Tensor:
        random = ops.uniform(key, (config.batch, task.draws))
        return squared_error(model, *task.render(training, inputs["seen"], random))

    def errors(model: torch_nn.Module, seen: Tensor, unseen: Tensor) -> dict[str, Tensor]:
        known, labels = share_right(model, *task.render(test, seen, u))
        new, _ = share_right(model, *task.render(test, unseen, u))
        error = squared_error(model, *task.render(validation, seen, u))
        shares = known, new, labels.mean(), *labels.unbind()
        return {"validation_error": error, **dict(zip(SHARES, shares, strict=True))}

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return replicas.vmap(errors, seen, unseen)

    def measure(trained: lab.Trained) -> dict[str, Any]:
        history = trained.history
        return {
            "solved": history.at_best("unseen_accuracy") >= ENOUGH,
            **{name: history.at_best(name) for name in ("validation_error", *SHARES)},
            "evaluated": [history.steps.tolist()] * config.seeds,
            "label_accuracies": history.metrics["label_accuracy"].T,
            "best_step": history.best_step,
            "steps": config.steps,
        }

    return lab.Training(
        name=f"{model_name}-{images}",
        labels={"model": model_name, "task": "multiplying two digits", "split": ARRANGEMENTS[images]},
        build=partial(Multiplier, model_name, size, canvas),
        train=replace(
            config.train(loss, adam(5e-3), evaluate, "validation_error"),
            lr_schedule=LinearDecay(config.steps),
            per_replica={"seen": seen},
            # from 3 % to 4 % of the steps, as published
            penalties=(Penalty(Warmup(4 * config.steps // 100 + 1, 3 * config.steps // 100, scale=100.0)),),
            solved=lambda measures: measures["unseen_accuracy"] >= ENOUGH,
        ),
        measure=measure,
        config=config,
    )


@lab.experiment(
    papers=["2211.05624"],
    laptop=DigitsProductConfig(seeds=10, steps=6_000, eval_every=500, batch=32),
    paper={
        "units": tuple(UNITS),
        "images": tuple(ARRANGEMENTS),
        "data": lab.REQUIRED,
        "steps": 700_000,
        "eval_every": 7_000,
        "batch": 128,
    },
    smoke={
        "units": ("StochasticNMU", "MLP"),
        "images": tuple(ARRANGEMENTS),
        "steps": 4,
        "eval_every": 2,
        "batch": 2,
    },
    findings=findings,
    notes=notes,
    means=SHARES,
)
def digits_product(config: DigitsProductConfig) -> Iterator[lab.Training]:
    for images in config.images:
        for unit in config.units:
            yield train_unit(config, unit, images)
