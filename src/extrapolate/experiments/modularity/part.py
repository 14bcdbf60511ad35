"""One network: its weights are trained, then masks over them are learned, round by round."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import nn

from extrapolate.experiments.later import Later
from extrapolate.experiments.modularity.subject import Stage, Subject
from extrapolate.experiments.modularity.tables import page_lines
from extrapolate.training import History, Replicas
from extrapolate.training.train_config import TrainConfig
from extrapolate.training.watch import Watch

if TYPE_CHECKING:
    from extrapolate.inspect import Mask


@dataclass(frozen=True)
class MaskedPart:
    """A subject; ``masks`` once they are learned."""

    subject: Subject
    device: str
    masks: "dict[str, Mask] | None" = None

    @property
    def name(self) -> str:
        return self.subject.name

    def about(self) -> dict[str, Any]:
        return self.subject.about()

    def replicas(self) -> Replicas:
        return Replicas.build(self.subject.build, [self.subject.seed], device=self.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        return self.subject.plan(replicas)

    @property
    def more_steps(self) -> int:
        return len(self.subject.rounds) * self.subject.mask_steps

    def go_on(self, replicas: Replicas, checkpoint: Path, watch: Watch) -> "MaskedPart":
        """Learns the masks; a file beside ``checkpoint`` for every round."""
        masks: dict[str, Mask] = {}
        network = replicas[0].eval()
        for number, stages in enumerate(self.subject.rounds):
            later = Later(number * self.subject.mask_steps, watch)
            file = checkpoint.with_name(f"{checkpoint.stem}-{number}{checkpoint.suffix}")
            masks |= self._round(stages, len(masks), network, masks, file, later)
        return replace(self, masks={name: mask.cpu() for name, mask in masks.items()})

    def _round(
        self,
        stages: tuple[Stage, ...],
        first: int,
        network: nn.Module,
        masks: "dict[str, Mask]",
        checkpoint: Path,
        watch: Watch,
    ) -> "dict[str, Mask]":
        from extrapolate.inspect import MaskLearner  # brings sympy with it
        from extrapolate.inspect.masks import learn

        subject, device = self.subject, torch.device(self.device)
        places = range(first, first + len(stages))
        learners = [
            MaskLearner(
                subject.module(stage, network, masks),
                subject.loss,
                subject.learning(),
                name=stage.name,
                place=place,
                choose=subject.choose(stage),
                losses=subject.losses(),
            )
            for stage, place in zip(stages, places, strict=True)
        ]
        batches = [
            partial(subject.batch_of, stage, place, device=device)
            for stage, place in zip(stages, places, strict=True)
        ]
        learn(learners, batches, subject.mask_steps, checkpoint=checkpoint, watch=watch)
        pairs = zip(stages, learners, strict=True)
        return {stage.name: subject.completed(stage, learner.mask(), masks) for stage, learner in pairs}

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        """A row a view of the network and what was asked."""
        masks, subject = self._masks(), self.subject
        about = {"seed": subject.seed, "steps": int(history.steps[-1]), "mask_steps": subject.mask_steps}
        about |= subject.further(masks)
        rows = []
        with torch.no_grad():
            for view in subject.views(replicas[0].cpu().eval(), masks):
                mask = view.mask
                kept = {
                    "kept": None if mask is None else int(mask.kept().pooled),
                    "kept_share": None if mask is None else mask.fraction().pooled,
                }
                for row in subject.asked(view.model):
                    rows.append({"unit": view.name, **row, **kept, **about})
        return pl.DataFrame(rows, infer_schema_length=None)

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        masks = self._masks()
        lines = page_lines(masks, self.subject.compared(), rows, self.subject.lines(masks))
        found = {"masks": lines, **self.subject.page_tables(rows)}
        seed = pl.lit(self.subject.seed, pl.Int64)
        return {name: table.with_columns(seed=seed) for name, table in found.items()}

    def _masks(self) -> "dict[str, Mask]":
        if self.masks is None:
            raise RuntimeError("the masks are not learned yet: go_on comes first")
        return self.masks
