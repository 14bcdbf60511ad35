"""One network on sequences of digits: how its models are trained, and what is measured of them."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.config import fewer, names, number
from extrapolate.experiments.digits._images import DigitConfig, adam
from extrapolate.experiments.digits._sequence_models import KINDS, REFERENCE, Accumulator, Reader
from extrapolate.experiments.training import Trained, Training
from extrapolate.tasks import DIGIT_RULES, DigitRule, DigitSet
from extrapolate.training import LinearDecay, Penalty, Replicas, Warmup
from extrapolate.training.train_config import TrainConfig

#: Sequences that choose the best step, and that are tested on; their seeds, the same for all models.
VALIDATED, TESTED = 200, 200
VALIDATION_SEED, TEST_SEED = 1, 2

#: Factor on the steps, by rule: the ninety weights between different counts must fall to 1e-4.
LONGER = {"count": 4}

#: Errors are cut to this: those of a network that has diverged have no mean.
GREATEST = 1e60

#: Every length that some rule is tested at.
LENGTHS = sorted({length for rule in DIGIT_RULES.values() for length in rule.tested})

#: What can be chosen; the reference is always trained.
MODELS = [name for name in KINDS if name != REFERENCE]


@dataclass(frozen=True, kw_only=True)
class DigitsSequenceConfig(DigitConfig):
    """Adam with a decreasing rate, squared error of every answer; trained on short sequences."""

    models: tuple[str, ...] = names(
        MODELS, "Models to train", "model", default=("LSTM", "NAC", "NALU", "NAU", "NMU", "StochasticNMU")
    )
    tasks: tuple[str, ...] = names(DIGIT_RULES, "Tasks to learn", "task")
    steps: int = number(
        6_000, "Training steps of each model; counting takes four times as many.", cut=fewer("steps")
    )
    longest: int = number(
        1_000,
        "Images in the longest test sequences, at most.",
        cut=fewer("images in the longest test sequence"),
    )

    def lengths(self, rule: DigitRule) -> list[int]:
        """The lengths that ``rule`` is tested at."""
        return [length for length in rule.tested if length <= self.longest]


def train_model(
    config: DigitsSequenceConfig, model: str, rule: DigitRule, images: DigitSet, test: DigitSet
) -> Training:
    """One network on one rule, all seeds at once; ``images`` are those to train on."""
    kind, lengths, steps = KINDS[model], config.lengths(rule), config.steps * LONGER.get(rule.name, 1)
    validation = draw(rule, VALIDATED, rule.training, images, VALIDATION_SEED)

    def build() -> nn.Module:
        return Reader(images.size, kind.memory(rule))

    def loss(model: nn.Module, key: Tensor, _: dict[str, Tensor]) -> Tensor:
        assert isinstance(model, Reader)
        drawn = rule.draw_keyed(config.batch, len(images), key)
        features = encode(model, images.images, drawn)
        answers = model.memory(features)
        value = (answers - rule.answers(images.labels[drawn])).square().mean()
        if kind.unused and rule.outputs == 1 and isinstance(model.memory, Accumulator):
            value = value + kind.unused * model.memory.unused(features, answers)
        return value

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        absolute, _ = errors_after(replicas, rule, images, validation, [rule.training])
        return {"training_error": absolute[:, 0]}

    def measure(trained: Trained) -> dict[str, Any]:
        sequences = draw(rule, TESTED, lengths[-1], test, TEST_SEED)
        absolute, squared = errors_after(trained.replicas, rule, test, sequences, lengths)
        return {
            "length": lengths[-1],
            "training_error": trained.history.at_best("training_error"),
            **by_length("error", absolute, lengths),
            **by_length("squared_error", squared, lengths),
            "best_step": trained.history.best_step,
            "steps": steps,
        }

    return Training(
        name=f"{model}-{rule.name}",
        labels={
            "unit": model,
            "operation": rule.title,
            "range": f"{rule.training} to {lengths[-1]:,} images",
        },
        build=build,
        seeds=range(config.seeds),
        train=TrainConfig(
            loss=loss,
            optimizer=adam(kind.rate),
            lr_schedule=LinearDecay(steps),
            steps=steps,
            evaluate=evaluate,
            eval_every=config.eval_every,
            monitor="training_error",
            # over the second half of the training
            penalties=(Penalty(Warmup(steps, steps // 2, kind.penalty)),) if kind.penalty else (),
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )


def draw(rule: DigitRule, count: int, length: int, digits: DigitSet, seed: int) -> Tensor:
    """Sequences (T, N) of ``digits``, the same for all models."""
    generator = torch.Generator().manual_seed(seed)
    return rule.draw(count, length, len(digits), generator).to(digits.labels.device)


def encode(model: Reader, images: Tensor, drawn: Tensor) -> Tensor:
    """Features of the drawn images, each encoded once: all images if they are fewer than the drawn ones."""
    if len(images) <= drawn.numel():
        return model.encoder(images)[drawn]
    return model.encoder(images[drawn])


@torch.no_grad()
def errors_after(
    replicas: Replicas, rule: DigitRule, digits: DigitSet, drawn: Tensor, lengths: Sequence[int]
) -> tuple[Tensor, Tensor]:
    """Mean absolute and squared errors after ``lengths`` images of ``drawn`` (T, N), float64 (R, len(lengths))."""
    answers = rule.answers(digits.labels[drawn])
    places = torch.tensor(lengths, device=drawn.device) - 1

    def errors(model: nn.Module) -> Tensor:
        assert isinstance(model, Reader)
        given = model.memory(encode(model, digits.images, drawn))
        error = (given - answers)[places].double().flatten(1)
        means = torch.stack([error.abs().mean(1), error.square().mean(1)])
        return means.nan_to_num(nan=GREATEST).clamp_max(GREATEST)

    absolute, squared = replicas.map(errors).unbind(1)
    return absolute, squared


def by_length(name: str, values: Tensor, lengths: Sequence[int]) -> dict[str, pl.Series]:
    """A column for each of :data:`LENGTHS` of ``values`` (R, len(lengths)); null where it was not tested."""
    tested = dict(zip(lengths, values.T.tolist(), strict=True))
    untested = [None] * len(values)
    return {f"{name}_{each}": pl.Series(tested.get(each, untested), dtype=pl.Float64) for each in LENGTHS}
