"""The Neural GPU on addition: trained up to 20 bits, tested up to 2,000 and on carries of every length."""

import itertools
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, replace
from functools import partial
from typing import ClassVar

import polars as pl
import torch

from extrapolate.experiments import lab
from extrapolate.experiments.algorithms import _arithmetic as arithmetic
from extrapolate.experiments.algorithms._testing import TestSet
from extrapolate.stats import student
from extrapolate.tasks import Addition, Examples
from extrapolate.tasks.algorithms import addition_families, carry_operands

#: Classes of sums that test a carry over n bits: 2^n (overflow) and 2^n - 1 (no overflow).
CLASSES = {"overflow": True, "no-overflow": False}


@dataclass(frozen=True, kw_only=True)
class AdditionConfig(arithmetic.ArithmeticConfig):
    """As for multiplication, with carries."""

    carries: tuple[int, ...] = lab.integers(
        (1, 2, 3, 5, 8, 12, 16, 20, 25, 32, 40, 50, 64, 80, 100, 128, 160, 200),
        "Lengths in bits of the tested carries.",
    )
    carry_pairs: int = lab.integer(
        16, "Test pairs per carry length and class (with and without overflow).", cut=lab.fewer("pairs per carry")
    )


@dataclass(frozen=True)
class AdditionTests(arithmetic.ArithmeticTests):
    """Test sets of sums, which include carries of every length and over the whole width."""

    task: ClassVar = Addition(zero_filled=True)
    families: ClassVar = addition_families
    config: AdditionConfig

    def carries(self) -> list[TestSet]:
        return self._of_both_classes("carry", self.config.carries, self.config.carry_pairs)

    def full_carries(self, width: int, prefix: str = "", *, if_exact: bool = False) -> list[TestSet]:
        count = 1 if if_exact else self.config.carry_pairs
        found = self._carries(f"{prefix}full-carry-{width}", "overflow", width, width, count)
        return [replace(found, if_exact=if_exact)]

    def carry_checks(self, most: int) -> list[TestSet]:
        lengths = [carry for carry in (10, 20, 40, 80, 160) if carry <= most]
        return self._of_both_classes("check", lengths, arithmetic.CHECK_PAIRS // 4)

    def _of_both_classes(self, prefix: str, carries: Sequence[int], count: int) -> list[TestSet]:
        pairs = itertools.product(carries, CLASSES)
        return [self._carries(f"{prefix}-{kind}-{n}", kind, n, n + 1, count) for n, kind in pairs]

    def _carries(self, name: str, kind: str, carry: int, width: int, count: int) -> TestSet:
        def make(generator: torch.Generator) -> Examples:
            pairs = carry_operands(count, carry, generator, overflow=CLASSES[kind], width=width)
            return self.task.of_digits(*pairs)

        return TestSet(name, 2 * width + 1, count, make)


def findings(config: AdditionConfig) -> Iterator[lab.Finding]:
    for kind in ("random", "full-carry"):
        yield from arithmetic.exactness(config, "addition", kind)
    yield lab.Finding("carry-threshold", carry_threshold(config.carries))


def carry_threshold(carries: Sequence[int]) -> lab.Measure:
    """Measure the shortest carry at which at least half of the sums are wrong, averaged over the networks.

    A network that fails at no tested carry counts with twice the longest, so the mean is a lower bound.
    """

    def measure(results: pl.DataFrame) -> lab.Found:
        first = pl.lit(2 * carries[-1])
        for carry in reversed(carries):
            wrong, count = (
                pl.sum_horizontal(f"carry-{kind}-{carry}/{what}" for kind in CLASSES) for what in ("wrong", "of")
            )
            first = pl.when(2 * wrong >= count).then(carry).otherwise(first)
        found = results.select(first.cast(pl.Float64).alias("first"))["first"].to_numpy()
        never, last = (found > carries[-1]).sum(), carries[-1]
        note = f"{never} of {len(found)} networks fail at no length up to {last}: they count with {2 * last}"
        return lab.Found(student(found), note)

    return measure


@lab.experiment(
    papers=arithmetic.PAPERS,
    laptop=AdditionConfig(
        seeds=5,
        steps=4_000,
        eval_every=200,
        operands="rippling",
        dropout=0.5,
        quantization_levels=(4, 5, 6, 7, 8, 9, 10, 12, 14, 16),
        long_pairs=8,
        batch=16,
    ),
    paper={**arithmetic.PAPER, "seeds": 10, "carry_pairs": 32},
    smoke={**arithmetic.SMOKE, "carries": (2, 4), "carry_pairs": 2},
    findings=findings,
    notes=partial(
        arithmetic.arithmetic_notes, dropout=0.5, carries=" and carries over 10, 20, 40, 80 and 160 positions"
    ),
)
def neural_gpu_addition(config: AdditionConfig) -> Iterator[lab.Training]:
    return arithmetic.train_arithmetic(AdditionTests(config))
