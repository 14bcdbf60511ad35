"""One network on one range: all seeds trained at once on one stream of inputs."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate.errors import UserError
from extrapolate.experiments.arithmetic_dataset.models import NETWORKS, Network
from extrapolate.experiments.arithmetic_dataset.settings import ArithmeticDatasetSettings
from extrapolate.tasks import RangePair, SubsetProduct
from extrapolate.training import History, Penalty, Replicas, Warmup
from extrapolate.training.train_config import TrainConfig

#: The scale of the penalty on the weights of both layers.
PENALTY = 10.0

_SAFE = str.maketrans({"[": "", "]": "", ",": "_", ".": "p", "-": "m"})


def _squared_error(model: nn.Module, x: Tensor, subsets: Tensor) -> Tensor:
    return (model(x) - SubsetProduct.answer(x, subsets.to(x.dtype))).square().mean()


@dataclass(frozen=True)
class ArithmeticDatasetPart:
    """Replica ``i`` has seed ``i``, which chooses its subsets too."""

    network: str
    ranges: RangePair
    settings: ArithmeticDatasetSettings

    @property
    def name(self) -> str:
        return f"{self.network.replace('.', 'p')}-{str(self.ranges).translate(_SAFE)}"

    @property
    def task(self) -> SubsetProduct:
        return SubsetProduct(self.ranges, self.settings.in_features)

    @property
    def setup(self) -> Network:
        return NETWORKS[self.network]

    def about(self) -> dict[str, Any]:
        return {
            "network": self.network,
            "range": str(self.ranges),
            "in_features": self.task.in_features,
            "seeds": self.settings.seeds,
        }

    def replicas(self) -> Replicas:
        seeds = range(self.settings.seeds)
        return Replicas.build(
            lambda: self.setup.build(self.task.in_features), seeds, device=self.settings.device
        )

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, task, threshold = self.settings, self.task, self._threshold()
        shape = settings.batch, task.in_features

        def shared(key: Tensor) -> dict[str, Tensor]:
            return {"x": task.ranges.train.sample_keyed(shape, key)}

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            return _squared_error(model, given["x"], given["subsets"])

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True),
            steps=settings.steps,
            evaluate=self._evaluate(replicas),
            eval_every=settings.evaluate_every,
            monitor="validation_mse",
            per_replica={"subsets": self._subsets(replicas)},
            shared_batch=shared,
            penalties=(self._penalty(),) if self.setup.penalised else (),
            solved=lambda measures: measures["extrapolation_mse"] < threshold,
            compile=settings.compile,
        )

    def _penalty(self) -> Penalty:
        start, end = self.settings.penalty_start, self.settings.penalty_end
        if end <= start:
            raise UserError(f"--penalty-end {end} must come after --penalty-start {start}")
        return Penalty(Warmup(end, start, PENALTY))

    def _threshold(self) -> float:
        return self.task.threshold(self.settings.epsilon)

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count, threshold = len(replicas), self._threshold()
        error = history.at_best("extrapolation_mse")
        solved = (error < threshold).tolist()
        solved_at = history.first_below("extrapolation_mse", torch.full_like(error, threshold))
        return pl.DataFrame(
            {
                "unit": [self.network] * count,
                "operation": ["the product of two sums"] * count,
                "range": [str(self.ranges)] * count,
                "extrapolation_range": [str(self.ranges.test)] * count,
                "seed": list(replicas.seeds),
                "solved": solved,
                "solved_at": [at if ok else None for at, ok in zip(solved_at, solved, strict=True)],
                "sparsity_error": replicas.map(_sparsity_error).tolist(),
                "validation_mse": history.at_best("validation_mse").tolist(),
                "extrapolation_mse": error.tolist(),
                "threshold": [threshold] * count,
                "best_step": history.best_step.tolist(),
                "steps": [self.settings.steps] * count,
            },
            schema_overrides={"solved_at": pl.Int64},
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}

    def _subsets(self, replicas: Replicas) -> Tensor:
        """(R, in_features, 2), those of each replica's seed."""
        tasks = [self.task.place_subsets(torch.Generator().manual_seed(seed)) for seed in replicas.seeds]
        return torch.stack([task.subsets for task in tasks]).to(replicas.device)

    def _evaluate(self, replicas: Replicas) -> Any:
        subsets = self._subsets(replicas)
        inputs = self.ranges.sample_fixed((self.settings.samples, self.task.in_features))
        validation, test = (inputs[name].to(replicas.device) for name in ("validation", "test"))
        call = replicas.bind(_squared_error, training=False, dtype=torch.float64)
        errors = vmap(call, in_dims=(0, 0, None, None, 0))

        @torch.no_grad()
        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            state = replicas.parameters, replicas.buffers
            return {
                "validation_mse": errors(*state, None, validation, subsets),
                "extrapolation_mse": errors(*state, None, test, subsets),
            }

        return evaluate


def _sparsity_error(model: nn.Module) -> Tensor:
    from extrapolate.inspect import sparsity_error  # brings sympy with it, and is needed after the training

    error = sparsity_error(model)
    assert error is not None  # every network here is made of arithmetic units
    return error
