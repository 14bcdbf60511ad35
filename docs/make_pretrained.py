"""Puts a run's best network among those that come with the package, in ``src/extrapolate/nn/pretrained/NAME``.

python docs/make_pretrained.py runs/neural-gpu-addition-laptop binary-addition

Best: the fewest wrong answers on all sheets, of networks that were given as many. All that is said of it in its
``config.json`` is read from the run.
"""

import json
import sys
from pathlib import Path
from typing import Any

import polars as pl

from extrapolate import nn
from extrapolate.experiments import experiment_named, with_options
from extrapolate.experiments.neural_gpu.part import NeuralGPUPart
from extrapolate.tasks import Addition, Multiplication
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


def main(run: Path, name: str) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    experiment = experiment_named(manifest["experiment"])
    preset = experiment.presets[manifest["preset"]]
    settings = with_options(preset, manifest["settings"])
    results = pl.read_parquet(run / "results.parquet")
    best = min(results.to_dicts(), key=rank)
    parts = [each for each in experiment.parts(settings) if isinstance(each, NeuralGPUPart)]
    part = next(each for each in parts if best["seed"] in each.recipe.seeds)
    recipe = part.recipe
    weights = read(run / "parts" / f"{part.name}.weights.safetensors").tensors
    model = recipe.build()
    place = recipe.seeds.index(best["seed"])
    model.load_state_dict({name: value[place] for name, value in weights.items()})
    task = recipe.task
    assert isinstance(task, Addition | Multiplication), f"{task.name} has no operation to compute"
    about = {
        "task": {"name": task.name, "base": task.base, "zero_filled": task.zero_filled, "trained_bits": 20},
        "made": {
            "command": manifest["command"],
            "seed": best["seed"],
            "seeds_trained": results.height,
            "seeds_exact": int(results["solved"].sum()),
            "steps": best["best_step"],
            "torch": manifest["versions"]["torch"],
            "processor": manifest["machine"]["processor"],
        },
        "wrong": sheets(best),
    }
    model.save_pretrained(PRETRAINED / name, about)


if __name__ == "__main__":
    main(Path(sys.argv[1]), sys.argv[2])
