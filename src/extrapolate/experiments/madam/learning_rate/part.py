"""One optimizer on one problem: all rates and seeds trained at once."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.madam.learning_rate import published
from extrapolate.experiments.madam.learning_rate.settings import LearningRateSettings
from extrapolate.experiments.madam.optimizers import OPTIMIZERS
from extrapolate.experiments.madam.problems import PROBLEMS, Problem
from extrapolate.training import History, Replicas, StepDecay
from extrapolate.training.train_config import TrainConfig

#: Where the rate falls to a tenth, and how often errors are looked at, in shares of the steps.
DROP_AT, LOOKS = 0.7, 4


@dataclass(frozen=True)
class LearningRatePart:
    """Replica ``i`` has rate ``i // seeds`` and seed ``i % seeds``: a seed has one start and one stream of data."""

    problem: str
    optimizer: str
    settings: LearningRateSettings

    @property
    def name(self) -> str:
        return f"{self.optimizer}-{self.problem}"

    @property
    def what(self) -> Problem:
        return PROBLEMS[self.problem]

    def about(self) -> dict[str, Any]:
        chosen = {"rates": list(self.settings.rates), "seeds": self.settings.seeds}
        return {"problem": self.problem, "optimizer": self.optimizer, **chosen}

    def replicas(self) -> Replicas:
        seeds = [seed for _ in self.settings.rates for seed in range(self.settings.seeds)]
        return Replicas.build(self.what.build, seeds, device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, problem = self.settings, self.what
        data = problem.data().to(replicas.device)
        rates = torch.tensor(settings.rates, device=replicas.device).repeat_interleave(settings.seeds)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            return problem.loss(model, key, data)

        @torch.no_grad()
        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            return {"error": replicas.map(lambda model: problem.error(model, data))}

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: OPTIMIZERS[self.optimizer](parameters, rates),
            steps=settings.steps,
            evaluate=evaluate,
            eval_every=-(-settings.steps // LOOKS),
            monitor="error",
            lr_schedule=StepDecay(round(DROP_AT * settings.steps)),
            compile=False,  # the widest step of a network of 64 layers takes minutes to compile
        )

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        """``error`` is the one the training ends with, infinite for a model that diverged."""
        settings = self.settings
        error = history.latest()["error"].nan_to_num(nan=torch.inf)
        start = self._start(replicas)
        return pl.DataFrame(
            {
                "unit": [self.optimizer] * len(replicas),
                "operation": [self.problem] * len(replicas),
                "range": [f"rate {rate:g}" for rate in settings.rates for _ in range(settings.seeds)],
                "seed": list(replicas.seeds),
                "rate": [rate for rate in settings.rates for _ in range(settings.seeds)],
                "error": error.tolist(),
                "start": start.tolist(),
                "steps": [settings.steps] * len(replicas),
            }
        )

    @torch.no_grad()
    def _start(self, replicas: Replicas) -> Tensor:
        """The errors before the training, (R,)."""
        data, fresh = self.what.data().to(replicas.device), self.replicas()
        return fresh.map(lambda model: self.what.error(model, data)).double().cpu()

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        """The published figure of this optimizer, once."""
        if self.problem != self.settings.problems[0]:
            return {}
        lines = [
            (self.optimizer, task, rate, error)
            for task, row in published.errors(self.optimizer).items()
            for rate, error in zip(published.RATES, row, strict=True)
        ]
        schema = {"optimizer": pl.String, "task": pl.String, "rate": pl.Float64, "error": pl.Float64}
        return {"published_rates": pl.DataFrame(lines, schema=schema, orient="row")}
