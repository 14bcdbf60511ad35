"""Test sets of Neural GPUs. A sequence counts as wrong if the network gets any of its positions wrong."""

import math
import zlib
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate._runtime.progress import Interrupted, Progress
from extrapolate.experiments import lab
from extrapolate.experiments.algorithms._adaptive import NO_ERROR
from extrapolate.experiments.algorithms._recipe import FIXED, Recipe, costs
from extrapolate.experiments.training import Column
from extrapolate.stats import success_rate
from extrapolate.tasks import Algorithm, Examples
from extrapolate.training import Replicas
from extrapolate.training.checkpoint import Checkpoint, read, write
from extrapolate.training.metrics import Evaluate

#: Positions computed at once, so that their states fit in the caches.
POSITIONS = 1 << 13

#: Weight of error rates on test sets that are not typical, in the score that selects the best weights.
RARE = 0.1


@dataclass(frozen=True)
class TestSet:
    """``count`` sequences of ``length`` positions, made by ``make(generator)``; the same for every network.

    Args:
        if_exact: test only networks without an error on all sets before (for sets that take long).
        typical: random sequences. During training, a network that fails most of them is not tested on longer ones.
    """

    name: str
    length: int
    count: int
    make: Callable[[torch.Generator], Examples]
    if_exact: bool = False
    typical: bool = False

    @classmethod
    def random(cls, task: Algorithm, name: str, length: int, count: int, if_exact: bool = False) -> "TestSet":
        return cls(name, length, count, partial(task.examples, count, length), if_exact, typical=True)

    @property
    def at_once(self) -> int:
        """Number of sequences per batch."""
        return max(1, POSITIONS // self.length)

    @property
    def num_batches(self) -> int:
        return math.ceil(self.count / self.at_once)

    def batches(self) -> list[Examples]:
        seed = 2**31 + zlib.crc32(self.name.encode())  # no training uses such seeds
        parts = (each.split(self.at_once) for each in self.make(torch.Generator().manual_seed(seed)))
        return [Examples(*pair) for pair in zip(*parts, strict=True)]


@torch.no_grad()
def count_errors(model: nn.Module, examples: Examples) -> int:
    """Return the number of sequences with a wrong position, padding included, after the network's default steps."""
    device = next(model.parameters()).device
    logits = model(examples.symbols.to(device), span=examples.span.to(device))
    return int(examples.wrong(logits.cpu()).sum())


def error_rates(model: nn.Module, test_sets: Sequence[TestSet]) -> list[float]:
    """Return the share of wrong sequences of each set; 1 for all sets after a typical one with more than 0.5."""
    rates: list[float] = []
    for each in test_sets:
        rates.append(sum(count_errors(model, batch) for batch in each.batches()) / each.count)
        if each.typical and rates[-1] > 0.5:
            break
    return rates + [1.0] * (len(test_sets) - len(rates))


def evaluate_on(recipe: Recipe, checks: Sequence[TestSet]) -> Evaluate:
    """Return an evaluation: costs on the fixed batches, largest error rate on ``checks``, score (lower is better)."""
    fixed = cache(lambda: recipe.inputs(FIXED, 0))

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        rows, bound = [], replicas.functionalize(costs, training=True)
        # each row has the same key, and so the same dropout, at all evaluations: only the weights differ
        for row, key in enumerate(replicas.keys()):
            parameters = {name: value[row] for name, value in replicas.parameters.items()}
            entropy, saturation = (float(cost) for cost in bound(parameters, {}, key, fixed()))
            rates = error_rates(recipe.network(replicas, row, recipe.quantization_levels[-1]), checks)
            errors = sum(rate * (1 if each.typical else RARE) for each, rate in zip(checks, rates, strict=True))
            score = errors + 1e-3 * entropy  # the loss decides between equal error rates
            rows.append((entropy, saturation, score, max(rates), errors))
        names = ("loss", "saturation", "score", "error", "errors")
        columns = torch.tensor([*zip(*rows, strict=True)], dtype=torch.float64)
        return dict(zip(names, columns, strict=True))

    return evaluate


def rank(wrong: Mapping[str, int | None]) -> tuple[int, int]:
    """Return a sort key, lower is better: number of sets that the network was tested on (negated), then errors."""
    counts = [count for count in wrong.values() if count is not None]
    return -len(counts), sum(counts)


def run_tests(
    models: Sequence[nn.Module], test_sets: Sequence[TestSet], checkpoint: Path, progress: Progress
) -> list[dict[str, int | None]]:
    """Return, for each network, the number of wrong sequences by test set; None if it was not tested on the set.

    Finished batches are saved in ``checkpoint`` and not repeated.

    Raises:
        Interrupted: ``progress`` requested a stop.
    """
    done: list[dict[str, list[int]]] = [{} for _ in models]
    if checkpoint.exists():
        done = read(checkpoint).metadata["errors"]
    for model, own in zip(models, done, strict=True):
        for each in test_sets:
            if each.if_exact and any(map(sum, own.values())):
                continue
            found = own.setdefault(each.name, [])
            for batch in each.batches()[len(found) :] if len(found) < each.num_batches else []:
                if progress.stop_requested():
                    raise Interrupted(f"stopped in the test set {each.name}")
                found.append(count_errors(model, batch))
                write(checkpoint, Checkpoint({"models": torch.tensor(len(done))}, {"errors": done}))
                progress.update(sum(len(counts) for every in done for counts in every.values()))
    return [{each.name: sum(own[each.name]) if each.name in own else None for each in test_sets} for own in done]


def train_and_test(
    recipe: Recipe, checks: Sequence[TestSet], tests: Sequence[TestSet], trials: Sequence[TestSet] = ()
) -> lab.Training:
    """Return a training that keeps the weights with the fewest errors on ``checks`` and tests them on ``tests``.

    If the recipe has several quantization levels, each network uses the one that gets furthest through ``trials``;
    of equals, the coarsest.
    """
    seeds, task, levels = recipe.seeds, recipe.task.name, recipe.quantization_levels
    trials = trials if len(levels) > 1 else ()  # a single level needs no choice
    trial_steps = len(seeds) * len(levels) * sum(each.num_batches for each in trials)
    test_steps = len(seeds) * sum(each.num_batches for each in tests)

    def choose_levels(trained: lab.Trained) -> list[int]:
        tried = [(row, each) for row in range(len(seeds)) for each in levels]
        models = [recipe.network(trained.replicas, row, each) for row, each in tried]
        errors = run_tests(models, trials, trained.context.checkpoint("levels"), trained.context)
        ranks = {pair: rank(own) for pair, own in zip(tried, errors, strict=True)}
        coarsest_first = sorted(levels, key=lambda each: each or math.inf)
        return [min(coarsest_first, key=lambda each: ranks[row, each]) for row in range(len(seeds))]

    def measure(trained: lab.Trained) -> Mapping[str, Column]:
        chosen, history, context = choose_levels(trained), trained.history, trained.context
        models = [recipe.network(trained.replicas, row, each) for row, each in enumerate(chosen)]
        wrong = run_tests(models, tests, context.checkpoint("tests"), context.after(trial_steps))
        solved = [not any(own.values()) for own in wrong]
        columns: dict[str, Column] = {
            "solved": solved,
            "solved_at": lab.first_below(history, "error", torch.full((len(seeds),), NO_ERROR), solved),
            "steps": int(history.steps[-1]),
            "best_step": history.best_step,
            "quantization_levels": chosen,
            "seconds": history.seconds_so_far,
            "loss": history.metrics["loss"][-1],
        }
        for each in tests:
            columns[f"{each.name}/wrong"] = pl.Series([own[each.name] for own in wrong], dtype=pl.Int64)
            columns[f"{each.name}/of"] = each.count
        return columns

    return lab.Training(
        name=f"{task}-{seeds[0]}" + (f"-to-{seeds[-1]}" if len(seeds) > 1 else ""),
        labels={"model": "DNGPU", "task": task, "split": f"up to {recipe.bins.ends[-1]} positions"},
        build=recipe.build,
        train=recipe.train_config(evaluate_on(recipe, checks)),
        measure=measure,
        config=recipe.config,
        seeds=seeds,
        measure_steps=trial_steps + test_steps,
    )


def exact(test_set: str, task: str) -> lab.Measure:
    """Measure the share of networks without an error on a test set; holds if there is at least one.

    Networks that were not tested on it had errors on easier sets. They count as not exact.
    """

    def measure(results: pl.DataFrame) -> lab.Found | None:
        rows = lab.rows_of(results, {"task": task})
        if rows.is_empty():
            return None
        errors = rows[f"{test_set}/wrong"].drop_nulls()
        exact, tested, count = int((errors == 0).sum()), len(errors), rows[f"{test_set}/of"][0]
        note = f"{exact} of {rows.height} networks made no error on {count:,} sequences; {tested} were tested"
        if exact:
            note += f". With no error in N sequences, the error rate is below about 3/N (95 %), here {3 / count:.2g}"
        return lab.Found(success_rate(exact, rows.height), note, exact > 0)

    return measure
