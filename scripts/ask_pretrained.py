"""Test a pretrained network on all test sets of its experiment, and write its error counts to ``config.json``.

python scripts/ask_pretrained.py binary-multiplication --pairs 1024

The largest width is tested even if the network has errors on smaller ones. Run the same command again to resume.
"""

import argparse
import zlib
from dataclasses import replace
from pathlib import Path
from typing import Any

from rich.console import Console

from extrapolate import nn
from extrapolate._runtime.progress import Interrupted, stop_on_signals
from extrapolate.cli.progress import display
from extrapolate.experiments import get_experiment
from extrapolate.experiments.algorithms._testing import TestSet, run_tests
from extrapolate.experiments.algorithms.neural_gpu_addition import AdditionTests
from extrapolate.experiments.algorithms.neural_gpu_multiplication import MultiplicationTests
from extrapolate.inspect.calculator import Calculator
from make_pretrained import PRETRAINED

TESTS: dict[str, Any] = {
    "addition": AdditionTests,
    "multiplication": MultiplicationTests,
}


def test_sets(task: str, pairs: int, long_pairs: int) -> list[TestSet]:
    """Return the test sets of the laptop preset with these numbers of random pairs, all of them enabled."""
    laptop = get_experiment(f"neural-gpu-{task}").presets["laptop"]
    tests = TESTS[task](replace(laptop, pairs=pairs, long_pairs=long_pairs)).tests()
    return [replace(each, if_exact=False) for each in tests]


def main(name: str, pairs: int, long_pairs: int) -> None:
    config = nn.load_pretrained_config(name)
    operation = config["task"]["name"]
    tested = test_sets(operation, pairs, long_pairs)
    model = Calculator.of(operation, name).model
    weights = zlib.crc32((PRETRAINED / name / "model.safetensors").read_bytes())
    checkpoint = Path("runs") / f"{name}-{weights:08x}-{pairs}-{long_pairs}.safetensors"
    checkpoint.parent.mkdir(exist_ok=True)
    with stop_on_signals() as stop, display(Console(stderr=True), stop) as screen:
        progress = screen.start_training(name, 0, 1, 1, sum(each.num_batches for each in tested))
        (wrong,) = run_tests([model], tested, checkpoint, progress)
    errors = {each.name: f"{wrong[each.name]} of {each.count}" for each in tested}
    model.save_pretrained(PRETRAINED / name, config | {"wrong": errors})
    checkpoint.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Test a pretrained network on all test sets of its experiment.")
    parser.add_argument("name", help="name of the network")
    parser.add_argument("--pairs", type=int, default=256, help="random pairs per width, except the largest")
    parser.add_argument("--long-pairs", type=int, default=16, help="random pairs of the largest width")
    arguments = parser.parse_args()
    try:
        main(arguments.name, arguments.pairs, arguments.long_pairs)
    except Interrupted as stopped:
        raise SystemExit(f"{stopped}; run the same command again to resume") from None
