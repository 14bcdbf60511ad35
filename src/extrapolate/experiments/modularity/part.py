"""One network: its weights are trained on both operations, then a mask for both and for each is learned."""

import itertools
from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.modularity_add_mul.settings import ModularitySettings
from extrapolate.experiments.modularity_add_mul.tables import drawn, masked_rows, unmasked_rows
from extrapolate.tasks.modular_arithmetic import MODULAR_OPERATIONS, ModularArithmetic
from extrapolate.training import Clip, History, Interrupted, Plan, Replicas, Watch

if TYPE_CHECKING:
    from extrapolate.inspect import Mask

#: By name of the mask, the operations that it is learned on; "control" shows what pruning alone costs.
FUNCTIONS = {"control": MODULAR_OPERATIONS, "add": ("add",), "mul": ("mul",)}

#: Batch size that the published strength is divided by: the one that the weights are trained with.
PUBLISHED_BATCH = 128


@dataclass(frozen=True)
class AddMulPart:
    """The network of one seed; ``masks`` once they are learned."""

    seed: int
    settings: ModularitySettings
    masks: "dict[str, Mask] | None" = None

    @property
    def name(self) -> str:
        return f"seed-{self.seed}"

    @property
    def task(self) -> ModularArithmetic:
        return ModularArithmetic()

    def about(self) -> dict[str, Any]:
        return {"model": "FNN", "hidden": list(self.settings.hidden), "seed": self.seed}

    def _build(self) -> nn.Module:
        sizes = [self.task.in_features, *self.settings.hidden, self.task.out_features]
        parts = [part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
        return nn.Sequential(*parts[:-1])

    def replicas(self) -> Replicas:
        return Replicas.build(self._build, [self.seed], device=self.settings.device)

    def plan(self, replicas: Replicas) -> Plan:
        settings, task = self.settings, self.task
        tables = [_on(replicas.device, task.table(each)) for each in MODULAR_OPERATIONS]

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            x, answer = task.drawn(ops.uniform(key, (3, settings.batch)))
            return task.loss(model(x), answer)

        def evaluate(replicas: Replicas) -> dict[str, Tensor]:
            wrong = [
                replicas.map(lambda model, x=x, y=y: 1 - task.right(model(x), y).double().mean())
                for x, y in tables
            ]
            return {"error": torch.stack(wrong).mean(0)}

        return Plan(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=1e-3, fused=True),
            steps=settings.steps,
            evaluate=evaluate,
            evaluate_every=settings.evaluate_every,
            best_by="error",
            clip=Clip(norm=1.0),
            solved=lambda measures: measures["error"] == 0,
            compile=False,  # a single network of wide layers: nothing to fuse
        )

    @property
    def more_steps(self) -> int:
        return self.settings.mask_steps

    def go_on(self, replicas: Replicas, checkpoint: Path, watch: Watch) -> "AddMulPart":
        """Learns the three masks side by side."""
        from extrapolate.inspect import Learning, MaskLearner, Stopped  # brings sympy with it
        from extrapolate.inspect.masks import learn

        task, network = self.task, replicas[0]
        learning = Learning(pressure=self.settings.strength / PUBLISHED_BATCH, seed=self.seed)

        def loss(model: Callable[[Tensor], Tensor], x: Tensor, answer: Tensor) -> Tensor:
            return task.loss(model(x), answer)

        learners = [
            MaskLearner(network, loss, learning, name=name, place=place)
            for place, name in enumerate(FUNCTIONS)
        ]
        batches = [partial(self._batch, replicas.device, place) for place in range(len(FUNCTIONS))]
        try:
            learn(learners, batches, self.settings.mask_steps, checkpoint=checkpoint, watch=watch)
        except Stopped as stopped:
            raise Interrupted(str(stopped)) from None
        return replace(self, masks={learner.name: learner.mask().cpu() for learner in learners})

    def _batch(self, device: torch.device, place: int, step: int) -> tuple[Tensor, Tensor]:
        # streams of their own: those of the drawn masks begin at 0 and are few
        key = torch.tensor([self.seed, 1_000_000 + place, step], device=device)
        u = ops.uniform(key, (3, self.settings.batch))
        return self.task.drawn(u, list(FUNCTIONS.values())[place])

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        network, masks = replicas[0].cpu(), self._masks()
        about = {
            "seed": self.seed,
            "steps": self.settings.steps,
            "mask_steps": self.settings.mask_steps,
            "iou_second": list(masks["add"].iou(masks["mul"]).layers.values())[1],
        }
        rows = [*unmasked_rows(self.task, network), *masked_rows(self.task, network, masks)]
        return pl.DataFrame([row | about for row in rows], infer_schema_length=None)

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        masks = self._masks()
        return {"masks": drawn(masks, rows).with_columns(seed=pl.lit(self.seed, pl.Int64))}

    def _masks(self) -> "dict[str, Mask]":
        if self.masks is None:
            raise RuntimeError("the masks are not learned yet: go_on comes first")
        return self.masks


def _on(device: torch.device, tensors: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
    return tuple(each.to(device) for each in tensors)
