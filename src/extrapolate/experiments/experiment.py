"""An experiment: presets of its configuration, a function that yields trainings, and findings."""

import math
import sys
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from functools import partial
from pkgutil import resolve_name
from typing import Any, Generic, TypeVar

import polars as pl

from extrapolate.experiments.config import Settings
from extrapolate.experiments.findings import Claim, Finding, judge
from extrapolate.experiments.ledger import cite
from extrapolate.experiments.options import axes_of
from extrapolate.experiments.summary import Means, summarize
from extrapolate.experiments.training import Job

C = TypeVar("C", bound=Settings)

#: Fields of every smoke preset, as far as the configuration has them.
SMOKE = {"seeds": 2, "steps": 6, "eval_every": 3, "batch": 4, "compile": False}


@dataclass(frozen=True)
class Experiment(Generic[C]):
    """A published result: the trainings to run and the findings to check. :func:`experiment` makes it."""

    name: str
    title: str
    source: str
    presets: Mapping[str, C]
    trainings: Callable[[C], Iterable[Job]]
    findings: Callable[[C], Iterable[Finding]]
    notes: Callable[[C], list[str]]
    outline: Callable[[C], str]
    summary: Callable[[pl.DataFrame], pl.DataFrame]
    draw: Callable[[pl.DataFrame, C], pl.DataFrame] | None

    def __reduce__(self) -> Any:
        """Pickle by reference, like a function: another process imports it."""
        return resolve_name, (f"{self.trainings.__module__}:{self.trainings.__name__}",)

    def jobs(self, config: C) -> dict[str, Job]:
        """Return the trainings and measurements, by name.

        Raises:
            ValueError: two of them have the same name.
        """
        found: dict[str, Job] = {}
        for each in self.trainings(config):
            if each.name in found:
                raise ValueError(f"{self.name} yields two trainings with the name {each.name!r}: rename one")
            found[each.name] = each
        return found

    def claims(self, results: pl.DataFrame, config: C) -> list[Claim]:
        """Judge the findings whose models were run."""
        claims = (judge(each, results, config, self) for each in self.findings(config))
        return [claim for claim in claims if claim is not None]


def experiment(
    *,
    papers: Sequence[str],
    laptop: C,
    paper: Mapping[str, Any],
    smoke: Mapping[str, Any],
    findings: Callable[[C], Iterable[Finding]],
    notes: Callable[[C], list[str]],
    outline: Callable[[C], str] | None = None,
    means: Means = (),
    curves: Callable[[pl.DataFrame, C], pl.DataFrame] | None = None,
) -> Callable[[Callable[[C], Iterable[Job]]], Experiment[C]]:
    """Decorate a function that yields trainings, to make it an experiment.

    Its name is the function's name, its title the first line of the module's docstring.

    Args:
        papers: the publications, by arXiv number; each has a file in ``claims/``.
        laptop: the configuration of the laptop preset.
        paper: fields with other values in the paper preset.
        smoke: fields with other values in the smoke preset, besides :data:`SMOKE`.
        findings: returns the published findings for a configuration.
        notes: returns what a reader must know about how the results were made.
        outline: returns one line with the number of models; by default from the axes of the configuration.
        means: columns of the results whose means the summary has, besides success rates. A mapping also gives the
            estimator of each mean, if it is not Student's t.
        curves: returns the lines of the page's figure, made by :func:`curves.curves_table`.
    """
    common = {name: value for name, value in SMOKE.items() if name in {each.name for each in fields(laptop)}}
    presets = {
        "smoke": replace(laptop, **{**common, **smoke}),
        "laptop": laptop,
        "paper": replace(laptop, **paper),
    }

    def make(trainings: Callable[[C], Iterable[Job]]) -> Experiment[C]:
        title = (sys.modules[trainings.__module__].__doc__ or trainings.__doc__ or "").strip().splitlines()[0]
        name = trainings.__name__.replace("_", "-")
        rest = findings, notes, outline or count_models, partial(summarize, means=means), curves
        return Experiment(name, title.rstrip("."), cite(*papers), presets, trainings, *rest)

    return make


def count_models(config: Any) -> str:
    """Describe the models: ``2 units × 9 ranges × 25 seeds = 450 models of 50,000 steps``."""
    counts = {noun: len(values) for noun, values in axes_of(config).items()} | {"seed": config.seeds}
    factors = " × ".join(count_of(count, noun) for noun, count in counts.items())
    steps = f"{config.steps:,} steps" if config.steps else "the published number of steps"
    return f"{factors} = {count_of(math.prod(counts.values()), 'model')} of {steps}"


def count_of(count: int, noun: str) -> str:
    """Write a count with its noun: ``3 seeds``, ``1 seed``; of ``kind of image``: ``2 kinds of image``."""
    first, space, rest = noun.partition(" of ")
    return f"{count:,} {first}{'' if count == 1 else 's'}{space}{rest}"


def intervals_note(*texts: str) -> str:
    """Write a note: ``Intervals (95 %): Wilson for success rates, Student's t for errors.``"""
    return f"Intervals (95 %): {', '.join(texts)}."
