"""Madam: one learning rate for dense networks of any depth, convolutions, text and pictures."""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.experiments.config import Settings, fewer, missing, names, number, reals
from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found
from extrapolate.experiments.optimizers import _published_rates as published
from extrapolate.experiments.optimizers._problems import (
    DROP_AT,
    FREQUENCIES,
    MADAM,
    PROBLEMS,
    TEXT_WIDTH,
    WIDTH,
)
from extrapolate.experiments.options import real_between
from extrapolate.experiments.summary import means
from extrapolate.experiments.training import Measured, Trained, Training, as_rows
from extrapolate.optim import Madam, PerReplica
from extrapolate.stats import Estimate, mean_ratio, student
from extrapolate.training import Replicas, StepDecay
from extrapolate.training.train_config import TrainConfig

MOMENTUM = 0.9

#: Number of evaluations.
EVALUATIONS = 4

#: From 1e-4 to 1, two per power of ten.
RATES = tuple(float(f"{10 ** (power / 2):.3g}") for power in range(-8, 1))


def madam(parameters: list[Tensor], rates: Tensor) -> torch.optim.Optimizer:
    return Madam(parameters, lr=rates, replica_dims=1)


def adam(parameters: list[Tensor], rates: Tensor) -> torch.optim.Optimizer:
    return PerReplica(parameters, rates, partial(torch.optim.Adam, lr=1.0))


def sgd(parameters: list[Tensor], rates: Tensor) -> torch.optim.Optimizer:
    return PerReplica(parameters, rates, partial(torch.optim.SGD, lr=1.0, momentum=MOMENTUM))


#: By name: makes an optimizer of stacked parameters and the learning rates (R,) of their replicas.
OPTIMIZERS: dict[str, Callable[[list[Tensor], Tensor], torch.optim.Optimizer]] = {
    "Madam": madam,
    "Adam": adam,
    "SGD": sgd,
}


@dataclass(frozen=True, kw_only=True)
class LearningRateConfig(Settings):
    """Each optimizer at each learning rate on each problem; a tenth of the rate for the last 30 % of the steps."""

    problems: tuple[str, ...] = names(PROBLEMS, "Problems to train on", "problem", cut=missing("problems"))
    optimizers: tuple[str, ...] = names(OPTIMIZERS, "Optimizers to compare", "optimizer")
    rates: tuple[float, ...] = reals(
        RATES,
        "Learning rates, separated by commas.",
        read=real_between(above=0),
        cut=missing("learning rates"),
        axis="rate",
    )
    seeds: int = number(3, "Models at each rate; their seeds are 0, 1, 2, ...", cut=fewer("seeds"))
    steps: int = number(1_000, "Training steps of each model.", least=10, cut=fewer("steps"))


# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 2006.14560, figure 1"

#: The rate for all problems, how near to the best error it must end, and how far apart others' best rates must be.
DEFAULT, NEAR, APART = 0.01, 1.1, 10.0


@dataclass(frozen=True)
class Errors:
    """Final errors of one optimizer: ``rows`` of its models, ``means`` over seeds by problem and rate."""

    rows: pl.DataFrame
    means: dict[str, dict[float, float]]

    @classmethod
    def of(cls, results: pl.DataFrame, optimizer: str) -> "Errors":
        rows = results.filter(unit=optimizer)
        found: dict[str, dict[float, float]] = {}
        by_rate = rows.group_by("operation", "rate", maintain_order=True).agg(pl.col("error").mean())
        for problem, rate, error in by_rate.iter_rows():
            found.setdefault(problem, {})[rate] = error
        return cls(rows, found)

    @property
    def best_rates(self) -> dict[str, float]:
        """By problem, the rate with the lowest mean error."""
        return {problem: min(means, key=means.__getitem__) for problem, means in self.means.items()}

    def ratio(self, problem: str, rate: float, other: float) -> Estimate:
        """The error at ``rate`` over that at the ``other``, seed by seed."""
        rows = self.rows.filter(operation=problem).sort("seed")
        return mean_ratio(*(rows.filter(rate=each)["error"].to_numpy() for each in (rate, other)))


def near_everywhere(problems: Sequence[str], results: pl.DataFrame) -> Found | None:
    """By the problem on which the default rate is the farthest from the best one."""
    errors = Errors.of(results, "Madam")
    best = errors.best_rates
    if any(DEFAULT not in errors.means.get(problem, {}) for problem in problems):
        return None
    ratios = {name: by_rate[DEFAULT] / by_rate[best[name]] for name, by_rate in errors.means.items()}
    worst = max(ratios, key=ratios.__getitem__)
    interval = errors.ratio(worst, DEFAULT, best[worst])
    outside = [f"{name} ({value:.2f})" for name, value in ratios.items() if value > NEAR]
    note = f"farthest on {worst}, best at {best[worst]:g}"
    if outside:
        note = f"{len(outside)} of {len(ratios)} problems are farther off: {', '.join(outside)}; {note}"
    estimate = Estimate(ratios[worst], interval.low, interval.high, errors.rows.height)
    return Found(estimate, note, not outside if math.isfinite(ratios[worst]) else None)


def spread_of_best_rates(optimizer: str, problems: Sequence[str], results: pl.DataFrame) -> Found | None:
    best = Errors.of(results, optimizer).best_rates
    if not best.keys() >= set(problems):
        return None
    low, high = min(best, key=best.__getitem__), max(best, key=best.__getitem__)
    spread = best[high] / best[low]
    note = f"from {best[low]:g} on {low} to {best[high]:g} on {high}"
    return Found(Estimate(spread, None, None, len(best)), note, spread >= APART * (1 - 1e-9))


def best_rate(optimizer: str, problem: str, results: pl.DataFrame) -> Found | None:
    errors = Errors.of(results, optimizer)
    if problem not in errors.means:
        return None
    rate, by_rate = errors.best_rates[problem], errors.means[problem]
    return Found(Estimate(rate, None, None, len(by_rate)), f"error {by_rate[rate]:.4g}")


def findings(config: LearningRateConfig) -> Iterator[Finding]:
    """The finding about each optimizer, then its best rate on every problem."""
    for optimizer in config.optimizers:
        if optimizer == "Madam":
            yield Finding(
                "Madam/one-rate",
                f"with the one rate {DEFAULT:g} Madam ends within {NEAR - 1:.0%} of its own best rate on every "
                "problem (measured: error at it / error at the best rate, where that is largest)",
                f"{DEFAULT:g} is its best rate of five on all five tasks ({SOURCE})",
                partial(near_everywhere, config.problems),
            )
        else:
            known = published.best_rates(optimizer).values()
            yield Finding(
                f"{optimizer}/rates-apart",
                f"{optimizer}'s best rates on these problems lie at least {APART:g} times apart (measured: the "
                "largest / the smallest)",
                f"{max(known) / min(known):g} times apart over five tasks ({SOURCE})",
                partial(spread_of_best_rates, optimizer, config.problems),
            )
    for optimizer in config.optimizers:
        for problem in config.problems:
            yield Finding(
                f"{optimizer}/{problem}/best-rate",
                f"{optimizer}, {problem}: best of {len(config.rates)} rates",
                None,
                partial(best_rate, optimizer, problem),
            )


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: LearningRateConfig) -> list[str]:
    """The optimizers, the problems, and what the errors and the best rates are."""
    return [
        f"Madam at its defaults; Adam with torch's betas; SGD with momentum {MOMENTUM:g}. After {DROP_AT:.0%} of the "
        f"{config.steps:,} steps the rate is divided by 10.",
        f"Problems: scikit-learn's digits by dense ReLU networks of {WIDTH} units (He's start, no norm; depth counts "
        "weight matrices) and by two small convolutions; the next word of generated sentences by an LSTM and a "
        f"two-block transformer of {TEXT_WIDTH} units; a generated picture from {FREQUENCIES} random waves by dense "
        "networks. Batches of 64 digits, 16 passages, 256 pixels.",
        "The error is that of held-out examples at the last step: cross-entropy in nats, or half the mean square of "
        "the picture. A model that diverged has an infinite error.",
        "The published tasks (CIFAR-10 and -100, ImageNet, a GAN, Wikitext-2) are larger; all 75 values of the "
        "published figure are in published_rates.parquet.",
        "The best rate has the lowest mean error over seeds. Intervals (95 %): Student's t for logarithms of ratios.",
    ]


def error_by_rate(results: pl.DataFrame, config: LearningRateConfig) -> pl.DataFrame:
    return curves_table(
        "Error by learning rate",
        "The error at the end, by the rate at the beginning: a mean over seeds. Rates at which a model diverged have "
        "no point.",
        "learning rate",
        "error",
        curves_by(results, "rate", lambda rows: student(rows["error"].to_numpy())),
    )


@experiment(
    source=MADAM,
    laptop=LearningRateConfig(),
    paper={"seeds": 5, "steps": 10_000},
    smoke={
        "problems": ("digits-depth-2", "text-lstm"),
        "optimizers": ("Madam", "SGD"),
        "rates": (0.01, 0.1),
        "seeds": 1,
        "steps": 10,
    },
    findings=findings,
    notes=notes,
    summary=partial(means, columns=["error"]),
    curves=error_by_rate,
)
def madam_learning_rate(config: LearningRateConfig) -> Iterator[Training]:
    # the longest first: the short ones fill what is left on several cores
    for problem in reversed(config.problems):
        for optimizer in config.optimizers:
            yield train_at_rates(config, problem, optimizer)


def train_at_rates(config: LearningRateConfig, problem_name: str, optimizer: str) -> Training:
    """One optimizer on one problem. Replica ``i`` has rate ``i // seeds`` and seed ``i % seeds``.

    A seed has the same fresh weights and examples at every rate.
    """
    problem = PROBLEMS[problem_name]
    data = problem.data().to(config.device)
    rates = [rate for rate in config.rates for _ in range(config.seeds)]

    def loss(model: nn.Module, key: Tensor, _: dict[str, Tensor]) -> Tensor:
        return problem.loss(model, key, data)

    @torch.no_grad()
    def errors(replicas: Replicas) -> Tensor:
        return replicas.map(lambda model: problem.error(model, data))

    def measure(trained: Trained) -> Measured:
        rows = as_rows(
            training,
            {
                "rate": rates,
                "error": trained.history.latest()["error"].nan_to_num(nan=torch.inf),
                "start": errors(training.replicas()).double(),
                "steps": config.steps,
            },
        )
        # the published figure of this optimizer, once
        first = problem_name == config.problems[0]
        return Measured(rows, {"published_rates": published.table(optimizer)} if first else {})

    training = Training(
        name=f"{optimizer}-{problem_name}",
        labels={
            "unit": optimizer,
            "operation": problem_name,
            "range": [f"rate {rate:g}" for rate in rates],
        },
        build=problem.build,
        seeds=list(range(config.seeds)) * len(config.rates),
        train=TrainConfig(
            loss=loss,
            optimizer=lambda parameters: OPTIMIZERS[optimizer](
                parameters, torch.tensor(rates, device=config.device)
            ),
            steps=config.steps,
            evaluate=lambda replicas, keys: {"error": errors(replicas)},
            eval_every=-(-config.steps // EVALUATIONS),
            monitor="error",
            lr_schedule=StepDecay(round(DROP_AT * config.steps)),
            compile=False,  # the widest step of a network of 64 layers takes minutes to compile
        ),
        measure=measure,
        device=config.device,
    )
    return training
