"""One unit on one operation: all ranges and seeds trained at once."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.single_module.settings import SingleModuleSettings
from extrapolate.experiments.single_module.surfaces import surfaces
from extrapolate.experiments.single_module.units import UNITS, UnitSetup
from extrapolate.tasks import OPERATIONS, SingleModule
from extrapolate.training import History, Replicas
from extrapolate.training.evaluation import FixedData, mean_squared_error, regression_errors
from extrapolate.training.restart import Restart
from extrapolate.training.train_config import TrainConfig

#: The task's splits, by what is measured on them.
SPLITS = {"validation_mse": "validation", "extrapolation_mse": "test"}


@dataclass(frozen=True)
class SingleModulePart:
    """Replica ``i`` has range ``i // seeds`` and seed ``i % seeds``."""

    unit: str
    operation: str
    settings: SingleModuleSettings

    @property
    def name(self) -> str:
        return f"{self.unit}-{self.operation}"

    @property
    def setup(self) -> UnitSetup:
        return UNITS[self.unit]

    @property
    def tasks(self) -> list[SingleModule]:
        settings = self.settings
        operation = OPERATIONS[self.operation]
        return [SingleModule(operation, pair, settings.in_features) for pair in settings.ranges]

    def about(self) -> dict[str, Any]:
        return {
            "unit": self.unit,
            "operation": self.operation,
            "in_features": self.settings.in_features,
            "ranges": [str(pair) for pair in self.settings.ranges],
            "seeds": self.settings.seeds,
            "order": "range by range, seeds 0, 1, 2, ... within each",
        }

    def _build(self) -> nn.Module:
        return self.setup.build(self.settings.in_features)

    def replicas(self) -> Replicas:
        settings = self.settings
        seeds = list(range(settings.seeds)) * len(settings.ranges)
        return Replicas.build(self._build, seeds, device=settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, recipe, thresholds = self.settings, self.setup.recipe, self._thresholds()
        task = self.tasks[0]  # the tasks differ by their ranges alone

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            x, y = task.sample_between(given["low"], given["high"], settings.batch, key)
            return mean_squared_error(model, x, y)

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=recipe.learning_rate, fused=True),
            steps=settings.steps,
            evaluate=self._evaluate(replicas),
            eval_every=settings.evaluate_every,
            monitor="validation_mse",
            per_replica=self._ends(replicas.device),
            penalties=recipe.penalties(settings.steps, self.operation),
            grad_clip=recipe.clip,
            restart=Restart(self._build) if recipe.restarts else None,
            solved=lambda measures: measures["extrapolation_mse"] < thresholds,
            compile=settings.compile,
        )

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        settings, thresholds = self.settings, self._thresholds()
        error = history.at_best("extrapolation_mse")
        count = len(settings.ranges) * settings.seeds
        solved = (error < thresholds).tolist()
        solved_at = history.first_below("extrapolation_mse", thresholds)
        return pl.DataFrame(
            {
                "unit": [self.unit] * count,
                "operation": [self.operation] * count,
                "range": [str(pair) for pair in settings.ranges for _ in range(settings.seeds)],
                "extrapolation_range": [str(p.test) for p in settings.ranges for _ in range(settings.seeds)],
                "seed": list(replicas.seeds),
                "solved": solved,
                "solved_at": [at if ok else None for at, ok in zip(solved_at, solved, strict=True)],
                "sparsity_error": _sparsity_errors(replicas),
                "validation_mse": history.at_best("validation_mse").tolist(),
                "extrapolation_mse": error.tolist(),
                "threshold": thresholds.tolist(),
                "best_step": history.best_step.tolist(),
                "steps": [settings.steps] * count,
            },
            schema_overrides={"solved_at": pl.Int64, "sparsity_error": pl.Float64},
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        if self.settings.in_features != 2:  # no plane to draw over
            return {}
        return {"surfaces": surfaces(self.tasks, self.settings.seeds, replicas, rows)}

    def _thresholds(self) -> Tensor:
        values = torch.tensor([task.threshold() for task in self.tasks], dtype=torch.float64)
        return values.repeat_interleave(self.settings.seeds)

    def _ends(self, device: torch.device) -> dict[str, Tensor]:
        ends = torch.tensor([pair.train.intervals[0] for pair in self.settings.ranges], device=device)
        ends = ends.repeat_interleave(self.settings.seeds, 0)
        return {"low": ends[:, 0].contiguous(), "high": ends[:, 1].contiguous()}

    def _evaluate(self, replicas: Replicas) -> Any:
        settings, device = self.settings, replicas.device
        measures: dict[str, list[FixedData]] = {name: [] for name in SPLITS}
        for index, task in enumerate(self.tasks):
            rows = slice(index * settings.seeds, (index + 1) * settings.seeds)
            inputs = task.ranges.sample_fixed((settings.samples, task.in_features))
            for name, pieces in measures.items():
                x = inputs[SPLITS[name]]
                pieces.append(FixedData(rows, x.to(device), task.operation(x).to(device)))
        return regression_errors(measures, compile=settings.compile)


def _sparsity_errors(replicas: Replicas) -> list[float] | list[None]:
    from extrapolate.inspect import sparsity_error  # brings sympy with it, and is needed after the training

    if sparsity_error(replicas[0]) is None:
        return [None] * len(replicas)

    def error(model: nn.Module) -> Tensor:
        value = sparsity_error(model)
        assert value is not None
        return value

    return replicas.map(error).tolist()
