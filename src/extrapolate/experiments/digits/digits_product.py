"""Products of two digits: the labels that nobody supervised, and pairs never seen."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.config import REQUIRED, names
from extrapolate.experiments.digits._images import BETAS, DigitConfig, adam, digits_of
from extrapolate.experiments.digits._product_models import READERS, UNITS, Multiplier, canvas_of
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, above, difference
from extrapolate.experiments.summary import means, summarize
from extrapolate.experiments.training import Trained, Training
from extrapolate.tasks import ByDigit, DigitPairs
from extrapolate.tasks.digit_pairs import TESTED
from extrapolate.training import LinearDecay, Penalty, Replicas, Warmup
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE, PENALTY = 5e-3, 100.0

#: The units that are published with a penalty of their own.
PENALISED = ("NMU", "StochasticNMU", "BatchStochasticNMU")

#: The share of products of unseen pairs that must be right.
ENOUGH = 0.9

TITLES = {"isolated": "digits side by side", "colour": "digits in two colours, anywhere"}

DIGITS = [f"digit_{digit}" for digit in range(10)]

#: Shares of products that are right, of seen and of unseen pairs; of labels, mean over the digits and by digit.
SHARES = ("seen_accuracy", "unseen_accuracy", "label_accuracy", *DIGITS)

# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 2211.05624, static MNIST product; in figures only"


def findings(config: Any) -> Iterator[Finding]:
    """Both findings on the stochastic unit, for each kind of images."""
    for shown in TITLES.values():
        yield _more_right(
            shown,
            "label_accuracy",
            "NMU",
            "reads more labels correctly, which nobody supervised, than the NMU",
            "better labels upstream",
        )
        yield _more_right(
            shown,
            "unseen_accuracy",
            "MLP",
            "multiplies more of the pairs that it never saw correctly than the MLP",
            "an MLP does not extrapolate to unseen pairs",
        )


def _more_right(shown: str, column: str, than: str, text: str, published: str) -> Finding:
    return Finding(
        f"StochasticNMU/{shown}/{column}-over-{than}",
        f"{shown}: the StochasticNMU {text} (measured: the difference of the shares, seed by seed)",
        f"{published} ({SOURCE})",
        difference(column, {"range": shown, "unit": "StochasticNMU"}, {"range": shown, "unit": than}),
        above(0),
    )


def summary(results: pl.DataFrame) -> pl.DataFrame:
    """Success rates, and the shares of products and labels that are right."""
    return pl.concat([summarize(results), means(results, SHARES)])


# ---------------------------------------------------------------------------------------------------- experiment


@dataclass(frozen=True, kw_only=True)
class DigitsProductConfig(DigitConfig):
    """Adam, squared error of the product; the labels are not supervised."""

    units: tuple[str, ...] = names(
        UNITS, "Units that multiply the labels", "unit", default=("NMU", "StochasticNMU", "product", "MLP")
    )
    images: tuple[str, ...] = names(
        READERS, "How the two digits are shown", "kind of images", default=("isolated",)
    )


def notes(config: DigitsProductConfig) -> list[str]:
    """How the models were trained and judged."""
    return [
        f"Adam (second decay {BETAS[1]:g}), learning rate {LEARNING_RATE:g}, decreasing linearly to 0 (published: "
        f"0.001, constant), squared error of the product, {config.batch} pictures per step. Penalty {PENALTY:g} on "
        f"the NMU and its stochastic forms, growing from 3 % to 4 % of the steps. Images: {config.data}; training, "
        "validation and test share no image.",
        "Of the 100 ordered pairs of digits ten are never seen in training; the seed chooses which (ten folds, as "
        "published).",
        "One encoder for both digits: two 3 × 3 convolutions with stride 2 (8 and 16 channels) and two linear layers "
        "(64, then 10). A label is the mean digit under the softmax of its output.",
        "In colour: each digit lies at a random position of its own channel, on a canvas 1.5 times as large. Two "
        "spatial transformers with affine maps (published: thin plate splines too) find one digit each.",
        f"Tested on {TESTED} pictures of seen and {TESTED} of unseen pairs, of test images, at the step with the "
        "lowest validation error on seen pairs. The order of the two labels is that in which more of them are right, "
        f"since a product has no order. Solved: at least {ENOUGH:.0%} of the products of unseen pairs are right.",
        intervals_note("Wilson for success rates", "Student's t for shares and their differences"),
    ]


def train_unit(
    config: DigitsProductConfig, unit: str, images: str, task: DigitPairs, by_digit: Mapping[str, ByDigit]
) -> Training:
    """One unit on one kind of images, all seeds at once: the model of seed s does not see the pairs of fold s."""
    pairs = [replace(task, fold=seed).pairs for seed in range(config.seeds)]
    seen, unseen = (torch.stack(each) for each in zip(*pairs, strict=True))
    u = task.fixed_numbers()

    def build() -> nn.Module:
        return Multiplier(READERS[images](task.digits.training.size), UNITS[unit]())

    def loss(model: nn.Module, key: Tensor, own: dict[str, Tensor]) -> Tensor:
        numbers = ops.uniform(key, (config.batch, task.numbers))
        return squared_error(model, *task.render(by_digit["training"], own["seen"], numbers))

    def errors(model: nn.Module, seen: Tensor, unseen: Tensor) -> dict[str, Tensor]:
        known, labels = share_right(model, *task.render(by_digit["test"], seen, u))
        new, _ = share_right(model, *task.render(by_digit["test"], unseen, u))
        return {
            "validation_error": squared_error(model, *task.render(by_digit["validation"], seen, u)),
            "seen_accuracy": known,
            "unseen_accuracy": new,
            "label_accuracy": labels.mean(),
            **dict(zip(DIGITS, labels.unbind(), strict=True)),
        }

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return replicas.map(errors, seen, unseen)

    def measure(trained: Trained) -> dict[str, Any]:
        history = trained.history
        return {
            "solved": history.at_best("unseen_accuracy") >= ENOUGH,
            **{name: history.at_best(name) for name in ("validation_error", *SHARES)},
            "evaluated": [history.steps.tolist()] * config.seeds,
            "label_accuracies": history.metrics["label_accuracy"].T,
            "best_step": history.best_step,
            "steps": config.steps,
        }

    return Training(
        name=f"{unit}-{images}",
        labels={"unit": unit, "operation": "multiplying two digits", "range": TITLES[images]},
        build=build,
        seeds=range(config.seeds),
        train=TrainConfig(
            loss=loss,
            optimizer=adam(LEARNING_RATE),
            lr_schedule=LinearDecay(config.steps),
            steps=config.steps,
            evaluate=evaluate,
            eval_every=config.eval_every,
            monitor="validation_error",
            per_replica={"seen": seen},
            penalties=penalties(unit, config.steps),
            solved=lambda measures: measures["unseen_accuracy"] >= ENOUGH,
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )


def penalties(unit: str, steps: int) -> tuple[Penalty, ...]:
    """The units' own, growing from 3 % to 4 % of the steps, as published."""
    if unit not in PENALISED:
        return ()
    return (Penalty(Warmup(4 * steps // 100 + 1, 3 * steps // 100, PENALTY)),)


def squared_error(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    """The mean squared error of the products."""
    _, product = model(images)
    return (product[..., 0] - labels.prod(-1)).square().mean()


def share_right(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Shares that are right after rounding: of the products, and of the labels of each digit, (10,).

    A product does not determine the order of its factors: the labels are taken in the order in which more are right.
    """
    read, product = model(images)
    in_order, swapped = (each.round() == labels for each in (read, read.flip(-1)))
    right = torch.where(swapped.sum() > in_order.sum(), swapped, in_order)
    one_hot = torch.eye(len(DIGITS), dtype=torch.float64, device=labels.device)[labels]
    by_digit = (right[..., None] * one_hot).sum((0, 1)) / one_hot.sum((0, 1))
    return (product[..., 0].round() == labels.prod(-1)).double().mean(), by_digit


@experiment(
    source="Mistry, Farrahi & Hare, Improving the Robustness of Neural Multiplication Units with Reversible "
    "Stochasticity (arXiv 2211.05624, 2022)",
    laptop=DigitsProductConfig(seeds=10, steps=6_000, eval_every=500, batch=32),
    paper={
        "units": tuple(UNITS),
        "images": tuple(READERS),
        "data": REQUIRED,
        "steps": 700_000,
        "eval_every": 7_000,
        "batch": 128,
    },
    smoke={
        "units": ("StochasticNMU", "MLP"),
        "images": tuple(READERS),
        "steps": 4,
        "eval_every": 2,
        "batch": 2,
    },
    findings=findings,
    notes=notes,
    summary=summary,
)
def digits_product(config: DigitsProductConfig) -> Iterator[Training]:
    digits = digits_of(config.data, config.device)
    by_digit = {name: ByDigit.of(getattr(digits, name)) for name in ("training", "validation", "test")}
    canvases = {"isolated": None, "colour": canvas_of(digits.training.size)}
    for images in config.images:
        for unit in config.units:
            yield train_unit(config, unit, images, DigitPairs(digits, canvas=canvases[images]), by_digit)
