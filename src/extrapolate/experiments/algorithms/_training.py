"""Neural GPUs trained by the recipe, whose rounding is then chosen and which are then tested."""

from collections.abc import Callable, Mapping, Sequence

import polars as pl
import torch

from extrapolate.experiments.algorithms._recipe import NO_ERROR, Recipe
from extrapolate.experiments.algorithms._test_sets import TestSuite, rank, run_tests
from extrapolate.experiments.findings import Found, Measure, rows_of
from extrapolate.experiments.summary import means, summarize
from extrapolate.experiments.training import Column, Trained, Training, first_below
from extrapolate.stats import success_rate
from extrapolate.training import History

#: Counts as the levels of states that are not rounded, where the coarsest rounding wins.
FINEST = 2**24


def train_and_test(
    recipe: Recipe,
    suite: TestSuite,
    levels: Sequence[int] = (0,),
    stop_when: Callable[[History], bool] | None = None,
) -> Training:
    """The networks of a recipe: the weights with the fewest errors on the suite's checks are kept and tested.

    Each network is tested with states rounded to multiples of 1/N (0: not rounded), where N is the one of ``levels``
    that gets furthest through the suite's trials, the coarsest of equals.
    """
    seeds, task = recipe.seeds, recipe.task.name
    trials = suite.trials if len(levels) > 1 else ()  # else there is nothing to choose
    trial_steps = len(seeds) * len(levels) * sum(each.num_batches for each in trials)
    test_steps = len(seeds) * sum(each.num_batches for each in suite.tests)

    def choose_levels(trained: Trained) -> list[int]:
        tried = [(row, each) for row in range(len(seeds)) for each in levels]
        models = [recipe.network(trained.replicas, row, each) for row, each in tried]
        errors = run_tests(models, trials, trained.context.checkpoint("levels"), trained.context)
        ranks = {pair: (*rank(own), pair[1] or FINEST) for pair, own in zip(tried, errors, strict=True)}
        return [min(levels, key=lambda each: ranks[row, each]) for row in range(len(seeds))]

    def measure(trained: Trained) -> Mapping[str, Column]:
        chosen, history, context = choose_levels(trained), trained.history, trained.context
        models = [recipe.network(trained.replicas, row, each) for row, each in enumerate(chosen)]
        wrong = run_tests(models, suite.tests, context.checkpoint("tests"), context.after(trial_steps))
        solved = [not any(own.values()) for own in wrong]
        columns: dict[str, Column] = {
            "solved": solved,
            "solved_at": first_below(history, "error", torch.full((len(seeds),), NO_ERROR), solved),
            "steps": int(history.steps[-1]),
            "best_step": history.best_step,
            "levels": chosen,
            "seconds": history.seconds_so_far,
            "loss": history.metrics["loss"][-1],
        }
        for each in suite.tests:
            columns[f"{each.name}/wrong"] = pl.Series([own[each.name] for own in wrong], dtype=pl.Int64)
            columns[f"{each.name}/of"] = each.count
        return columns

    return Training(
        name=f"{task}-{seeds[0]}" + (f"-to-{seeds[-1]}" if len(seeds) > 1 else ""),
        labels={
            "unit": "DNGPU",
            "operation": task,
            "range": f"up to {recipe.bins.ends[-1]} places",
        },
        build=recipe.build,
        seeds=seeds,
        train=recipe.train_config(suite.checks, stop_when),
        measure=measure,
        measure_steps=trial_steps + test_steps,
        device=recipe.config.device,
    )


# -------------------------------------------------------------------------------------------------------- findings


def exact(test_set: str, operation: str) -> Measure:
    """The share of networks without an error on a test set; holds if there is one.

    Networks that were not tested on it had errors on easier ones and count as not exact.
    """

    def measure(results: pl.DataFrame) -> Found | None:
        rows = rows_of(results, {"operation": operation})
        if rows.is_empty():
            return None
        errors = rows[f"{test_set}/wrong"].drop_nulls()
        exact, tested, count = int((errors == 0).sum()), len(errors), rows[f"{test_set}/of"][0]
        note = (
            f"{exact} of {rows.height} networks without an error on {count:,} sequences; {tested} were tested"
        )
        if exact:
            note += f". No error in N sequences bounds the error rate by about 3/N, here {3 / count:.2g}"
        return Found(success_rate(exact, rows.height), note, exact > 0)

    return measure


def summarize_errors(results: pl.DataFrame) -> pl.DataFrame:
    """The share of exact networks, and the mean error rate on each test set over the networks tested on it."""
    sets = [name.removesuffix("/of") for name in results.columns if name.endswith("/of")]
    rates = {f"{name}/error_rate": pl.col(f"{name}/wrong") / pl.col(f"{name}/of") for name in sets}
    return pl.concat([summarize(results), means(results.with_columns(**rates), list(rates))])
