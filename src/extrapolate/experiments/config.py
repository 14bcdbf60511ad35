"""The configuration of an experiment: its fields are the options of the command.

A *cut* of a field describes in words how its value falls short of the paper's.
"""

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Self

import torch
from torch import Tensor, nn
from torch.optim import Optimizer

from extrapolate._runtime.errors import UserError
from extrapolate.experiments.options import (
    Cut,
    Option,
    at_least,
    available_device,
    match_name,
    names_from,
    options_of,
    real_between,
    sorted_from,
)
from extrapolate.tasks import RangePair, parse_range_pairs
from extrapolate.training import Replicas
from extrapolate.training.metrics import Evaluate
from extrapolate.training.train_config import Loss, TrainConfig


def fewer(noun: str) -> Cut:
    """Make a cut: ``120,000 of 300,000 steps``, where the own value is the smaller one."""
    return lambda own, paper: f"{own:,} of {paper:,} {noun}" if own < paper else None


def larger(text: str) -> Cut:
    """Make a cut: ``text.format(own, paper)``, where the own value is the larger one."""
    return lambda own, paper: text.format(own, paper) if own > paper else None


def other(text: str) -> Cut:
    """Make a cut: ``text.format(own, paper)``, where the values differ."""
    return lambda own, paper: text.format(own, paper) if own != paper else None


def missing(noun: str) -> Cut:
    """Make a cut: ``7 of 9 ranges``, where some of the paper's values are missing."""

    def cut(own: Sequence[Any], paper: Sequence[Any]) -> str | None:
        present = len([each for each in paper if each in own])
        return f"{present} of {len(paper)} {noun}" if present < len(paper) else None

    return cut


def instead(embedded: str, papers: str) -> Cut:
    """Make a cut: ``scikit-learn instead of MNIST``, where the data are those of the package, not the paper's."""
    return lambda own, paper: f"{embedded} instead of {papers}" if own == embedded != paper else None


def integer(default: int, help: str, *, least: int = 1, cut: Cut | None = None) -> Any:
    """Make an option: a whole number of at least ``least``."""
    return _option(default, help, at_least(least), str, "N", cut)


def real(
    default: float,
    help: str,
    *,
    least: float = -math.inf,
    above: float = -math.inf,
    below: float = math.inf,
    cut: Cut | None = None,
) -> Any:
    """Make an option: a number of at least ``least``, above ``above`` and below ``below``."""
    return _option(default, help, real_between(least, above, below), "{:g}".format, "X", cut)


def integers(default: Sequence[int], help: str, *, least: int = 1, cut: Cut | None = None) -> Any:
    """Make an option: whole numbers separated by commas, sorted and without duplicates."""
    return _option(tuple(default), help, sorted_from(at_least(least)), _join, "NUMBERS", cut)


def reals(
    default: Sequence[float],
    help: str,
    *,
    read: Callable[[str], float],
    cut: Cut | None = None,
    axis: str | None = None,
) -> Any:
    """Make an option: numbers separated by commas, each parsed by ``read``, sorted and without duplicates."""

    def write(values: Sequence[float]) -> str:
        return ",".join(f"{each:.6g}" for each in values)

    return _option(tuple(default), help, sorted_from(read), write, "NUMBERS", cut, axis)


def sizes(default: Sequence[int], help: str, *, cut: Cut | None = None) -> Any:
    """Make an option: whole numbers separated by commas, whose order is significant."""

    def read(text: str) -> tuple[int, ...]:
        return tuple(at_least(1)(part) for part in text.split(","))

    return _option(tuple(default), help, read, _join, "SIZES", cut)


def name(default: str, known: Iterable[str], help: str, kind: str, *, cut: Cut | None = None) -> Any:
    """Make an option: one of the names ``known``. ``kind`` is the noun for a name in error messages."""
    names = list(known)
    return _option(default, help, lambda text: match_name(text.strip(), names, kind), str, "NAME", cut)


def names(
    known: Iterable[str],
    help: str,
    kind: str,
    *,
    default: Sequence[str] | None = None,
    cut: Cut | None = None,
    axis: str | None = None,
) -> Any:
    """Make an option: some of the names ``known``, separated by commas. Models are trained for each of them.

    All names are the default, unless ``default`` is set. ``kind`` is the noun for a name in error messages, and the
    axis unless ``axis`` is set.
    """
    every = tuple(known)
    text = f"{help}, separated by commas. Choices: {', '.join(every)}."
    chosen = every if default is None else tuple(default)
    return _option(chosen, text, names_from(every, kind), ",".join, "NAMES", cut, axis or kind)


def ranges(default: Sequence[RangePair], *, cut: Cut | None = None) -> Any:
    """Make an option: pairs of a training range and a test range. Models are trained for each pair."""
    help = (
        "Ranges separated by ';'. Each is a published training range such as 'U[-2,-1]', or a training range and a "
        "test range of your own such as 'U[3,4]/U[4,9]'."
    )

    def write(pairs: tuple[RangePair, ...]) -> str:
        return "; ".join(f"{pair.train}/{pair.test}" for pair in pairs)

    return _option(tuple(default), help, parse_range_pairs, write, "RANGES", cut, "range")


#: The value of a data folder that the user must set: that of the ``paper`` preset if the package lacks the data.
REQUIRED = "required"


def require(value: str, what: str) -> str:
    """Return a folder that the user has set.

    Raises:
        UserError: it is still ``REQUIRED``; the message asks for ``what``, "--data DIR with MNIST's four files".
    """
    if value == REQUIRED:
        raise UserError(f"the paper's data are not part of this package: give {what}")
    return value


def folder(default: str, embedded: str, help: str, *, cut: Cut | None = None) -> Any:
    """Make an option: a folder with data, or ``embedded`` (the name of the package's data), or ``REQUIRED``."""

    def read(text: str) -> str:
        if text not in (embedded, REQUIRED) and not Path(text).is_dir():
            raise UserError(f"{text}: no such folder: give a folder with the files, or {embedded}")
        return text

    return _option(default, help, read, str, "DIR", cut)


def _option(
    default: Any,
    help: str,
    read: Callable[[str], Any],
    write: Callable[[Any], str],
    metavar: str,
    cut: Cut | None = None,
    axis: str | None = None,
) -> Any:
    return field(default=default, metadata={"option": Option(help, read, write, metavar, cut, axis)})


def _join(values: Sequence[int]) -> str:
    return ",".join(map(str, values))


@dataclass(frozen=True, kw_only=True)
class Settings:
    """The options of any experiment: a frozen dataclass. The functions of this file make its fields."""

    device: str = _option("cpu", "Device to train on: cpu or cuda.", available_device, str, "DEVICE")

    def cuts(self, paper: Self) -> dict[str, str]:
        """Return by field how this falls short of ``paper``: ``{"steps": "120,000 of 300,000 steps"}``."""
        pairs = {
            name: option.cut(getattr(self, name), getattr(paper, name))
            for name, option in options_of(self).items()
            if option.cut is not None
        }
        return {name: text for name, text in pairs.items() if text}


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """The options of an experiment that trains models."""

    seeds: int = integer(8, "Models trained per combination; their seeds are 0, 1, 2, ...", cut=fewer("seeds"))
    steps: int = integer(50_000, "Training steps per model.", cut=fewer("steps"))
    eval_every: int = integer(1_000, "Training steps between two evaluations.")
    batch: int = integer(128, "Examples per training step.", cut=fewer("examples per step"))
    compile: bool = True

    def train(
        self,
        loss: Loss,
        optimizer: Callable[[list[Tensor]], Optimizer],
        evaluate: Evaluate | Mapping[str, Callable[[nn.Module], Tensor]],
        monitor: str = "",
    ) -> TrainConfig:
        """Make the training arguments, with the steps of this configuration.

        Args:
            loss: the loss of one model, ``loss(model, key, batch)``.
            optimizer: makes the optimizer from the stacked parameters.
            evaluate: the metrics of an evaluation: functions of one model by name, or one function of all replicas.
            monitor: the metric that selects the best step; by default the first of ``evaluate``.

        ``dataclasses.replace`` sets further arguments of :class:`TrainConfig`.
        """
        if isinstance(evaluate, Mapping):
            monitor, evaluate = monitor or next(iter(evaluate)), metrics_of_each(evaluate)
        steps = self.steps, evaluate, self.eval_every
        return TrainConfig(loss, optimizer, *steps, monitor, compile=self.compile)


def metrics_of_each(metrics: Mapping[str, Callable[[nn.Module], Tensor]]) -> Evaluate:
    """Make an evaluation that maps functions of one model over all replicas."""

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return {name: replicas.vmap(metric) for name, metric in metrics.items()}

    return evaluate
