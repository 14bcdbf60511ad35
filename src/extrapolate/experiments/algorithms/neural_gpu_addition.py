"""The Neural GPU on addition: trained up to 20 bits, tested up to 2,000 and on carries of every length."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch

from extrapolate.experiments.algorithms._arithmetic import (
    CHECK_PAIRS,
    PAPER,
    SMOKE,
    SOURCE,
    ArithmeticConfig,
    ArithmeticTests,
    Operation,
    arithmetic_notes,
    exactness,
    train_arithmetic,
)
from extrapolate.experiments.algorithms._test_sets import TestSet
from extrapolate.experiments.algorithms._training import exact, summarize_errors
from extrapolate.experiments.config import fewer, number, numbers
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found
from extrapolate.experiments.training import Training
from extrapolate.stats import student
from extrapolate.tasks import Addition, Examples
from extrapolate.tasks.algorithms import addition_families, carry_operands

ADDITION = Operation(
    Addition(zero_filled=True), addition_families, exact_widths=(20, 25, 100, 200, 2_000), dropout=0.5
)

#: What a carry is tested on: sums that are a power of two, and sums just below one.
CLASSES = {"overflow": True, "no-overflow": False}

#: The carries of the checks at every evaluation.
CHECK_CARRIES = (10, 20, 40, 80, 160)

#: A carry counts as failed where this share of its sums or more is wrong.
FAILED = 0.5


@dataclass(frozen=True, kw_only=True)
class AdditionConfig(ArithmeticConfig):
    """As for products, with carries."""

    carries: tuple[int, ...] = numbers(
        (1, 2, 3, 5, 8, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200),
        "Lengths of carries that are tested.",
    )
    carry_pairs: int = number(
        16, "Pairs of each class at each length of carry.", cut=fewer("pairs per carry")
    )


# ------------------------------------------------------------------------------------------------------- test sets


@dataclass(frozen=True)
class AdditionTests(ArithmeticTests):
    """Carries as well: of every length, over the whole width, and at every evaluation."""

    config: AdditionConfig

    def carries(self) -> list[TestSet]:
        return [
            self._carries(_carry_name(kind, carry), carry, self.config.carry_pairs, kind)
            for carry in self.config.carries
            for kind in CLASSES
        ]

    def full_carries(self, width: int, prefix: str = "", *, if_exact: bool = False) -> list[TestSet]:
        count = 1 if if_exact else self.config.carry_pairs
        return [self._carries(prefix + _full_name(width), width, count, "overflow", width, if_exact=if_exact)]

    def carry_checks(self, most: int) -> list[TestSet]:
        return [
            self._carries(f"check-{kind}-{carry}", carry, CHECK_PAIRS // 4, kind)
            for carry in CHECK_CARRIES
            for kind in CLASSES
            if carry <= most
        ]

    def _carries(
        self,
        name: str,
        carry: int,
        count: int,
        kind: str,
        width: int | None = None,
        *,
        if_exact: bool = False,
    ) -> TestSet:
        wide = carry + 1 if width is None else width

        def make(generator: torch.Generator) -> Examples:
            pairs = carry_operands(count, carry, generator, overflow=CLASSES[kind], width=wide)
            return self.operation.task.of_digits(*pairs)

        return TestSet(name, 2 * wide + 1, count, make, if_exact)


def _full_name(width: int) -> str:
    """The test set of carries over all of ``width`` bits."""
    return f"full-carry-{width}"


def _carry_name(kind: str, carry: int) -> str:
    return f"carry-{kind}-{carry}"


# -------------------------------------------------------------------------------------------------------- findings


def findings(config: AdditionConfig) -> Iterator[Finding]:
    """Exactness on random pairs and on carries over the whole width, and the carry threshold."""
    yield from exactness(config, ADDITION)
    for width in config.widths:
        yield Finding(
            f"full-carry/{width}",
            f"a network carries over all of {width:,} bits (measured: share of networks)",
            None,
            exact(_full_name(width), ADDITION.task.name),
        )
    yield Finding(
        "carry-threshold",
        "length in bits of the shortest tested carry on which half of the sums or more are wrong, both classes "
        "together",
        None,
        partial(carry_threshold, carries=config.carries),
    )


def carry_threshold(results: pl.DataFrame, carries: tuple[int, ...]) -> Found:
    """The mean over the networks. One that fails at no tested carry counts with twice the longest: a lower bound."""
    failing = [_first_failed(row, carries) for row in results.to_dicts()]
    never = failing.count(None)
    note = (
        f"{never} of {results.height} networks fail at no tested length, up to {carries[-1]}: they count with twice "
        "that"
    )
    return Found(student(np.array([each or 2 * carries[-1] for each in failing], float)), note)


def _first_failed(row: dict[str, Any], carries: tuple[int, ...]) -> int | None:
    for carry in carries:
        names = [_carry_name(kind, carry) for kind in CLASSES]
        wrong, count = (sum(row[f"{name}/{what}"] or 0 for name in names) for what in ("wrong", "of"))
        if wrong >= FAILED * count:
            return carry
    return None


# ------------------------------------------------------------------------------------------------------ experiment


def notes(config: AdditionConfig) -> list[str]:
    carries = f", and carries over {', '.join(map(str, CHECK_CARRIES))} positions"
    return arithmetic_notes(config, ADDITION, carries)


def tests_of(config: AdditionConfig) -> AdditionTests:
    return AdditionTests(ADDITION, config)


@experiment(
    source=SOURCE,
    laptop=AdditionConfig(
        seeds=5,
        steps=4_000,
        eval_every=200,
        operands="rippling",
        dropout=0.5,
        levels=(4, 5, 6, 7, 8, 9, 10, 12, 14, 16),
        long_pairs=8,
        batch=16,
    ),
    paper={**PAPER, "seeds": 10, "carry_pairs": 32},
    smoke={**SMOKE, "carries": (2, 4), "carry_pairs": 2},
    findings=findings,
    notes=notes,
    summary=summarize_errors,
)
def neural_gpu_addition(config: AdditionConfig) -> Iterator[Training]:
    return train_arithmetic(tests_of(config))
