"""Asks a network that comes with the package all that its experiment asks; ``config.json`` then says what was wrong.

python docs/ask_pretrained.py binary-multiplication --pairs 1024

The last width is asked however wrong it is before. After Ctrl-C or a kill the same command goes on.
"""

import argparse
import json
from dataclasses import replace
from pathlib import Path

from rich.progress import MofNCompleteColumn, Progress, TimeElapsedColumn

from extrapolate import nn
from extrapolate.cli.computing import Calculator
from extrapolate.experiments import experiment_named
from extrapolate.experiments.neural_gpu.arithmetic.experiment import NeuralGPUArithmetic
from extrapolate.experiments.neural_gpu.sheets import Sheet, examine
from extrapolate.files import write_text
from extrapolate.training.watch import Interrupted, StopFlag, stop_on_signals

PRETRAINED = Path(nn.__file__).parent / "pretrained"


class Bar:
    """A watch that shows how many pieces of sheets are done."""

    def __init__(self, progress: Progress, pieces: int, flag: StopFlag) -> None:
        self.progress_bar, self.flag = progress, flag
        self.task = progress.add_task("pieces", total=pieces)

    def progress(self, step: int, solved: int | None) -> None:
        self.progress_bar.update(self.task, completed=step)

    def stop_requested(self) -> bool:
        return bool(self.flag)


def sheets(operation: str, pairs: int, long_pairs: int) -> list[Sheet]:
    """Those of the laptop preset, with so many random pairs, and none left out."""
    experiment = experiment_named(f"neural-gpu-{operation}")
    assert isinstance(experiment, NeuralGPUArithmetic)
    settings = replace(experiment.presets["laptop"], pairs=pairs, long_pairs=long_pairs)
    return [replace(sheet, if_exact=False) for sheet in experiment.questions(settings).sheets()]


def main(name: str, pairs: int, long_pairs: int, kept: Path) -> None:
    config = nn.pretrained_config(name)
    operation = config["task"]["name"]
    asked = sheets(operation, pairs, long_pairs)
    model = Calculator.of(operation, name).model
    columns = (*Progress.get_default_columns(), MofNCompleteColumn(), TimeElapsedColumn())
    kept.parent.mkdir(exist_ok=True)
    with stop_on_signals() as flag, Progress(*columns) as progress:
        (wrong,) = examine([model], asked, kept, Bar(progress, sum(each.pieces for each in asked), flag))
    config["wrong"] = {sheet.name: f"{wrong[sheet.name]} of {sheet.count}" for sheet in asked}
    write_text(PRETRAINED / name / "config.json", json.dumps(config, indent=2) + "\n")
    kept.unlink(missing_ok=True)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Asks a network that comes with the package all that its experiment asks."
    )
    parser.add_argument("name", help="the network")
    parser.add_argument("--pairs", type=int, default=256, help="random pairs at each width but the last")
    parser.add_argument("--long-pairs", type=int, default=16, help="random pairs at the last width")
    given = parser.parse_args()
    place = Path("runs") / f"{given.name}-{given.pairs}-{given.long_pairs}.safetensors"
    try:
        main(given.name, given.pairs, given.long_pairs, place)
    except Interrupted as stopped:
        raise SystemExit(f"{stopped}; the same command goes on") from None
