"""Asks a network that comes with the package all that its experiment asks; ``config.json`` then says what was wrong.

python docs/ask_pretrained.py binary-multiplication --pairs 1024

The last width is asked however wrong it is before. After Ctrl-C or a kill the same command goes on.
"""

import argparse
import zlib
from dataclasses import replace
from pathlib import Path

from make_pretrained import PRETRAINED
from rich.console import Console

from extrapolate import nn
from extrapolate.cli.computing import Calculator
from extrapolate.cli.progress import display
from extrapolate.experiments import experiment_named
from extrapolate.experiments.neural_gpu.arithmetic.experiment import NeuralGPUArithmetic
from extrapolate.experiments.neural_gpu.sheets import Sheet, examine
from extrapolate.training.watch import Interrupted, stop_on_signals


def sheets(operation: str, pairs: int, long_pairs: int) -> list[Sheet]:
    """Those of the laptop preset, with so many random pairs, and none left out."""
    experiment = experiment_named(f"neural-gpu-{operation}")
    assert isinstance(experiment, NeuralGPUArithmetic)
    settings = replace(experiment.presets["laptop"], pairs=pairs, long_pairs=long_pairs)
    return [replace(sheet, if_exact=False) for sheet in experiment.questions(settings).sheets()]


def main(name: str, pairs: int, long_pairs: int) -> None:
    config = nn.pretrained_config(name)
    operation = config["task"]["name"]
    asked = sheets(operation, pairs, long_pairs)
    model = Calculator.of(operation, name).model
    weights = zlib.crc32((PRETRAINED / name / "model.safetensors").read_bytes())
    kept = Path("runs") / f"{name}-{weights:08x}-{pairs}-{long_pairs}.safetensors"
    kept.parent.mkdir(exist_ok=True)
    with stop_on_signals() as stop, display(Console(stderr=True), stop) as shown:
        watch = shown.part(name, 0, 1, 1, sum(sheet.pieces for sheet in asked))
        (wrong,) = examine([model], asked, kept, watch)
    found = {sheet.name: f"{wrong[sheet.name]} of {sheet.count}" for sheet in asked}
    model.save_pretrained(PRETRAINED / name, config | {"wrong": found})
    kept.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Asks a network that comes with the package all that its experiment asks."
    )
    parser.add_argument("name", help="the network")
    parser.add_argument("--pairs", type=int, default=256, help="random pairs at each width but the last")
    parser.add_argument("--long-pairs", type=int, default=16, help="random pairs at the last width")
    given = parser.parse_args()
    try:
        main(given.name, given.pairs, given.long_pairs)
    except Interrupted as stopped:
        raise SystemExit(f"{stopped}; the same command goes on") from None
