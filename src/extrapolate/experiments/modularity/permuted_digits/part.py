"""One chain: task after task, weights and a mask are learned together, the weights of the tasks before frozen."""

from collections.abc import Callable
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.digit_images import digits_of
from extrapolate.experiments.later import Later
from extrapolate.experiments.modularity.dense import PUBLISHED_BATCH
from extrapolate.experiments.modularity.permuted_digits.chain import Chain, begin_anew, used
from extrapolate.experiments.modularity.permuted_digits.settings import (
    KEPT_START,
    MASKS,
    STARTS,
    PermutedDigitsSettings,
)
from extrapolate.experiments.modularity.permuted_digits.sharing import shares, sharing_lines
from extrapolate.experiments.modularity.subject import BATCHES
from extrapolate.experiments.modularity.tables import accuracies, table
from extrapolate.experiments.untrained import no_training
from extrapolate.tasks.permuted_digits import PermutedDigits
from extrapolate.training import History, Replicas
from extrapolate.training.train_config import TrainConfig
from extrapolate.training.watch import Watch

if TYPE_CHECKING:
    from extrapolate.inspect import Mask


@dataclass(frozen=True)
class ChainPart:
    """A network of one seed and one start; ``masks``, a task each, once they are learned."""

    start: str
    seed: int
    settings: PermutedDigitsSettings
    masks: "list[Mask] | None" = None

    @property
    def name(self) -> str:
        return f"{self.start}-seed-{self.seed}"

    def about(self) -> dict[str, Any]:
        return {
            "model": "Chain",
            "pixels": self._task().pixels,
            "hidden": list(self.settings.hidden),
            "tasks": self.settings.tasks,
            "seed": self.seed,
        }

    def replicas(self) -> Replicas:
        settings, pixels = self.settings, self._task().pixels
        return Replicas.build(
            lambda: Chain(pixels, settings.hidden, settings.tasks), [self.seed], device=settings.device
        )

    def plan(self, replicas: Replicas) -> TrainConfig:
        return no_training()

    @property
    def more_steps(self) -> int:
        return self.settings.tasks * self.settings.steps

    def go_on(self, replicas: Replicas, checkpoint: Path, watch: Watch) -> "ChainPart":
        """Learns the tasks; a file beside ``checkpoint`` for each."""
        chain, digits = _chain(replicas), self._task()
        masks: list[Mask] = []
        for task in range(self.settings.tasks):
            later = Later(task * self.settings.steps, watch)
            file = checkpoint.with_name(f"{checkpoint.stem}-{task}{checkpoint.suffix}")
            images, labels = (each.to(replicas.device) for each in digits.training(task))
            batches = partial(self._batch, images, labels, task)
            masks.append(self._learned(chain.of(task), task, masks, batches, file, later))
        replicas.load_state_dict({name: value[None] for name, value in chain.state_dict().items()})
        return replace(self, masks=[mask.cpu() for mask in masks])

    def _learned(
        self,
        network: nn.Sequential,
        task: int,
        masks: "list[Mask]",
        batches: Callable[[int], tuple[Tensor, Tensor]],
        checkpoint: Path,
        watch: Watch,
    ) -> "Mask":
        """The mask of a task, after those of the tasks before; its weights are put in ``network``."""
        from extrapolate.inspect import JointLearner, Learning, weights_and_biases
        from extrapolate.inspect.masks import learn

        settings, kept = self.settings, used(masks)
        begin_anew(network, kept, self.seed, task)
        learning = Learning(
            masks=MASKS,
            pressure=settings.strength / PUBLISHED_BATCH,
            start=KEPT_START if kept is None else STARTS[self.start],
            seed=self.seed,
        )
        learner = JointLearner(
            network,
            lambda model, x, label: PermutedDigits.loss(model(x), label),
            learning,
            frozen=kept,
            frozen_start=KEPT_START,
            name=f"task {task + 1}",
            place=task,
            choose=weights_and_biases,
        )
        learn([learner], [batches], settings.steps, checkpoint=checkpoint, watch=watch)
        network.load_state_dict(learner.weights())
        return learner.mask()

    def _batch(self, images: Tensor, labels: Tensor, task: int, step: int) -> tuple[Tensor, Tensor]:
        """The batch of a task's step, drawn with replacement."""
        key = torch.tensor([self.seed, BATCHES + task, step], device=images.device)
        picked = (ops.uniform(key, (self.settings.batch,)) * len(images)).long()
        return images[picked], labels[picked]

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        """A row a task, as all of them are in the end: under its own mask, with its own first layer."""
        chain, digits, masks = _chain(replicas).cpu(), self._task(), self._masks()
        rows = []
        for task, mask in enumerate(masks):
            images, labels = digits.test(task)
            with torch.no_grad():
                right = PermutedDigits.right(mask.applied(chain.of(task))(images), labels)
            accuracy = float(right.double().mean())
            rows.append(
                {
                    "unit": self.start,
                    "operation": f"task {task + 1}",
                    "range": "test images",
                    "task": task + 1,
                    "accuracy": accuracy,
                    "kept": int(mask.kept().pooled),
                    "kept_share": mask.fraction().pooled,
                    **shares(masks, task),
                    "seed": self.seed,
                    "steps": self.settings.steps,
                }
            )
        return pl.DataFrame(rows, infer_schema_length=None)

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        lines = accuracies(rows) + sharing_lines(self.start, self._masks(), self.settings.looked_at)
        return {"masks": table(lines).with_columns(seed=pl.lit(self.seed, pl.Int64))}

    def _task(self) -> PermutedDigits:
        return PermutedDigits(digits_of(self.settings.data))

    def _masks(self) -> "list[Mask]":
        if self.masks is None:
            raise RuntimeError("the tasks are not learned yet: go_on comes first")
        return self.masks


def _chain(replicas: Replicas) -> Chain:
    chain = replicas[0].eval()
    assert isinstance(chain, Chain)
    return chain
