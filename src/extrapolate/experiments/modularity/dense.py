"""Dense networks on small tables: built, trained until they know the table, masked as published."""

import itertools
from abc import abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.modularity.settings import MASKS, MaskSettings, widths_option
from extrapolate.experiments.modularity.subject import Subject
from extrapolate.training import Clip, Replicas
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import TrainConfig

if TYPE_CHECKING:
    from extrapolate.inspect import Learning

#: Batch size that the published strength is divided by: the one that the weights are trained with.
PUBLISHED_BATCH = 128


@dataclass(frozen=True, kw_only=True)
class DenseSettings(MaskSettings):
    """Published: Adam, rate 1e-3, gradients of norm 1 at most; masks at rate 1e-2, four drawn a step."""

    hidden: tuple[int, ...] = widths_option()


def networks(settings: DenseSettings) -> str:
    """How many of what, in words."""
    sizes = "-".join(map(str, settings.hidden))
    return f"{settings.seeds} network{'s' if settings.seeds > 1 else ''} {sizes}"


@dataclass(frozen=True)
class DenseSubject(Subject):
    """A dense network with ReLU between its layers, on examples that come in small tables."""

    settings: DenseSettings

    @abstractmethod
    def sizes(self) -> tuple[int, int]:
        """Numbers in, logits out."""

    @abstractmethod
    def tables(self) -> list[tuple[Tensor, Tensor]]:
        """All there is to know: inputs and answers, a table a function."""

    @abstractmethod
    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        """bool (N,)."""

    @property
    @abstractmethod
    def functions(self) -> tuple[str, ...]:
        """All functions."""

    @property
    def batch(self) -> int:
        return self.settings.batch

    @property
    def mask_steps(self) -> int:
        return self.settings.mask_steps

    def learning(self) -> "Learning":
        from extrapolate.inspect import Learning

        return Learning(masks=MASKS, pressure=self.settings.strength / PUBLISHED_BATCH, seed=self.seed)

    def about(self) -> dict[str, Any]:
        return {"model": "FNN", "hidden": list(self.settings.hidden), "seed": self.seed}

    def build(self) -> nn.Module:
        inputs, outputs = self.sizes()
        sizes = [inputs, *self.settings.hidden, outputs]
        parts = [part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
        return nn.Sequential(*parts[:-1])

    def plan(self, replicas: Replicas) -> TrainConfig:
        tables = [tuple(each.to(replicas.device) for each in table) for table in self.tables()]

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            return self.loss(model, *self.drawn(ops.uniform(key, (3, self.settings.batch)), self.functions))

        def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
            wrong = [
                replicas.map(lambda model, x=x, y=y: 1 - self.right(model(x), y).double().mean())
                for x, y in tables
            ]
            return {"error": torch.stack(wrong).mean(0)}

        return table_plan(self.settings, loss, evaluate)


def table_plan(
    settings: MaskSettings,
    loss: Callable[[nn.Module, Tensor, dict[str, Tensor]], Tensor],
    evaluate: Evaluate,
) -> TrainConfig:
    """Adam at 1e-3, gradients of norm 1 at most; best where the ``error`` is least."""
    return TrainConfig(
        loss=loss,
        optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True),
        steps=settings.steps,
        evaluate=evaluate,
        eval_every=settings.evaluate_every,
        monitor="error",
        grad_clip=Clip(norm=1.0),
        solved=lambda measures: measures["error"] == 0,
        compile=False,  # a single network of wide layers: nothing to fuse
    )
