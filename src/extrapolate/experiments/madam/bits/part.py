"""One kind of weights: all its seeds trained at once."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.madam.bits.settings import BitsSettings
from extrapolate.experiments.madam.bits.weights import WEIGHTS
from extrapolate.experiments.madam.learning_rate.part import DROP_AT
from extrapolate.experiments.madam.problems import PROBLEMS
from extrapolate.training import History, Replicas, StepDecay
from extrapolate.training.train_config import TrainConfig

PROBLEM = PROBLEMS["digits-cnn"]


@dataclass(frozen=True)
class BitsPart:
    """Replica ``i`` has seed ``i``."""

    weights: str
    settings: BitsSettings

    @property
    def name(self) -> str:
        return self.weights

    def about(self) -> dict[str, Any]:
        return {"weights": self.weights, "problem": PROBLEM.name, "seeds": self.settings.seeds}

    def replicas(self) -> Replicas:
        return Replicas.build(PROBLEM.build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, data = self.settings, PROBLEM.data().to(replicas.device)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            return PROBLEM.loss(model, key, data)

        def wrong(model: nn.Module) -> Tensor:
            return (model(data.test_inputs).argmax(-1) != data.test_answers).float().mean()

        @torch.no_grad()
        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            return {
                "error": replicas.map(lambda model: PROBLEM.error(model, data)),
                "wrong": replicas.map(wrong),
            }

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: WEIGHTS[self.weights].make(parameters, list(replicas.seeds)),
            steps=settings.steps,
            evaluate=evaluate,
            eval_every=settings.evaluate_every,
            monitor="error",
            lr_schedule=StepDecay(round(DROP_AT * settings.steps)),
            compile=settings.compile,
        )

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        """What the training ends with: the best evaluation would choose by the test."""
        last, count = history.latest(), len(replicas)
        return pl.DataFrame(
            {
                "unit": [self.weights] * count,
                "operation": ["reading digits"] * count,
                "range": ["scikit-learn's digits"] * count,
                "seed": list(replicas.seeds),
                "bits": [WEIGHTS[self.weights].bits] * count,
                "accuracy": (1 - last["wrong"]).tolist(),
                "error": last["error"].tolist(),
                "steps": [self.settings.steps] * count,
            }
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}
