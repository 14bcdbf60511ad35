"""The Neural GPU on multiplication: trained up to 20 bits, tested up to 2,000."""

from collections.abc import Iterator

from extrapolate.experiments.algorithms._arithmetic import (
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
from extrapolate.experiments.algorithms._training import summarize_errors
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding
from extrapolate.experiments.training import Training
from extrapolate.tasks import Multiplication
from extrapolate.tasks.algorithms import multiplication_families

MULTIPLICATION = Operation(
    Multiplication(zero_filled=True), multiplication_families, exact_widths=(20, 25, 200, 2_000), dropout=0.1
)


def findings(config: ArithmeticConfig) -> Iterator[Finding]:
    return exactness(config, MULTIPLICATION)


def notes(config: ArithmeticConfig) -> list[str]:
    return arithmetic_notes(config, MULTIPLICATION)


def tests_of(config: ArithmeticConfig) -> ArithmeticTests:
    return ArithmeticTests(MULTIPLICATION, config)


@experiment(
    source=SOURCE,
    laptop=ArithmeticConfig(seeds=2, steps=8_000, eval_every=400, slack=12, maps=96, batch=16),
    paper={**PAPER, "seeds": 16},
    smoke=SMOKE,
    findings=findings,
    notes=notes,
    summary=summarize_errors,
)
def neural_gpu_multiplication(config: ArithmeticConfig) -> Iterator[Training]:
    return train_arithmetic(tests_of(config))
