"""Puts a run's best network among those that come with the package, in ``src/extrapolate/nn/pretrained/NAME``.

python docs/make_pretrained.py runs/neural-gpu-addition-laptop binary-addition

Best: the fewest wrong answers on all sheets, of networks that were given as many. It answers as in the run; with
``--levels`` its states are rounded to other ones from then on, and it is given all sheets anew. All that is said
of it in its ``config.json`` is read from the run or comes out here.
"""

import argparse
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl

from extrapolate import nn
from extrapolate.experiments import experiment_named, with_options
from extrapolate.experiments.neural_gpu.part import NeuralGPUPart
from extrapolate.experiments.neural_gpu.sheets import examine
from extrapolate.tasks import Addition, Multiplication
from extrapolate.training import Quiet
from extrapolate.training.checkpoint import read

PRETRAINED = Path(nn.__file__).parent / "pretrained"


def sheets(row: dict[str, Any]) -> dict[str, str]:
    """Wrong answers of how many, by sheet; those that were not given are left out."""
    names = [name.removesuffix("/of") for name in row if name.endswith("/of")]
    return {
        name: f"{row[f'{name}/wrong']} of {row[f'{name}/of']}"
        for name in names
        if row[f"{name}/wrong"] is not None
    }


def rank(row: dict[str, Any]) -> tuple[int, int]:
    """Given out sheets first, then wrong answers."""
    found = sheets(row)
    return -len(found), sum(int(each.split()[0]) for each in found.values())


def asked(model: nn.DiagonalNeuralGPU, part: NeuralGPUPart) -> dict[str, str]:
    """Wrong answers of how many, by sheet."""
    with tempfile.TemporaryDirectory() as place:
        (found,) = examine([model.eval()], part.sheets, Path(place) / "asked.safetensors", Quiet())
    counts = {sheet.name: sheet.count for sheet in part.sheets}
    return {name: f"{wrong} of {counts[name]}" for name, wrong in found.items() if wrong is not None}


def main(run: Path, name: str, levels: int | None) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    experiment = experiment_named(manifest["experiment"])
    settings = with_options(experiment.presets[manifest["preset"]], manifest["settings"])
    results = pl.read_parquet(run / "results.parquet")
    best = min(results.to_dicts(), key=rank)
    parts = [each for each in experiment.parts(settings) if isinstance(each, NeuralGPUPart)]
    part = next(each for each in parts if best["seed"] in each.recipe.seeds)
    weights = read(run / "parts" / f"{part.name}.weights.safetensors").tensors
    model, place = part.recipe.build(), part.recipe.seeds.index(best["seed"])
    model.load_state_dict({name: value[place] for name, value in weights.items()})
    task = part.recipe.task
    assert isinstance(task, Addition | Multiplication), f"{task.name} has no operation to compute"
    model.levels = levels or part.recipe.levels
    about = {
        "task": {"name": task.name, "base": task.base, "zero_filled": task.zero_filled, "trained_bits": 20},
        "made": {
            "command": manifest["command"],
            "seed": best["seed"],
            "seeds_trained": results.height,
            "seeds_exact": int(results["solved"].sum()),
            "steps": best["best_step"],
            "rounded_after_training": model.levels,
            "torch": manifest["versions"]["torch"],
            "processor": manifest["machine"]["processor"],
        },
        "wrong": asked(model, part) if levels else sheets(best),
    }
    model.save_pretrained(PRETRAINED / name, about)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Puts a run's best network among those that come with the package."
    )
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("name", help="what it will be called")
    parser.add_argument("--levels", type=int, help="round its states to multiples of 1/LEVELS, not as in the run")
    given = parser.parse_args()
    main(given.run, given.name, given.levels)
