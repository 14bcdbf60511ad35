"""Numbers of solved models per unit and range, shared by the headline, the page and the terminal."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property

import polars as pl

from extrapolate.report.files import Folder, has
from extrapolate.report.words import OPERATIONS

#: With more units than this, units that solve nothing are only named.
MANY = 8


@dataclass(frozen=True)
class Cell:
    """One unit in one range: `solved` of `n` models, and the 95 % interval of the rate if known."""

    model: str
    split: str
    solved: int
    n: int
    low: float | None
    high: float | None

    @property
    def success_rate(self) -> float | None:
        return self.solved / self.n if self.n else None


@dataclass(frozen=True)
class Success:
    """The cells of one operation. Ranges are in the order of the file; the best unit is first."""

    task: str
    cells: Sequence[Cell]

    @cached_property
    def ranges(self) -> list[str]:
        return list(dict.fromkeys(cell.split for cell in self.cells))

    @cached_property
    def units(self) -> list[str]:
        units = dict.fromkeys(cell.model for cell in self.cells)
        return sorted(units, key=lambda model: -self.total(model)[0] / max(1, self.total(model)[1]))

    @cached_property
    def solving(self) -> list[str]:
        """The units that get a panel: if there are many, only those that solve something."""
        return [unit for unit in self.units if len(self.units) <= MANY or self.total(unit)[0]]

    @cached_property
    def failing(self) -> list[str]:
        """The units that get no panel."""
        return [unit for unit in self.units if unit not in self.solving]

    @cached_property
    def _by_key(self) -> dict[tuple[str, str], Cell]:
        return {(cell.model, cell.split): cell for cell in self.cells}

    def at(self, model: str, split: str) -> Cell | None:
        return self._by_key.get((model, split))

    def total(self, model: str) -> tuple[int, int]:
        """Return the number of solved models of a unit over all ranges, and the number of its models."""
        own = [cell for cell in self.cells if cell.model == model]
        return sum(cell.solved for cell in own), sum(cell.n for cell in own)


def in_order(operations: Sequence[str]) -> list[str]:
    """Return each operation once: +, −, ×, ÷, then others in the order of the file."""
    found = list(dict.fromkeys(operations))
    return [name for name in OPERATIONS if name in found] + [name for name in found if name not in OPERATIONS]


def successes(folder: Folder) -> list[Success]:
    """Return success by operation: from the summary, else counted from the results (no intervals)."""
    frame = _from_summary(folder)
    if frame is None:
        frame = _from_results(folder)
    if frame is None:
        return []
    cells: dict[str, list[Cell]] = {}
    for row in frame.iter_rows(named=True):
        cell = Cell(row["model"], row["split"], row["solved"], row["n"], row["low"], row["high"])
        cells.setdefault(row["task"], []).append(cell)
    return [Success(operation, cells[operation]) for operation in in_order(list(cells))]


def _from_summary(folder: Folder) -> pl.DataFrame | None:
    if folder.summary is None or not has(folder.summary, "summary.parquet"):
        return None
    rates = folder.summary.filter(pl.col("measure") == "success_rate")
    rate = pl.when(pl.col("estimate").is_between(0, 1)).then("estimate").otherwise(0.0)
    rates = rates.with_columns(n=pl.col("n").fill_null(0), estimate=rate)
    solved = (pl.col("estimate") * pl.col("n")).round().cast(pl.Int64)
    return rates.with_columns(solved=solved) if rates.height else None


def _from_results(folder: Folder) -> pl.DataFrame | None:
    if folder.results is None or not has(folder.results, "results.parquet"):
        return None
    cells = folder.results.group_by("task", "model", "split", maintain_order=True)
    return cells.agg(
        solved=pl.col("solved").sum().cast(pl.Int64),
        n=pl.len().cast(pl.Int64),
        low=pl.lit(None, pl.Float64),
        high=pl.lit(None, pl.Float64),
    )
