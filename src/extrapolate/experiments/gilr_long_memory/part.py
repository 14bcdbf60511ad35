"""One model on sequences of one length, until it has converged."""

import resource
from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate import ops
from extrapolate.experiments.gilr_long_memory.models import KINDS, Reader
from extrapolate.tasks import LongDependency
from extrapolate.training import Clip, History, Replicas
from extrapolate.training.gradients import one_by_one
from extrapolate.training.train_config import TrainConfig

GRADIENT_NORM = 1.0

#: The longest time constant that forget gates begin with, in lengths of the sequence.
REACH = 4.0

#: Converged: this many minibatches in a row, one fresh after each iteration, are answered right.
MINIBATCHES = 5


@dataclass(frozen=True)
class LongMemoryPart:
    """One seed of one kind of model: it ends as soon as it has converged."""

    model: str
    length: int
    seed: int
    iterations: int
    batch: int
    hidden: int
    rate: float
    device: str

    @property
    def name(self) -> str:
        return f"{self.model}-{self.length}-{self.seed}"

    @property
    def task(self) -> LongDependency:
        return LongDependency(self.length)

    def about(self) -> dict[str, Any]:
        return {"model": self.model, "hidden": self.hidden, "length": self.length, "seed": self.seed}

    def replicas(self) -> Replicas:
        def build() -> nn.Module:
            return Reader(KINDS[self.model], self.task.symbols, self.hidden, REACH * self.length)

        return Replicas.build(build, [self.seed], device=self.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        task, shape = self.task, (self.batch, self.length)

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            elements, positive = task.sequences(ops.uniform(key, shape))
            return F.binary_cross_entropy_with_logits(model(task.one_hot(elements)), positive.float())

        @torch.no_grad()
        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            elements, positive = task.sequences(ops.uniform(keys[0], shape))  # another at every iteration
            wrong = (replicas[0].eval()(task.one_hot(elements)) > 0) != positive
            return {"error": wrong.float().mean()[None]}

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=self.rate, fused=True),
            steps=self.iterations,
            evaluate=evaluate,
            eval_every=1,
            monitor="error",
            grad_clip=Clip(norm=GRADIENT_NORM),
            stop_when=_converged,
            gradients=one_by_one,  # torch's LSTM has no rule to be mapped by, and our fused layer needs none
        )

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        solved = _converged(history)
        iterations, seconds = int(history.steps[-1]), history.seconds_so_far
        row = {
            "unit": self.model,
            "operation": "remembering the first symbol",
            "range": f"{self.length:,} steps",
            "seed": self.seed,
            "length": self.length,
            "hidden": self.hidden,
            "solved": solved,
            "solved_at": iterations if solved else None,
            "error": float(history.metrics["error"][-MINIBATCHES:].mean()),
            "seconds": seconds,
            "seconds_an_iteration": seconds / iterations,
            "peak_mib": _peak_mib(replicas.device),
            "batch": self.batch,
            "limit": self.iterations,
            "steps": iterations,
        }
        return pl.DataFrame([row], schema_overrides={"solved_at": pl.Int64})

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}


def _converged(history: History) -> bool:
    last = history.metrics["error"][-MINIBATCHES:]
    return len(last) == MINIBATCHES and not last.any()


def _peak_mib(device: torch.device) -> float:
    """The most memory this process has held so far; on a GPU, the most its tensors did."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
