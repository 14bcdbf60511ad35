"""Networks that are trained together, by the recipe, until their checks are perfect; then rounded and examined."""

from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

import polars as pl

from extrapolate.experiments.later import Later
from extrapolate.experiments.neural_gpu.recipe import Recipe
from extrapolate.experiments.neural_gpu.sheets import Sheet, examine, rank, shares
from extrapolate.nn import DiagonalNeuralGPU
from extrapolate.training import History, Replicas
from extrapolate.training.train_config import TrainConfig
from extrapolate.training.watch import Watch

UNIT = "DNGPU"

#: How much the share of errors on what is built to fail counts beside that on random sequences, choosing weights.
RARE = 0.1

#: Levels of what is not rounded at all, beside others.
FINEST = 2**24


@dataclass(frozen=True)
class NeuralGPUPart:
    """Some seeds on one task. ``wrong``: the errors of each by sheet, once they are examined.

    They answer with states rounded to multiples of 1/N (0: plainly), N being the one of ``levels`` that goes furthest
    through the ``trials``, the coarsest of equals: ``chosen``, once that is known.

    ``checks`` are the sheets of every evaluation: the weights with the fewest errors on them are kept, those on what
    is not typical counting a tenth. ``perfect``
    evaluations without an error in a row end a training, if given. Solved: no error on any sheet that was given out.
    """

    recipe: Recipe
    steps: int
    evaluate_every: int
    checks: tuple[Sheet, ...]
    sheets: tuple[Sheet, ...]
    device: str
    perfect: int | None = None
    levels: tuple[int, ...] = (0,)
    trials: tuple[Sheet, ...] = ()
    chosen: tuple[int, ...] = ()
    wrong: tuple[dict[str, int | None], ...] = ()

    @property
    def name(self) -> str:
        first, last = self.recipe.seeds[0], self.recipe.seeds[-1]
        return f"{self.recipe.task.name}-{first}" + (f"-to-{last}" if last != first else "")

    def about(self) -> dict[str, Any]:
        task = self.recipe.task
        return {
            "model": "DiagonalNeuralGPU",
            "task": task.name,
            "symbols": task.symbols,
            "classes": task.classes,
            "maps": self.recipe.maps,
            "levels": list(self.levels),
            "seeds": list(self.recipe.seeds),
        }

    def replicas(self) -> Replicas:
        return self.recipe.replicas(self.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        def checks(model: DiagonalNeuralGPU) -> dict[str, float]:
            found = list(zip(self.checks, shares(model, self.checks), strict=True))
            errors = sum(share * (1 if sheet.typical else RARE) for sheet, share in found)
            return {"error": max(share for _, share in found), "errors": errors}

        ends = partial(_perfect, self.perfect) if self.perfect else None
        return self.recipe.plan(replicas, self.steps, self.evaluate_every, checks, ends)

    @property
    def more_steps(self) -> int:
        return self._trial_steps + len(self.recipe.seeds) * sum(sheet.pieces for sheet in self.sheets)

    @property
    def _trial_steps(self) -> int:
        return len(self.recipe.seeds) * len(self.levels) * sum(sheet.pieces for sheet in self._trials)

    @property
    def _trials(self) -> tuple[Sheet, ...]:
        return self.trials if len(self.levels) > 1 else ()  # else there is nothing to choose

    def go_on(self, replicas: Replicas, checkpoint: Path, watch: Watch) -> "NeuralGPUPart":
        """Tries the roundings, and gives out the sheets."""
        rows = range(len(replicas))
        beside = checkpoint.with_name(f"{checkpoint.stem}-levels{checkpoint.suffix}")
        tried = [self._network(replicas, row, levels) for row in rows for levels in self.levels]
        found = iter(examine(tried, self._trials, beside, watch))
        ranks = [{levels: (*rank(next(found)), levels or FINEST) for levels in self.levels} for _ in rows]
        chosen = tuple(min(own, key=own.__getitem__) for own in ranks)
        networks = [self._network(replicas, row, levels) for row, levels in enumerate(chosen)]
        later = Later(self._trial_steps, watch)
        return replace(self, chosen=chosen, wrong=examine(networks, self.sheets, checkpoint, later))

    def _network(self, replicas: Replicas, row: int, levels: int) -> DiagonalNeuralGPU:
        model = self.recipe.network(replicas, row)
        model.levels = levels or None
        return model

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        """A row a network: errors and sequences of every sheet, in columns ``SHEET/wrong`` and ``SHEET/of``."""
        if not self.wrong:
            raise RuntimeError("the networks are not examined yet: go_on comes first")
        rows = [self._row(index, wrong, history) for index, wrong in enumerate(self.wrong)]
        kinds = {name: pl.Int64 for name in rows[0] if name.endswith(("/wrong", "/of", "solved_at"))}
        return pl.DataFrame(rows, schema_overrides=kinds)

    def _row(self, index: int, wrong: dict[str, int | None], history: History) -> dict[str, Any]:
        solved = all(count == 0 for count in wrong.values() if count is not None)
        perfect = (history.metrics["error"][:, index] == 0).nonzero().flatten().tolist()
        row = {
            "unit": UNIT,
            "operation": self.recipe.task.name,
            "range": f"up to {self.recipe.bins.ends[-1]} places",
            "seed": self.recipe.seeds[index],
            "solved": solved,
            "solved_at": int(history.steps[perfect[0]]) if solved and perfect else None,
            "steps": int(history.steps[-1]),
            "best_step": int(history.best_step[index]),
            "levels": self.chosen[index],
            "seconds": history.seconds_so_far,
            "loss": float(history.metrics["loss"][-1, index]),
        }
        for sheet in self.sheets:
            row[f"{sheet.name}/wrong"] = wrong[sheet.name]
            row[f"{sheet.name}/of"] = sheet.count
        return row

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}


def _perfect(count: int, history: History) -> bool:
    """Whether the last so many evaluations of all networks were without an error."""
    last = history.metrics["error"][-count:]
    return len(last) == count and bool((last == 0).all())
