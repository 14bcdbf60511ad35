"""One kind of model on one kind of program: all its seeds trained at once."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.programs.models import KINDS
from extrapolate.experiments.programs.settings import TIMES, ProgramsSettings
from extrapolate.tasks import Programs
from extrapolate.tasks.programs import SCRIPTS, Read
from extrapolate.training import Clip, History, Replicas
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE = 1e-2

#: Seeds of the fixed sets, the same for all; to the tests', how many times larger their numbers are is added.
VALIDATION_SEED, TEST_SEED = 1, 100


def relative_errors(model: nn.Module, read: Read) -> Tensor:
    """(N,): how far off the answers are, in units of what they can reach."""
    return (model(read.symbols, read.values) - read.answer) / read.reach


@dataclass(frozen=True)
class ProgramsPart:
    """Replica ``i`` has seed ``i``."""

    model: str
    script: str
    settings: ProgramsSettings

    @property
    def name(self) -> str:
        return f"{self.model}-{self.script}"

    @property
    def task(self) -> Programs:
        return Programs(SCRIPTS[self.script], self.settings.limit, self.settings.numbers == "digits")

    def about(self) -> dict[str, Any]:
        settings = self.settings
        return {
            "model": self.model,
            "task": self.script,
            "hidden": settings.hidden,
            "limit": settings.limit,
            "seeds": settings.seeds,
        }

    def _build(self) -> nn.Module:
        return KINDS[self.model].build(self.settings.hidden, self.settings.limit)

    def replicas(self) -> Replicas:
        return Replicas.build(self._build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, task = self.settings, self.task

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            read = task.drawn(ops.uniform(key, (task.draws, settings.batch)))
            # the smallest float keeps the root's slope finite where every answer is exact
            return (relative_errors(model, read).square().mean() + torch.finfo(torch.float32).tiny).sqrt()

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True),
            steps=settings.steps,
            evaluate=lambda replicas, keys: {
                "validation_error": self._error(replicas, task, VALIDATION_SEED)
            },
            eval_every=settings.evaluate_every,
            monitor="validation_error",
            grad_clip=Clip(norm=1.0),
            solved=lambda measures: measures["validation_error"] < Programs.threshold,
            compile=False,  # a program's steps unrolled are more code than a compiler can fuse in a minute
        )

    def _error(self, replicas: Replicas, task: Programs, seed: int) -> Tensor:
        """The mean absolute error (R,) in units of what an answer can reach, on fixed programs of ``task``."""
        u = torch.rand(task.draws, self.settings.samples, generator=torch.Generator().manual_seed(seed))
        read = task.drawn(u.to(replicas.device))
        with torch.no_grad():
            return replicas.map(lambda model: relative_errors(model, read).abs().mean())

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count, task = len(replicas), self.task
        errors = {times: self._error(replicas, task.larger(times), TEST_SEED + times) for times in TIMES}
        return pl.DataFrame(
            {
                "unit": [self.model] * count,
                "operation": [task.script.title] * count,
                "range": [f"numbers below {task.limit}"] * count,
                "seed": list(replicas.seeds),
                "solved": (errors[TIMES[-1]] < Programs.threshold).tolist(),
                "validation_error": history.at_best("validation_error").tolist(),
                **{f"error_times_{times}": error.tolist() for times, error in errors.items()},
                "best_step": history.best_step.tolist(),
                "steps": [self.settings.steps] * count,
            }
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}
