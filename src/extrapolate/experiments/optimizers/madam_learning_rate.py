"""The Madam optimizer: does one learning rate suit dense, convolutional and text networks of any depth?"""

import math
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path

import polars as pl
import torch
from torch import Tensor

from extrapolate.experiments import lab
from extrapolate.experiments.optimizers._problems import (
    FREQUENCIES,
    PROBLEMS,
    PUBLISHED,
    TEXT_WIDTH,
    WIDTH,
    fewer_steps,
)
from extrapolate.experiments.options import real_between
from extrapolate.optim import Madam, PerReplica
from extrapolate.stats import Estimate, mean_ratio, student

#: By name: ``make(parameters, rates)``: an optimizer of stacked parameters with learning rates (R,), one per replica.
OPTIMIZERS: dict[str, Callable[[list[Tensor], Tensor], torch.optim.Optimizer]] = {
    "Madam": lambda parameters, rates: Madam(parameters, lr=rates, replica_dims=1),
    "Adam": partial(PerReplica, make=partial(torch.optim.Adam, lr=1.0)),
    "SGD": partial(PerReplica, make=partial(torch.optim.SGD, lr=1.0, momentum=0.9)),
}


@dataclass(frozen=True, kw_only=True)
class LearningRateConfig(lab.Settings):
    """Each optimizer at each learning rate on each problem; a tenth of that rate for the last 30 % of the steps."""

    problems: tuple[str, ...] = lab.names(
        PROBLEMS,
        "Problems to train on",
        "problem",
        default=[name for name in PROBLEMS if name not in PUBLISHED],
        cut=lab.missing("published problems"),
    )
    data: str = lab.folder(
        "generated", "generated", "Folder with CIFAR-10 and Wikitext-2, for the published problems."
    )
    optimizers: tuple[str, ...] = lab.names(OPTIMIZERS, "Optimizers to compare", "optimizer")
    rates: tuple[float, ...] = lab.reals(
        [float(f"{10 ** (power / 2):.3g}") for power in range(-8, 1)],  # from 1e-4 to 1, two per power of ten
        "Initial learning rates, separated by commas. Published: 1e-4, 1e-3, 0.01, 0.1, 1.",
        read=real_between(above=0),
        cut=lab.missing("learning rates"),
        axis="rate",
    )
    seeds: int = lab.integer(3, "Models per learning rate; their seeds are 0, 1, 2, ...", cut=lab.fewer("seeds"))
    steps: int = lab.integer(
        1_000,
        "Training steps of each model. 0: the published number, or 10,000 if there is none.",
        least=0,
        cut=fewer_steps,
    )


#: The learning rate for all problems, and the largest ratio of its error to the best one. The bound is ours.
DEFAULT, NEAR = 0.01, 1.1


def rates_of(results: pl.DataFrame, optimizer: str) -> tuple[dict[str, dict[float, float]], dict[str, float]]:
    """Return the final errors, averaged over seeds, by problem and rate; and the best rate by problem."""
    found: dict[str, dict[float, float]] = {}
    groups = results.filter(model=optimizer).group_by("task", "learning_rate", maintain_order=True)
    for problem, rate, error in groups.agg(pl.col("error").mean()).iter_rows():
        found.setdefault(problem, {})[rate] = error
    return found, {problem: min(by_rate, key=by_rate.__getitem__) for problem, by_rate in found.items()}


def near_everywhere(problems: Sequence[str], results: pl.DataFrame) -> lab.Found | None:
    """Judge the default rate on the problem where its error is largest relative to that of the best rate."""
    errors, best = rates_of(results, "Madam")
    if any(DEFAULT not in errors.get(problem, {}) for problem in problems):
        return None
    ratios = {name: by_rate[DEFAULT] / by_rate[best[name]] for name, by_rate in errors.items()}
    worst = max(ratios, key=ratios.__getitem__)
    rows = results.filter(model="Madam").sort("seed")
    at_rates = (rows.filter(task=worst, learning_rate=rate) for rate in (DEFAULT, best[worst]))
    interval = mean_ratio(*(each["error"].to_numpy() for each in at_rates))
    outside = [f"{name} ({value:.2f})" for name, value in ratios.items() if value > NEAR]
    above = f"ratio above {NEAR:g} on {len(outside)} of {len(ratios)} problems: {', '.join(outside)}; "
    note = f"{above if outside else ''}largest on {worst}, whose best learning rate is {best[worst]:g}"
    estimate = Estimate(ratios[worst], interval.low, interval.high, rows.height)
    return lab.Found(estimate, note, not outside if math.isfinite(ratios[worst]) else None)


def spread_of_best_rates(optimizer: str, problems: Sequence[str], results: pl.DataFrame) -> lab.Found | None:
    _, best = rates_of(results, optimizer)
    if not best.keys() >= set(problems):
        return None
    low, high = min(best, key=best.__getitem__), max(best, key=best.__getitem__)
    note = f"from {best[low]:g} on {low} to {best[high]:g} on {high}"
    ratio = round(best[high] / best[low], 9)  # rates such as 0.316 are not exact
    return lab.Found(Estimate(ratio, None, None, len(best)), note)


def best_rate(optimizer: str, problem: str, results: pl.DataFrame) -> lab.Found | None:
    errors, best = rates_of(results, optimizer)
    if problem not in errors:
        return None
    rate, by_rate = best[problem], errors[problem]
    return lab.Found(Estimate(rate, None, None, len(by_rate)), f"error {by_rate[rate]:.4g}")


def findings(config: LearningRateConfig) -> Iterator[lab.Finding]:
    for optimizer in config.optimizers:
        if optimizer == "Madam":
            yield lab.Finding("Madam/one-rate", partial(near_everywhere, config.problems))
        else:
            spread = partial(spread_of_best_rates, optimizer, config.problems)
            yield lab.Finding("{optimizer}/rates-apart", spread, {"optimizer": optimizer})
    for optimizer in config.optimizers:
        for problem in config.problems:
            words = {"optimizer": optimizer, "problem": problem, "count": len(config.rates)}
            yield lab.Finding("{optimizer}/{problem}/best-rate", partial(best_rate, optimizer, problem), words)


def notes(config: LearningRateConfig) -> list[str]:
    return [
        "Madam at its defaults; Adam with torch's betas; SGD with momentum 0.9. The learning rate is divided by 10 "
        "after 70 % of the steps; in the published problems, as published.",
        f"Digits: scikit-learn's digits, classified by dense ReLU networks of {WIDTH} units (He initialization, no "
        "normalization; depth counts weight matrices) and by two small convolutions; batch 64.",
        "Text: the next word of generated sentences, predicted by an LSTM and by a transformer of two blocks, both "
        f"of {TEXT_WIDTH} units; batch 16 passages. Picture: a generated picture, fitted by dense networks on "
        f"{FREQUENCIES} random waves; batch 256 pixels.",
        "The error is measured on held-out examples at the last step: cross-entropy in nats, for pictures half the "
        "mean squared error. It is infinite if a model diverged. The best learning rate has the lowest mean error "
        "over seeds.",
        "Of the published problems, CIFAR-10 and Wikitext-2 can be run with --data; CIFAR-100, ImageNet and the GAN "
        "cannot. All 75 values of the published figure are in published_rates.parquet.",
        lab.intervals_note("Student's t for logarithms of ratios"),
    ]


def error_by_rate(results: pl.DataFrame, config: LearningRateConfig) -> pl.DataFrame:
    return lab.curves_table(
        "Error by learning rate",
        "Mean error over seeds at the last step, by initial learning rate. Learning rates at which a model diverged "
        "have no point.",
        "learning rate",
        "error",
        lab.curves_by(results, "learning_rate", lambda rows: student(rows["error"].to_numpy())),
    )


def read_published_rates(optimizer: str) -> pl.DataFrame:
    """Return the values of figure 1 of arXiv 2006.14560 (from its notebook): one row per task and learning rate.

    ``error`` is in per cent; for the GAN the Fréchet inception distance, for Wikitext-2 the perplexity or infinity.
    """
    table = pl.read_csv(Path(__file__).with_name("published_rates.csv")).filter(optimizer=optimizer)
    return table.select("optimizer", "task", "learning_rate", error=pl.coalesce("error", 100 - pl.col("accuracy")))


def train_at_rates(config: LearningRateConfig, problem_name: str, optimizer: str) -> lab.Training:
    """Return the training; replica ``i`` has rate ``i // seeds`` and seed ``i % seeds``.

    A seed has the same initial weights and examples at every rate.
    """
    problem = PROBLEMS[problem_name]
    loss, on_test = problem.prepare(config.data, config.device)
    steps = config.steps or problem.steps
    rates = [rate for rate in config.rates for _ in range(config.seeds)]
    rate_of_each, errors = (
        torch.tensor(rates, device=config.device),
        lab.metrics_of_each({"error": partial(on_test, problem.error)}),
    )

    def measure(trained: lab.Trained) -> lab.Measured:
        untrained = training.replicas()
        columns = {
            "learning_rate": rates,
            "error": trained.history.latest()["error"].nan_to_num(nan=torch.inf),
            "untrained_error": errors(untrained, untrained.keys())["error"].double(),
            "steps": steps,
        }
        once = problem_name == config.problems[0]
        tables = {"published_rates": read_published_rates(optimizer)} if once else {}
        return lab.Measured(lab.as_rows(training, columns), tables)

    training = lab.Training(
        name=f"{optimizer}-{problem_name}",
        labels={"model": optimizer, "task": problem_name, "split": [f"rate {rate:g}" for rate in rates]},
        build=problem.build,
        config=config,
        seeds=list(range(config.seeds)) * len(config.rates),
        train=lab.TrainConfig(
            loss=loss,
            optimizer=lambda stacked: OPTIMIZERS[optimizer](stacked, rate_of_each),
            steps=steps,
            evaluate=errors,
            eval_every=math.ceil(steps / 4),
            monitor="error",
            lr_schedule=problem.schedule(steps),
            compile=False,  # the step of a network of 64 layers takes minutes to compile
        ),
        measure=measure,
    )
    return training


@lab.experiment(
    papers=["2006.14560"],
    laptop=LearningRateConfig(),
    paper={
        "problems": tuple(PUBLISHED),
        "rates": (1e-4, 1e-3, 1e-2, 0.1, 1.0),
        "data": lab.REQUIRED,
        "seeds": 1,
        "steps": 0,
    },
    smoke={
        "problems": ("digits-depth-2", "text-lstm"),
        "optimizers": ("Madam", "SGD"),
        "rates": (0.01, 0.1),
        "seeds": 1,
        "steps": 10,
    },
    findings=findings,
    notes=notes,
    means=["error"],
    curves=error_by_rate,
)
def madam_learning_rate(config: LearningRateConfig) -> Iterator[lab.Training]:
    # the longest first, so that several cores finish at about the same time
    for problem in reversed(config.problems):
        for optimizer in config.optimizers:
            yield train_at_rates(config, problem, optimizer)
