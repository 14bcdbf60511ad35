"""One network: trained by the recipe until its checks are perfect, then examined."""

from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

import polars as pl

from extrapolate.experiments.neural_gpu.recipe import Recipe, network
from extrapolate.experiments.neural_gpu.sheets import Sheet, examine, shares
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.training import History, Plan, Replicas, Watch

UNIT = "DNGPU"

#: So many evaluations without an error in a row end a training.
PERFECT = 3


@dataclass(frozen=True)
class NeuralGPUPart:
    """One seed on one task. ``wrong``: errors by sheet, once it is examined.

    ``checks`` are the sheets of every evaluation: the weights with the fewest errors on them are kept. Solved: no
    error on any sheet that was given out.
    """

    recipe: Recipe
    steps: int
    evaluate_every: int
    checks: tuple[Sheet, ...]
    sheets: tuple[Sheet, ...]
    device: str
    wrong: dict[str, int | None] | None = None

    @property
    def name(self) -> str:
        return f"{self.recipe.task.name}-{self.recipe.seed}"

    def about(self) -> dict[str, Any]:
        task = self.recipe.task
        return {
            "model": "DiagonalNeuralGPU",
            "task": task.name,
            "symbols": task.symbols,
            "classes": task.classes,
            "maps": self.recipe.maps,
            "seed": self.recipe.seed,
        }

    def replicas(self) -> Replicas:
        return self.recipe.replicas(self.device)

    def plan(self, replicas: Replicas) -> Plan:
        def checks(model: DiagonalNeuralGPU) -> dict[str, float]:
            found = shares(model, self.checks)
            return {"error": max(found), "score": sum(found)}

        return self.recipe.plan(replicas, self.steps, self.evaluate_every, checks, _perfect)

    @property
    def more_steps(self) -> int:
        return sum(sheet.pieces for sheet in self.sheets)

    def go_on(self, replicas: Replicas, checkpoint: Path, watch: Watch) -> "NeuralGPUPart":
        """Gives out the sheets."""
        return replace(self, wrong=examine(network(replicas), self.sheets, checkpoint, watch))

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        """A row: errors and sequences of every sheet, in columns named ``SHEET/wrong`` and ``SHEET/of``."""
        if self.wrong is None:
            raise RuntimeError("the network is not examined yet: go_on comes first")
        solved = all(count == 0 for count in self.wrong.values() if count is not None)
        perfect = (history.measures["error"][:, 0] == 0).nonzero().flatten().tolist()
        row = {
            "unit": UNIT,
            "operation": self.recipe.task.name,
            "range": f"up to {self.recipe.bins.ends[-1]} places",
            "seed": self.recipe.seed,
            "solved": solved,
            "solved_at": history.steps[perfect[0]] if solved and perfect else None,
            "steps": history.steps[-1],
            "best_step": history.best_steps()[0],
            "seconds": history.seconds_so_far,
            "loss": float(history.measures["loss"][-1, 0]),
        }
        for sheet in self.sheets:
            row[f"{sheet.name}/wrong"] = self.wrong[sheet.name]
            row[f"{sheet.name}/of"] = sheet.count
        kinds = {name: pl.Int64 for name in row if name.endswith(("/wrong", "/of", "solved_at"))}
        return pl.DataFrame([row], schema_overrides=kinds)

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}


def _perfect(history: History) -> bool:
    last = history.measures["error"][-PERFECT:]
    return len(last) == PERFECT and bool((last == 0).all())
