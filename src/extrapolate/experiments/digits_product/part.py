"""One way to multiply, on one kind of images: all its seeds trained at once."""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate import ops
from extrapolate.experiments.digit_images import BETAS, digits_of
from extrapolate.experiments.digits_product.models import READERS, UNITS, Multiplier, canvas_of
from extrapolate.experiments.digits_product.settings import DigitsProductSettings
from extrapolate.tasks import ByDigit, DigitPairs
from extrapolate.training import History, LinearDecay, Penalty, Replicas, Warmup
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE, PENALTY = 5e-3, 100.0

#: The units whose own penalty counts, and that are published with it.
PENALISED = ("NMU", "StochasticNMU", "BatchStochasticNMU")

#: The share of products of unseen pairs that must be right.
ENOUGH = 0.9

TITLES = {"isolated": "digits side by side", "colour": "digits in two colours, anywhere"}
DIGITS = [f"digit_{digit}" for digit in range(10)]


@dataclass(frozen=True)
class DigitsProductPart:
    """Replica ``i`` has seed ``i`` and does not see the pairs of fold ``i``."""

    unit: str
    images: str
    settings: DigitsProductSettings

    @property
    def name(self) -> str:
        return f"{self.unit}-{self.images}"

    @property
    def task(self) -> DigitPairs:
        digits = digits_of(self.settings.data).to(self.settings.device)
        canvas = None if self.images == "isolated" else canvas_of(digits.training.size)
        return DigitPairs(digits, canvas=canvas)

    def about(self) -> dict[str, Any]:
        size = digits_of(self.settings.data).training.size
        return {"unit": self.unit, "images": self.images, "size": size, "seeds": self.settings.seeds}

    def replicas(self) -> Replicas:
        size = digits_of(self.settings.data).training.size

        def build() -> nn.Module:
            return Multiplier(READERS[self.images](size), UNITS[self.unit]())

        return Replicas.build(build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, task = self.settings, self.task
        training, validation, test = (
            ByDigit.of(each) for each in (task.digits.training, task.digits.validation, task.digits.test)
        )
        pairs = [replace(task, fold=seed).pairs for seed in replicas.seeds]
        seen, unseen = (torch.stack(each) for each in zip(*pairs, strict=True))

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            u = ops.uniform(key, (settings.batch, task.numbers))
            return _squared_error(model, *task.render(training, given["seen"], u))

        def measures(model: nn.Module, seen: Tensor, unseen: Tensor, u: Tensor) -> dict[str, Tensor]:
            known, labels = _right(model, *task.render(test, seen, u))
            new, _ = _right(model, *task.render(test, unseen, u))
            return {
                "validation_error": _squared_error(model, *task.render(validation, seen, u)),
                "seen_accuracy": known,
                "unseen_accuracy": new,
                "label_accuracy": labels.mean(),
                **dict(zip(DIGITS, labels.unbind(), strict=True)),
            }

        call = vmap(replicas.bind(measures, training=False), in_dims=(0, 0, None, 0, 0, None))
        u = task.fixed_numbers()

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            with torch.no_grad():
                return call(replicas.parameters, replicas.buffers, None, seen, unseen, u)

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(
                parameters, lr=LEARNING_RATE, betas=BETAS, fused=True
            ),
            lr_schedule=LinearDecay(settings.steps),
            steps=settings.steps,
            evaluate=evaluate,
            eval_every=settings.evaluate_every,
            monitor="validation_error",
            per_replica={"seen": seen},
            penalties=self._penalties(),
            solved=lambda measures: measures["unseen_accuracy"] >= ENOUGH,
            compile=False,  # patches and products of many sizes: compiling takes longer than it saves
        )

    def _penalties(self) -> tuple[Penalty, ...]:
        """The units' own, growing from 3 % to 4 % of the steps, as published."""
        if self.unit not in PENALISED:
            return ()
        steps = self.settings.steps
        return (Penalty(Warmup(4 * steps // 100 + 1, 3 * steps // 100, PENALTY)),)

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count = len(replicas)
        measured = ["validation_error", "seen_accuracy", "unseen_accuracy", "label_accuracy", *DIGITS]
        return pl.DataFrame(
            {
                "unit": [self.unit] * count,
                "operation": ["multiplying two digits"] * count,
                "range": [TITLES[self.images]] * count,
                "seed": list(replicas.seeds),
                "solved": (history.at_best("unseen_accuracy") >= ENOUGH).tolist(),
                **{name: history.at_best(name).tolist() for name in measured},
                "evaluated": [history.steps.tolist()] * count,
                "label_accuracies": history.metrics["label_accuracy"].T.tolist(),
                "best_step": history.best_step.tolist(),
                "steps": [self.settings.steps] * count,
            }
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}


def _squared_error(model: nn.Module, images: Tensor, labels: Tensor) -> Tensor:
    _, product = model(images)
    return (product[..., 0] - labels.prod(-1)).square().mean()


def _right(model: nn.Module, images: Tensor, labels: Tensor) -> tuple[Tensor, Tensor]:
    """Shares of what is right once rounded: of the products, and of the labels of each digit, (10,).

    A product says nothing of the order of its factors: that of the labels counts which is right more often.
    """
    said, product = model(images)
    in_order, swapped = (each.round() == labels for each in (said, said.flip(-1)))
    right = torch.where(swapped.sum() > in_order.sum(), swapped, in_order)
    shown = torch.eye(len(DIGITS), dtype=torch.float64, device=labels.device)[labels]
    by_digit = (right[..., None] * shown).sum((0, 1)) / shown.sum((0, 1))
    return (product[..., 0].round() == labels.prod(-1)).double().mean(), by_digit
