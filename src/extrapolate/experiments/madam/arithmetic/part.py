"""One unit on one operation with one optimizer: all ranges and seeds trained at once."""

from dataclasses import dataclass, replace
from typing import Any

import polars as pl
import torch
from torch import Tensor

from extrapolate.experiments.single_module.part import SingleModulePart
from extrapolate.optim import Madam
from extrapolate.training import History, Replicas
from extrapolate.training.train_config import TrainConfig


def _madam(parameters: list[Tensor]) -> torch.optim.Optimizer:
    return Madam(parameters, replica_dims=1)


@dataclass(frozen=True)
class ArithmeticPart:
    """The Single Module Task's part; with Madam, all but the optimizer as there."""

    optimizer: str
    task: SingleModulePart

    @property
    def name(self) -> str:
        return f"{self.optimizer}-{self.task.name}"

    def about(self) -> dict[str, Any]:
        return self.task.about() | {"optimizer": self.optimizer}

    def replicas(self) -> Replicas:
        return self.task.replicas()

    def plan(self, replicas: Replicas) -> TrainConfig:
        plan = self.task.plan(replicas)
        return replace(plan, optimizer=_madam) if self.optimizer == "Madam" else plan

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        named = pl.concat_str(pl.col("unit"), pl.lit(f" with {self.optimizer}"))
        return self.task.rows(replicas, history).with_columns(
            idea="unit", optimizer=pl.lit(self.optimizer), unit=named
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}
