"""One output layer: all its seeds trained at once."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.digit_images import adam, digits_of
from extrapolate.experiments.digits_parity.models import HEADS, Counter
from extrapolate.experiments.digits_parity.settings import DigitsParitySettings
from extrapolate.tasks import EvenDigits
from extrapolate.training import History, LinearDecay, Replicas
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE = 3e-3

#: The share of pictures that must be counted rightly.
ENOUGH = 0.9


@dataclass(frozen=True)
class DigitsParityPart:
    """Replica ``i`` has seed ``i``."""

    head: str
    settings: DigitsParitySettings

    @property
    def name(self) -> str:
        return self.head

    @property
    def task(self) -> EvenDigits:
        return EvenDigits(digits_of(self.settings.data).to(self.settings.device))

    def about(self) -> dict[str, Any]:
        return {"head": self.head, "size": self.task.size, "seeds": self.settings.seeds}

    def replicas(self) -> Replicas:
        size = self.task.size

        def build() -> nn.Module:
            return Counter(size, HEADS[self.head]())

        return Replicas.build(build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, task = self.settings, self.task
        pictures, answers = task.splits()["validation"]

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            shown, count = task.sample(settings.batch, key)
            return (model(shown) - count).square().mean()

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            with torch.no_grad():
                error = replicas.map(lambda model: (model(pictures) - answers).square().mean())
            return {"validation_error": error}

        return TrainConfig(
            loss=loss,
            optimizer=adam(LEARNING_RATE),
            lr_schedule=LinearDecay(settings.steps),
            steps=settings.steps,
            evaluate=evaluate,
            eval_every=settings.evaluate_every,
            monitor="validation_error",
            compile=False,  # patches and products of many sizes: compiling takes longer than it saves
        )

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count, task = len(replicas), self.task
        splits = task.splits()
        accuracy, more = (_accuracy(replicas, task, *splits[name]) for name in ("interpolation", "test"))
        return pl.DataFrame(
            {
                "unit": [self.head] * count,
                "operation": ["counting even digits"] * count,
                "range": [f"up to {task.most} digits"] * count,
                "seed": list(replicas.seeds),
                "solved": (accuracy >= ENOUGH).tolist(),
                "validation_error": history.at_best("validation_error").tolist(),
                "accuracy": accuracy.tolist(),
                "accuracy_more": more.tolist(),
                "best_step": history.best_step.tolist(),
                "steps": [self.settings.steps] * count,
            }
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}


def _accuracy(replicas: Replicas, task: EvenDigits, pictures: Tensor, answers: Tensor) -> Tensor:
    """The share (R,) of the pictures whose number is right."""
    with torch.no_grad():
        return replicas.map(lambda model: task.solved(model(pictures), answers).double().mean())
