"""One output layer: all its seeds trained at once."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.digit_images import adam, digits_of
from extrapolate.experiments.digits_parity.models import HEADS, Counter
from extrapolate.experiments.digits_parity.settings import DigitsParitySettings
from extrapolate.tasks import DigitSet, EvenDigits
from extrapolate.training import History, LinearDecay, Replicas
from extrapolate.training.plan import Plan

LEARNING_RATE = 3e-3

#: Pictures that choose the best step, and that are tested on; their seeds, the same for all.
VALIDATED, TESTED = 500, 1_000
VALIDATION_SEED, TEST_SEED = 1, 2

#: The share of pictures that must be counted rightly.
ENOUGH = 0.9

#: As it is trained, and with more digits than any picture that was trained on.
TASK, MORE = EvenDigits(), EvenDigits(fewest=6, most=9)


@dataclass(frozen=True)
class DigitsParityPart:
    """Replica ``i`` has seed ``i``."""

    head: str
    settings: DigitsParitySettings

    @property
    def name(self) -> str:
        return self.head

    def _size(self) -> int:
        return TASK.side * digits_of(self.settings.data).training.size

    def about(self) -> dict[str, Any]:
        return {"head": self.head, "size": self._size(), "seeds": self.settings.seeds}

    def replicas(self) -> Replicas:
        size = self._size()

        def build() -> nn.Module:
            return Counter(size, HEADS[self.head]())

        return Replicas.build(build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> Plan:
        settings, digits = self.settings, digits_of(self.settings.data)
        training = digits.training.to(replicas.device)
        validation = digits.validation.to(replicas.device)
        pictures, answers = _fixed(TASK, validation, VALIDATED, VALIDATION_SEED)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            u = ops.uniform(key, (settings.batch, TASK.numbers))
            shown, count = TASK.pictured(training, u)
            return (model(shown) - count).square().mean()

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            with torch.no_grad():
                error = replicas.map(lambda model: (model(pictures) - answers).square().mean())
            return {"validation_error": error}

        return Plan(
            loss=loss,
            optimizer=adam(LEARNING_RATE),
            rate=LinearDecay(settings.steps),
            steps=settings.steps,
            evaluate=evaluate,
            evaluate_every=settings.evaluate_every,
            best_by="validation_error",
            compile=False,  # patches and products of many sizes: compiling takes longer than it saves
        )

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count = len(replicas)
        test = digits_of(self.settings.data).test.to(replicas.device)
        accuracy, more = (_right(replicas, *_fixed(task, test, TESTED, TEST_SEED)) for task in (TASK, MORE))
        return pl.DataFrame(
            {
                "unit": [self.head] * count,
                "operation": ["counting even digits"] * count,
                "range": [f"up to {TASK.most} digits"] * count,
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


def _fixed(task: EvenDigits, digits: DigitSet, count: int, seed: int) -> tuple[Tensor, Tensor]:
    """Pictures of ``digits`` and their answers, the same for all models."""
    u = torch.rand((count, task.numbers), generator=torch.Generator().manual_seed(seed))
    return task.pictured(digits, u.to(digits.labels.device))


def _right(replicas: Replicas, pictures: Tensor, answers: Tensor) -> Tensor:
    """The share of the pictures (R,) whose number is right once rounded."""
    with torch.no_grad():
        return replicas.map(lambda model: (model(pictures).round() == answers).double().mean())
