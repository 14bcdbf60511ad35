"""One kind of model on one task: all its seeds trained at once."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.digits_sequence.models import KINDS, Kind, Reader
from extrapolate.experiments.digits_sequence.settings import EMBEDDED, DigitsSequenceSettings
from extrapolate.tasks import DIGIT_SEQUENCES, Digits, DigitSequence, DigitSet, load_digits
from extrapolate.training import History, Penalty, Plan, Ramp, Replicas

LEARNING_RATE = 1e-2

#: Images in the sequences that are trained on.
LENGTH = 10

#: Sequences that choose the best step, and that each length is tested on; their seeds, the same for all.
VALIDATED, TESTED = 200, 50
VALIDATION_SEED, TEST_SEED = 1, 2


@dataclass(frozen=True)
class DigitsSequencePart:
    """Replica ``i`` has seed ``i``."""

    model: str
    task: str
    settings: DigitsSequenceSettings

    @property
    def name(self) -> str:
        return f"{self.model}-{self.task}"

    @property
    def kind(self) -> Kind:
        return KINDS[self.model]

    @property
    def rule(self) -> DigitSequence:
        return DIGIT_SEQUENCES[self.task]

    def digits(self) -> Digits:
        return load_digits(None if self.settings.data == EMBEDDED else Path(self.settings.data))

    def about(self) -> dict[str, Any]:
        size = self.digits().training.size
        return {"model": self.model, "task": self.task, "size": size, "seeds": self.settings.seeds}

    def replicas(self) -> Replicas:
        size = self.digits().training.size

        def build() -> nn.Module:
            return Reader(size, self.kind.memory(self.rule.outputs))

        return Replicas.build(build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> Plan:
        settings, rule = self.settings, self.rule
        digits = self.digits()
        training, validation = digits.training.to(replicas.device), digits.validation.to(replicas.device)
        chosen = rule.draw(VALIDATED, LENGTH, len(validation), torch.Generator().manual_seed(VALIDATION_SEED))

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            drawn = (ops.uniform(key, (LENGTH, settings.batch)) * len(training)).long()
            target = rule.answer(training.labels[drawn].movedim(0, -1))
            return (model(training.images[drawn]) - target).square().mean()

        return Plan(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True),
            steps=settings.steps,
            evaluate=lambda replicas: {"validation_error": self._error(replicas, validation, chosen)},
            evaluate_every=settings.evaluate_every,
            best_by="validation_error",
            penalties=self._penalties(),
            solved=lambda measures: measures["validation_error"] < rule.threshold(LENGTH),
            compile=False,  # ten steps unrolled are more code than a compiler can fuse in a minute
        )

    def _penalties(self) -> tuple[Penalty, ...]:
        """The units' own, growing over the second half of the training."""
        if not self.kind.penalty:
            return ()
        return (Penalty(Ramp(self.kind.penalty, self.settings.steps // 2, self.settings.steps)),)

    def _error(self, replicas: Replicas, digits: DigitSet, chosen: Tensor) -> Tensor:
        """The mean absolute error (R,) on sequences of ``digits`` (N, T); each image is looked at once."""
        target = self.rule.answer(digits.labels[chosen])

        def error(model: nn.Module) -> Tensor:
            assert isinstance(model, Reader)
            features = model.eye(digits.images)
            return (model.memory(features[chosen.t()]) - target).abs().mean()

        with torch.no_grad():
            return replicas.map(error)

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count, settings = len(replicas), self.settings
        errors = self._test(replicas)
        longest = settings.lengths[-1]
        return pl.DataFrame(
            {
                "unit": [self.model] * count,
                "operation": [self.rule.title] * count,
                "range": [f"{LENGTH} to {longest:,} images"] * count,
                "seed": list(replicas.seeds),
                "solved": (errors[longest] < self.rule.threshold(longest)).tolist(),
                "validation_error": history.at_best("validation_error").tolist(),
                **{f"error_{length}": error.tolist() for length, error in errors.items()},
                "best_step": history.best_steps(),
                "steps": [settings.steps] * count,
            }
        )

    def _test(self, replicas: Replicas) -> dict[int, Tensor]:
        """The error (R,) at each length."""
        test = self.digits().test.to(replicas.device)
        error: Callable[[Tensor], Tensor] = partial(self._error, replicas, test)
        generator = torch.Generator().manual_seed(TEST_SEED)
        return {
            length: error(self.rule.draw(TESTED, length, len(test), generator))
            for length in self.settings.lengths
        }

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}
