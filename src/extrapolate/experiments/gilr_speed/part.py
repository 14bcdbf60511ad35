"""All comparisons, one after the other: two at once would take each other's memory bandwidth."""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from torch import nn

from extrapolate.experiments.gilr_speed.measurements import Comparison, comparisons
from extrapolate.experiments.gilr_speed.models import LAYERS
from extrapolate.experiments.gilr_speed.settings import SpeedSettings
from extrapolate.experiments.untrained import no_training
from extrapolate.training import History, Replicas
from extrapolate.training.checkpoint import Checkpoint, read, write
from extrapolate.training.train_config import TrainConfig
from extrapolate.training.watch import Interrupted, Watch


@dataclass(frozen=True)
class SpeedPart:
    """Nothing is trained; the comparisons follow, and ``found`` holds a row a measurement."""

    settings: SpeedSettings
    found: list[dict[str, Any]] = field(default_factory=list)

    name = "times"

    @property
    def more_steps(self) -> int:
        return len(comparisons(self.settings))

    def about(self) -> dict[str, Any]:
        return {"layers": list(self.settings.layers), "hidden": self.settings.hidden}

    def replicas(self) -> Replicas:
        """The layers that are timed, at their first weights."""

        def build() -> nn.Module:
            return nn.ModuleDict({name: LAYERS[name](self.settings.hidden) for name in self.settings.layers})

        return Replicas.build(build, [0], device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        return no_training()

    def go_on(self, replicas: Replicas, checkpoint: Path, watch: Watch) -> "SpeedPart":
        found: list[dict[str, Any]] = read(checkpoint).about["found"] if checkpoint.exists() else []
        done = {(row["unit"], row["length"]) for row in found}
        for number, each in enumerate(comparisons(self.settings), 1):
            if (each.unit, each.length) not in done:
                found += _rows(each, self.settings.repeats)
                write(checkpoint, Checkpoint({}, {"found": found}))
            watch.progress(number, None)
            if watch.stop_requested() and number < self.more_steps:
                raise Interrupted(f"stopped after {number} of {self.more_steps} comparisons")
        return SpeedPart(self.settings, found)

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        return pl.DataFrame(self.found, infer_schema_length=None)

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}


def _rows(comparison: Comparison, repeats: int) -> list[dict[str, Any]]:
    times = comparison.times(repeats)
    return [
        {
            "unit": comparison.unit,
            "operation": comparison.operation,
            "range": f"{comparison.length:,} steps",
            "seed": turn,
            "length": comparison.length,
            "batch": comparison.batch,
            **{
                f"{side}_ms": 1e3 * times[side][turn] if side in times else None
                for side in ("ours", "loop", "lstm")
            },
        }
        for turn in range(repeats)
    ]
