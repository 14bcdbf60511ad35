"""The Neural GPU on multiplication: trained up to 20 bits, tested up to 2,000."""

from collections.abc import Iterator
from functools import partial
from typing import ClassVar

from extrapolate.experiments import lab
from extrapolate.experiments.algorithms import _arithmetic as arithmetic
from extrapolate.tasks import Multiplication
from extrapolate.tasks.algorithms import multiplication_families


class MultiplicationTests(arithmetic.ArithmeticTests):
    """Test sets of products: random pairs and families of hard ones."""

    task: ClassVar = Multiplication(zero_filled=True)
    families: ClassVar = multiplication_families


@lab.experiment(
    papers=arithmetic.PAPERS,
    laptop=arithmetic.ArithmeticConfig(seeds=2, steps=8_000, eval_every=400, extra_steps=12, channels=96, batch=16),
    paper={**arithmetic.PAPER, "seeds": 16},
    smoke=arithmetic.SMOKE,
    findings=partial(arithmetic.exactness, task="multiplication"),
    notes=partial(arithmetic.arithmetic_notes, dropout=0.1),
)
def neural_gpu_multiplication(config: arithmetic.ArithmeticConfig) -> Iterator[lab.Training]:
    return arithmetic.train_arithmetic(MultiplicationTests(config))
