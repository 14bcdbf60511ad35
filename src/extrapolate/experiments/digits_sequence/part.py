"""One kind of model on one task: all its seeds trained at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.digit_images import adam, digits_of
from extrapolate.experiments.digits_sequence.models import KINDS, Accumulator, Kind, Reader
from extrapolate.experiments.digits_sequence.settings import DigitsSequenceSettings
from extrapolate.tasks import DIGIT_RULES, DigitRule, DigitSet
from extrapolate.training import History, LinearDecay, Penalty, Replicas, Warmup
from extrapolate.training.train_config import TrainConfig

#: Sequences that the best step is chosen by, and that are tested on; their seeds, the same for all.
CHOSEN, TESTED = 200, 200
CHOOSING_SEED, TEST_SEED = 1, 2

#: Counting takes so many times as long: the ninety weights between different counts must vanish to 1e-4.
LONGER = {"count": 4}

#: Errors are taken to be this at most: those of a network that has diverged have no mean.
GREATEST = 1e60

#: Every length that some task is tested at.
LENGTHS = sorted({length for rule in DIGIT_RULES.values() for length in rule.tested})


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
    def rule(self) -> DigitRule:
        return DIGIT_RULES[self.task]

    @property
    def steps(self) -> int:
        return self.settings.steps * LONGER.get(self.task, 1)

    def _images(self) -> tuple[DigitSet, DigitSet]:
        """To train on, and to test on."""
        digits = digits_of(self.settings.data)
        return self.rule.allowed(digits.training), self.rule.allowed(digits.test)

    def about(self) -> dict[str, Any]:
        size = self._images()[0].size
        return {"model": self.model, "task": self.task, "size": size, "seeds": self.settings.seeds}

    def replicas(self) -> Replicas:
        size = self._images()[0].size

        def build() -> nn.Module:
            return Reader(size, self.kind.memory(self.rule))

        return Replicas.build(build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, rule, kind = self.settings, self.rule, self.kind
        training = self._images()[0].to(replicas.device)
        chosen = _drawn(rule, CHOSEN, rule.training, training, CHOOSING_SEED)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            assert isinstance(model, Reader)
            drawn = rule.draw_keyed(settings.batch, len(training), key)
            features = _seen(model, training.images, drawn)
            answers = model.memory(features)
            value = (answers - rule.answers(training.labels[drawn])).square().mean()
            if kind.unused and rule.outputs == 1 and isinstance(model.memory, Accumulator):
                value = value + kind.unused * model.memory.unused(features, answers)
            return value

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            absolute, _ = self._errors(replicas, training, chosen, [rule.training])
            return {"training_error": absolute[:, 0]}

        return TrainConfig(
            loss=loss,
            optimizer=adam(kind.rate),
            lr_schedule=LinearDecay(self.steps),
            steps=self.steps,
            evaluate=evaluate,
            eval_every=settings.evaluate_every,
            monitor="training_error",
            penalties=self._penalties(),
            compile=False,  # ten steps unrolled are more code than a compiler can fuse in a minute
        )

    def _penalties(self) -> tuple[Penalty, ...]:
        """The units' own, growing over the second half of the training."""
        if not self.kind.penalty:
            return ()
        return (Penalty(Warmup(self.steps, self.steps // 2, self.kind.penalty)),)

    def _errors(
        self, replicas: Replicas, digits: DigitSet, chosen: Tensor, lengths: Sequence[int]
    ) -> tuple[Tensor, Tensor]:
        """Mean absolute and squared errors, float64 (R, len(lengths)), after so many images of ``chosen`` (T, N)."""
        answers = self.rule.answers(digits.labels[chosen])
        places = torch.tensor(lengths, device=chosen.device) - 1

        def errors(model: nn.Module) -> Tensor:
            assert isinstance(model, Reader)
            said = model.memory(_seen(model, digits.images, chosen))
            error = (said - answers)[places].double().flatten(1)
            means = torch.stack([error.abs().mean(1), error.square().mean(1)])
            return means.nan_to_num(nan=GREATEST).clamp_max(GREATEST)

        with torch.no_grad():
            absolute, squared = replicas.map(errors).unbind(1)
        return absolute, squared

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count, rule, lengths = len(replicas), self.rule, self.settings.lengths(self.rule)
        test = self._images()[1].to(replicas.device)
        sequences = _drawn(rule, TESTED, lengths[-1], test, TEST_SEED)
        absolute, squared = self._errors(replicas, test, sequences, lengths)
        nothing: list[float | None] = [None] * count
        measured = {
            f"{name}_{length}": values[:, lengths.index(length)].tolist() if length in lengths else nothing
            for name, values in (("error", absolute), ("squared_error", squared))
            for length in LENGTHS
        }
        return pl.DataFrame(
            {
                "unit": [self.model] * count,
                "operation": [rule.title] * count,
                "range": [f"{rule.training} to {lengths[-1]:,} images"] * count,
                "seed": list(replicas.seeds),
                "length": [lengths[-1]] * count,
                "training_error": history.at_best("training_error").tolist(),
                **measured,
                "best_step": history.best_step.tolist(),
                "steps": [self.steps] * count,
            },
            schema_overrides=dict.fromkeys(measured, pl.Float64),
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}


def _drawn(rule: DigitRule, count: int, length: int, digits: DigitSet, seed: int) -> Tensor:
    """Sequences (T, N) of ``digits``, the same for all models."""
    generator = torch.Generator().manual_seed(seed)
    return rule.draw(count, length, len(digits), generator).to(digits.labels.device)


def _seen(model: Reader, images: Tensor, drawn: Tensor) -> Tensor:
    """Features of the drawn images, each looked at once: all of them where they are fewer than the drawn."""
    if len(images) <= drawn.numel():
        return model.eye(images)[drawn]
    return model.eye(images[drawn])
