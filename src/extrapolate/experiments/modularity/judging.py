"""How findings about masks are judged: means over the networks against bounds."""

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import student
from extrapolate.experiments.modularity.settings import MaskSettings

SOURCE = "arXiv 2010.02066, in words"


@dataclass(frozen=True)
class Judge:
    """Reads results, a row a network, view and question; claims are not judged on less training than ``least``."""

    results: pl.DataFrame
    settings: MaskSettings
    least: MaskSettings

    def accuracy(self, view: str, asked: str) -> np.ndarray:
        """Share of right answers, a network each."""
        return self.column(view, asked, "accuracy")

    def column(self, view: str, asked: str, name: str) -> np.ndarray:
        """A column of the rows of one view and question, a network each."""
        rows = self.results.filter(unit=view, operation=asked).sort("seed")
        return rows[name].cast(pl.Float64).to_numpy()

    def above(self, id: str, claim: str, values: np.ndarray, least: float, why: str | None = None) -> Claim:
        """Holds where the mean is at least so much."""
        return self._claim(id, claim, values, bool(values.mean() >= least), why)

    def below(self, id: str, claim: str, values: np.ndarray, most: float, why: str | None = None) -> Claim:
        """Holds where the mean is at most so much."""
        return self._claim(id, claim, values, bool(values.mean() <= most), why)

    def controls(self, asked: Sequence[str], least: float, start: str = "") -> list[Claim]:
        """That the mask learned on everything costs little."""
        return [
            self.above(
                f"{start}control/{each}".replace(", ", "-"),
                f"the mask learned on everything costs little ({start}right answers to {each}, at least "
                f"{100 * least:g} %)",
                self.accuracy(f"{start}control", each),
                least,
            )
            for each in asked
        ]

    def _claim(self, id: str, claim: str, values: np.ndarray, holds: bool, why: str | None) -> Claim:
        mean = student(values)
        cut = self._cut()
        return Claim(
            id, claim, SOURCE, mean.value, interval_of(mean), mean.n, None if cut else holds, cut or why
        )

    def _cut(self) -> str | None:
        own, least = self.settings, self.least
        if own.steps >= least.steps and own.mask_steps >= least.mask_steps:
            return None
        return (
            f"not judged: {own.steps:,} and {own.mask_steps:,} steps of weights and masks instead of "
            f"{least.steps:,} and {least.mask_steps:,}"
        )
