"""One kind of model: all its seeds trained at once."""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.number_words.models import READ_OUTS, Reader, value_of
from extrapolate.experiments.number_words.settings import NumberWordsSettings
from extrapolate.tasks import NumberWords, in_words
from extrapolate.training import History, Replicas
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE = 3e-3

#: Of each of these the estimate word by word is kept, so far as it is not trained on.
SHOWN = (334, 799, 850, 912, 42)

#: The sets of a split, as they are named in the results.
SETS = ("train", "validation", "test")


def _error(model: nn.Module, tokens: Tensor, lengths: Tensor, values: Tensor) -> Tensor:
    return (value_of(model, tokens, lengths) - values).abs().mean()


@dataclass(frozen=True)
class NumberWordsPart:
    """Replica ``i`` has seed ``i``; the split is the same for all."""

    model: str
    settings: NumberWordsSettings

    @property
    def name(self) -> str:
        return self.model

    @property
    def task(self) -> NumberWords:
        return NumberWords()

    def about(self) -> dict[str, Any]:
        return {"model": self.model, "hidden": self.settings.hidden, "seeds": self.settings.seeds}

    def _build(self) -> nn.Module:
        return Reader(READ_OUTS[self.model], self.settings.hidden)

    def replicas(self) -> Replicas:
        return Replicas.build(self._build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings = self.settings
        sets = [_on(replicas.device, self.task.encoded(numbers)) for numbers in self.task.split]
        training = sets[0]

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            drawn = (ops.uniform(key, (settings.batch,)) * len(training[0])).long()
            return _error(model, *(each[drawn] for each in training))

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            return {
                f"{name}_error": replicas.map(lambda model, data=data: _error(model, *data))
                for name, data in zip(SETS, sets, strict=True)
            }

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True),
            steps=settings.steps,
            evaluate=evaluate,
            eval_every=settings.evaluate_every,
            monitor="validation_error",
            solved=lambda measures: measures["test_error"] < NumberWords.threshold,
            compile=settings.compile,
        )

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count, error = len(replicas), history.at_best("test_error")
        threshold = torch.full_like(error, NumberWords.threshold)
        solved = (error < threshold).tolist()
        solved_at = history.first_below("test_error", threshold)
        return pl.DataFrame(
            {
                "unit": [self.model] * count,
                "operation": ["reading number words"] * count,
                "range": [f"{self.task.training} of 0 to 1,000"] * count,
                "seed": list(replicas.seeds),
                "solved": solved,
                "solved_at": [at if ok else None for at, ok in zip(solved_at, solved, strict=True)],
                **{f"{name}_error": history.at_best(f"{name}_error").tolist() for name in SETS},
                "best_step": history.best_step.tolist(),
                "steps": [self.settings.steps] * count,
            },
            schema_overrides={"solved_at": pl.Int64},
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """What the best model (on the validation set) says word by word."""
        best = int(rows["validation_error"].fill_nan(None).arg_min() or 0)
        trained = set(self.task.split[0])
        return {"words": _spoken(self.model, replicas[best].eval(), [n for n in SHOWN if n not in trained])}


def _on(device: torch.device, tensors: Sequence[Tensor]) -> tuple[Tensor, ...]:
    return tuple(each.to(device) for each in tensors)


@torch.no_grad()
def _spoken(name: str, model: nn.Module, numbers: list[int]) -> pl.DataFrame:
    device = next(model.parameters()).device
    tokens, _, _ = NumberWords.encoded(numbers)
    estimates = model(tokens.to(device)).tolist()
    lines = [
        (name, number, place, word, estimate)
        for number, row in zip(numbers, estimates, strict=True)
        for place, (word, estimate) in enumerate(zip(in_words(number), row, strict=False))
    ]
    schema = {
        "unit": pl.String,
        "number": pl.Int64,
        "place": pl.Int64,
        "word": pl.String,
        "estimate": pl.Float64,
    }
    return pl.DataFrame(lines, schema=schema, orient="row")
