"""The configuration of an experiment: its fields are the options of the command, and know what the paper had."""

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
    """``120,000 of 300,000 steps``."""
    return lambda own, paper: f"{own:,} of {paper:,} {noun}" if own < paper else None


def larger(text: str) -> Cut:
    """``text.format(own, paper)`` where the own value is the larger one."""
    return lambda own, paper: text.format(own, paper) if own > paper else None


def other(text: str) -> Cut:
    """``text.format(own, paper)`` where the values differ."""
    return lambda own, paper: text.format(own, paper) if own != paper else None


def missing(noun: str) -> Cut:
    """``7 of 9 ranges``: of those of the paper."""

    def cut(own: Sequence[Any], paper: Sequence[Any]) -> str | None:
        there = len([each for each in paper if each in own])
        return f"{there} of {len(paper)} {noun}" if there < len(paper) else None

    return cut


def instead(embedded: str, papers: str) -> Cut:
    """``scikit-learn instead of MNIST``: the data that come with the package, and those of the paper."""
    return lambda own, paper: f"{embedded} instead of {papers}" if own == embedded != paper else None


def integer(default: int, help: str, *, least: int = 1, cut: Cut | None = None) -> Any:
    """A whole number."""
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
    """A number of at least ``least``, above ``above`` and below ``below``."""
    return _option(default, help, real_between(least, above, below), "{:g}".format, "X", cut)


def integers(default: Sequence[int], help: str, *, least: int = 1, cut: Cut | None = None) -> Any:
    """Whole numbers separated by commas: each once, in rising order."""
    return _option(tuple(default), help, sorted_from(at_least(least)), _join, "NUMBERS", cut)


def reals(
    default: Sequence[float],
    help: str,
    *,
    read: Callable[[str], float],
    cut: Cut | None = None,
    axis: str | None = None,
) -> Any:
    """Numbers separated by commas, each read by ``read``: each once, in rising order."""

    def write(values: Sequence[float]) -> str:
        return ",".join(f"{each:.6g}" for each in values)

    return _option(tuple(default), help, sorted_from(read), write, "NUMBERS", cut, axis)


def sizes(default: Sequence[int], help: str, *, cut: Cut | None = None) -> Any:
    """Whole numbers separated by commas, in the order given."""

    def read(text: str) -> tuple[int, ...]:
        return tuple(at_least(1)(part) for part in text.split(","))

    return _option(tuple(default), help, read, _join, "SIZES", cut)


def name(default: str, known: Iterable[str], help: str, kind: str, *, cut: Cut | None = None) -> Any:
    """One of ``known``; ``kind`` is what an error calls one."""
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
    """Some of ``known`` separated by commas, all by default: models are trained for each of them.

    ``kind`` is what an error calls one, and the name of the axis unless that is given.
    """
    every = tuple(known)
    text = f"{help}, separated by commas, of {', '.join(every)}."
    chosen = every if default is None else tuple(default)
    return _option(chosen, text, names_from(every, kind), ",".join, "NAMES", cut, axis or kind)


def ranges(default: Sequence[RangePair], *, cut: Cut | None = None) -> Any:
    """Pairs of a training and a test range; models are trained for each of them."""
    help = (
        "Ranges separated by ';': a published training range as 'U[-2,-1]', or your own with the range to test on, "
        "'U[3,4]/U[4,9]'."
    )

    def write(pairs: tuple[RangePair, ...]) -> str:
        return "; ".join(f"{pair.train}/{pair.test}" for pair in pairs)

    return _option(tuple(default), help, parse_range_pairs, write, "RANGES", cut, "range")


#: The value of a folder of data that must be given: the ``paper`` preset's, where the paper's data do not come along.
REQUIRED = "required"


def require(value: str, what: str) -> str:
    """A folder, once it is given.

    Raises:
        UserError: it is ``REQUIRED``; says to give ``what``, as "--data DIR with MNIST's four files".
    """
    if value == REQUIRED:
        raise UserError(f"the paper's data are not part of this package: give {what}")
    return value


def folder(default: str, embedded: str, help: str, *, cut: Cut | None = None) -> Any:
    """A folder with data, or ``embedded``: the name of what is used without one; or ``REQUIRED``."""

    def read(text: str) -> str:
        if text not in (embedded, REQUIRED) and not Path(text).is_dir():
            raise UserError(f"{text}: no such folder; give one with the files, or {embedded}")
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
    """The options of any experiment: a frozen dataclass whose fields are made by the functions of this file."""

    device: str = _option("cpu", "Where to train: cpu or cuda.", available_device, str, "DEVICE")

    def cuts(self, paper: Self) -> dict[str, str]:
        """By field, how this falls short of ``paper``: ``{"steps": "120,000 of 300,000 steps"}``."""
        pairs = {
            name: option.cut(getattr(self, name), getattr(paper, name))
            for name, option in options_of(self).items()
            if option.cut is not None
        }
        return {name: text for name, text in pairs.items() if text}


@dataclass(frozen=True, kw_only=True)
class Config(Settings):
    """The options of an experiment that trains models."""

    seeds: int = integer(8, "Models of each kind; their seeds are 0, 1, 2, ...", cut=fewer("seeds"))
    steps: int = integer(50_000, "Training steps of each model.", cut=fewer("steps"))
    eval_every: int = integer(1_000, "Steps between two evaluations.")
    batch: int = integer(128, "Examples per step.", cut=fewer("examples per step"))
    compile: bool = True

    def train(
        self,
        loss: Loss,
        optimizer: Callable[[list[Tensor]], Optimizer],
        evaluate: Evaluate | Mapping[str, Callable[[nn.Module], Tensor]],
        monitor: str = "",
    ) -> TrainConfig:
        """A training of these steps.

        Args:
            loss: of one model, ``loss(model, key, batch)``.
            optimizer: makes the optimizer from the stacked parameters.
            evaluate: what is measured at evaluations: metrics of one model by name, or a function of all replicas.
            monitor: the metric that marks the best step, whose weights are kept; by default the first.

        ``dataclasses.replace`` adds further arguments of :class:`TrainConfig`.
        """
        if isinstance(evaluate, Mapping):
            monitor, evaluate = monitor or next(iter(evaluate)), metrics_of_each(evaluate)
        steps = self.steps, evaluate, self.eval_every
        return TrainConfig(loss, optimizer, *steps, monitor, compile=self.compile)


def metrics_of_each(metrics: Mapping[str, Callable[[nn.Module], Tensor]]) -> Evaluate:
    """An evaluation that calls functions of one model for all replicas."""

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return {name: replicas.vmap(metric) for name, metric in metrics.items()}

    return evaluate
