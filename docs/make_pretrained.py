"""Puts a run's best network among those that come with the package, in ``src/extrapolate/nn/pretrained/NAME``.

python docs/make_pretrained.py runs/neural-gpu-addition-laptop binary-addition
python docs/make_pretrained.py runs/neural-gpu-multiplication-laptop binary-multiplication --answers 0:5 1:3

Best: the fewest wrong answers on all sheets, of networks that were given as many. It answers as in the run; with
``--answers SEED:LEVELS`` that seed does, states rounded to multiples of 1/LEVELS, and of several each does, together
and with the operands in both orders. All that is said of them in ``config.json`` is read from the run;
``ask_pretrained.py`` adds what they get wrong as they ship.
"""

import argparse
import json
from pathlib import Path
from typing import Any

import polars as pl

from extrapolate import nn
from extrapolate.experiments import experiment_named, with_options
from extrapolate.experiments.neural_gpu.part import NeuralGPUPart
from extrapolate.experiments.neural_gpu.sheets import rank
from extrapolate.tasks import Addition, Multiplication
from extrapolate.training.checkpoint import read

PRETRAINED = Path(nn.__file__).parent / "pretrained"


def wrong(row: dict[str, Any]) -> dict[str, int | None]:
    """Wrong answers by sheet; None where it was not given."""
    return {
        name.removesuffix("/of"): row[name.replace("/of", "/wrong")] for name in row if name.endswith("/of")
    }


def sheets(row: dict[str, Any]) -> dict[str, str]:
    """Wrong answers of how many, by sheet; those that were not given are left out."""
    given = {name: count for name, count in wrong(row).items() if count is not None}
    return {name: f"{count} of {row[f'{name}/of']}" for name, count in given.items()}


def network(run: Path, parts: list[NeuralGPUPart], seed: int) -> nn.DiagonalNeuralGPU:
    """The trained network of this seed."""
    part = next(each for each in parts if seed in each.recipe.seeds)
    weights = read(run / "parts" / f"{part.name}.weights.safetensors").tensors
    model, place = part.recipe.build(), part.recipe.seeds.index(seed)
    model.load_state_dict({name: value[place] for name, value in weights.items()})
    return model


def together(
    answers: list[tuple[int, int]], networks: dict[int, nn.DiagonalNeuralGPU]
) -> nn.DiagonalNeuralGPU | nn.NeuralGPUEnsemble:
    """``answers``: seeds and their levels; of several each answers twice."""
    if len(answers) == 1:
        ((seed, levels),) = answers
        networks[seed].levels = levels or None
        return networks[seed]
    seeds = list(networks)
    model = nn.NeuralGPUEnsemble(
        [each.arguments() for each in networks.values()],
        [(seeds.index(seed), levels, swapped) for seed, levels in answers for swapped in (False, True)],
    )
    for member, trained in zip(model.networks, networks.values(), strict=True):
        member.load_state_dict(trained.state_dict())
    return model


def main(run: Path, name: str, answers: list[tuple[int, int]]) -> None:
    manifest = json.loads((run / "manifest.json").read_text(encoding="utf-8"))
    experiment = experiment_named(manifest["experiment"])
    settings = with_options(experiment.presets[manifest["preset"]], manifest["settings"])
    results = pl.read_parquet(run / "results.parquet")
    rows = {row["seed"]: row for row in results.to_dicts()}
    parts = [each for each in experiment.parts(settings) if isinstance(each, NeuralGPUPart)]
    task = parts[0].recipe.task
    assert isinstance(task, Addition | Multiplication), f"{task.name} has no operation to compute"
    best = min(rows, key=lambda seed: rank(wrong(rows[seed])))
    answers = answers or [(best, rows[best]["levels"])]
    networks = {seed: network(run, parts, seed) for seed in sorted({seed for seed, _ in answers})}
    model = together(answers, networks)
    about = {
        "task": {"name": task.name, "base": task.base, "zero_filled": task.zero_filled, "trained_bits": 20},
        "made": {
            "command": manifest["command"],
            "seeds": ", ".join(map(str, networks)),
            "steps": ", ".join(str(rows[seed]["best_step"]) for seed in networks),
            "seeds_trained": results.height,
            "seeds_exact": int(results["solved"].sum()),
            "torch": manifest["versions"]["torch"],
            "processor": manifest["machine"]["processor"],
        },
        "wrong_alone": {f"seed {seed}": sheets(rows[seed]) for seed in networks},
    }
    model.save_pretrained(PRETRAINED / name, about)


def given_answer(text: str) -> tuple[int, int]:
    """``SEED:LEVELS``."""
    seed, levels = text.split(":")
    return int(seed), int(levels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(
        description="Puts a run's best network among those that come with the package."
    )
    parser.add_argument("run", type=Path, help="the folder of a run")
    parser.add_argument("name", help="what it will be called")
    parser.add_argument(
        "--answers",
        nargs="+",
        default=[],
        type=given_answer,
        metavar="SEED:LEVELS",
        help="who answers, rounded to 1/LEVELS",
    )
    given = parser.parse_args()
    main(given.run, given.name, given.answers)
