"""One model on all functions: all seeds of all functions trained at once on one stream of inputs."""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn
from torch.func import vmap

from extrapolate.experiments.functions.models import RECURRENT, STATIC, Build
from extrapolate.experiments.functions.settings import FunctionsSettings
from extrapolate.tasks import SUM_FUNCTIONS, Sequences, SubsetFunction, parse_range
from extrapolate.training import History, Penalty, Replicas, Warmup
from extrapolate.training.train_config import TrainConfig

PENALTY = 10.0

#: Replicas that are tested at once: a thousand steps of them all would fill the memory.
TESTED_AT_ONCE = 8


@dataclass(frozen=True)
class Form:
    """How the inputs come, where they are tested, the networks that take them, and the rate they learn at."""

    train: Sequences
    test: Sequences
    builds: Mapping[str, Build]
    learning_rate: float

    @property
    def title(self) -> str:
        """What is trained on, for the tables of the results."""
        if self.train.length == 1:
            return str(self.train.range)
        return f"{self.train.length} steps of {self.train.range}"


_NARROW, _WIDE = parse_range("U[1,2]"), parse_range("U[2,6]")
FORMS: dict[str, Form] = {
    "static": Form(Sequences(_NARROW), Sequences(_WIDE), STATIC, 1e-3),
    "recurrent": Form(Sequences(_NARROW, 10), Sequences(_NARROW, 1_000), RECURRENT, 1e-2),
}


@dataclass(frozen=True)
class FunctionsPart:
    """Replica ``i`` has function ``i // seeds`` and seed ``i % seeds``, which chooses its sums too."""

    kind: str
    model: str
    settings: FunctionsSettings

    @property
    def name(self) -> str:
        return self.model

    @property
    def form(self) -> Form:
        return FORMS[self.kind]

    @property
    def tasks(self) -> list[SubsetFunction]:
        form, names = self.form, self.settings.functions
        return [
            SubsetFunction(SUM_FUNCTIONS[name], form.train, form.test, self.settings.in_features)
            for name in names
        ]

    def about(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "form": self.kind,
            "model": self.model,
            "functions": list(settings.functions),
            "in_features": settings.in_features,
            "hidden": settings.hidden,
            "seeds": settings.seeds,
            "order": "function by function, seeds 0, 1, 2, ... within each",
        }

    def replicas(self) -> Replicas:
        settings, build = self.settings, self.form.builds[self.model]
        seeds = list(range(settings.seeds)) * len(settings.functions)
        return Replicas.build(
            lambda: build(settings.in_features, settings.hidden), seeds, device=settings.device
        )

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, train, rate = self.settings, self.form.train, self.form.learning_rate
        batch, in_features = settings.batch, settings.in_features
        validation = self._inputs("validation", replicas.device)
        start = settings.steps // 2

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            return {"validation_mse": self._errors(replicas, validation)}

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            return self._error(model, given["x"], given["subsets"], given["chosen"])

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=rate, fused=True),
            steps=settings.steps,
            evaluate=evaluate,
            eval_every=settings.evaluate_every,
            monitor="validation_mse",
            per_replica=self._given(replicas),
            shared_batch=lambda key: {"x": train.sample_keyed(batch, in_features, key)},
            penalties=(Penalty(Warmup(settings.steps * 2 // 3, start, PENALTY)),),
            compile=settings.compile,
        )

    def _given(self, replicas: Replicas) -> dict[str, Tensor]:
        """Each replica's subsets (R, I, 2), and which function is its own (R, F)."""
        count, seeds = len(self.tasks), self.settings.seeds
        generators = [torch.Generator().manual_seed(seed) for seed in replicas.seeds]
        given = {
            "subsets": torch.stack([self.tasks[0].place_subsets(each).subsets for each in generators]),
            "chosen": torch.eye(count).repeat_interleave(seeds, 0),
        }
        return {name: value.to(replicas.device) for name, value in given.items()}

    def _error(self, model: nn.Module, x: Tensor, subsets: Tensor, chosen: Tensor) -> Tensor:
        answers = torch.cat([task.answer(x, subsets) for task in self.tasks], -1)
        return (model(x)[..., 0] - answers @ chosen).square().mean()

    def _inputs(self, split: str, device: torch.device) -> Tensor:
        """Of ``validation`` or ``test``, the same for every model and seed."""
        return self.tasks[0].sample_fixed(self.settings.samples)[split].to(device)

    @torch.no_grad()
    def _errors(self, replicas: Replicas, x: Tensor) -> Tensor:
        """The mean squared error (R,) on ``x``, float64."""
        given = {name: value.double() for name, value in self._given(replicas).items()}
        call = replicas.bind(self._error, training=False, dtype=torch.float64)
        mapped = vmap(call, in_dims=(0, 0, None, None, 0, 0), chunk_size=TESTED_AT_ONCE)
        return mapped(replicas.parameters, replicas.buffers, None, x, given["subsets"], given["chosen"])

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        settings, count = self.settings, len(replicas)
        untrained = self.replicas()
        validation, test = (self._inputs(split, replicas.device) for split in ("validation", "test"))
        error, before = self._errors(replicas, test), self._errors(untrained, test)
        interpolation, before_it = history.at_best("validation_mse"), self._errors(untrained, validation)
        thresholds = torch.tensor([task.threshold(settings.epsilon) for task in self.tasks])
        threshold = thresholds.double().repeat_interleave(settings.seeds)
        return pl.DataFrame(
            {
                "unit": [self.model] * count,
                "operation": [task.function.formula for task in self.tasks for _ in range(settings.seeds)],
                "function": [name for name in settings.functions for _ in range(settings.seeds)],
                "range": [self.form.title] * count,
                "seed": list(replicas.seeds),
                "solved": (error.cpu() < threshold).tolist(),
                "interpolation": self._scores(interpolation, before_it),
                "extrapolation": self._scores(error, before),
                "validation_mse": interpolation.tolist(),
                "extrapolation_mse": error.tolist(),
                "threshold": threshold.tolist(),
                "best_step": history.best_step.tolist(),
                "steps": [settings.steps] * count,
            }
        )

    def _scores(self, errors: Tensor, untrained: Tensor) -> list[float]:
        """100 × the error ÷ that of the untrained: of a function's seeds the median, as few of them err vastly."""
        usual = untrained.cpu().view(-1, self.settings.seeds).median(-1).values
        return (100 * errors.cpu() / usual.repeat_interleave(self.settings.seeds)).tolist()

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}
