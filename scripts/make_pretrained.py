"""Puts a run's best network among those that come with the package, in ``src/extrapolate/nn/pretrained/NAME``.

python scripts/make_pretrained.py runs/neural-gpu-addition-laptop binary-addition
python scripts/make_pretrained.py runs/neural-gpu-multiplication-laptop binary-multiplication --answers 0:5 1:3

Best: the fewest wrong answers on all test sets, of the networks that were tested on most. It rounds its states as in
the run. With ``--answers SEED:LEVELS`` the network of that seed answers, with states rounded to multiples of
1/LEVELS; several of them answer together, each with the operands in both orders. What ``config.json`` says of them
is read from the run; ``ask_pretrained.py`` adds how many answers of the shipped network are wrong.
"""

import argparse
from pathlib import Path
from typing import Any

from extrapolate import nn
from extrapolate.experiments import Run, load_run
from extrapolate.experiments.algorithms._testing import rank
from extrapolate.experiments.algorithms.neural_gpu_addition import AdditionTests
from extrapolate.experiments.algorithms.neural_gpu_multiplication import MultiplicationTests

PRETRAINED = Path(nn.__file__).parent / "pretrained"

TASKS = {each.task.name: each.task for each in (AdditionTests, MultiplicationTests)}


def wrong(row: dict[str, Any]) -> dict[str, int | None]:
    """Wrong answers by test set; None where the network was not tested on it."""
    return {name.removesuffix("/of"): row[name.replace("/of", "/wrong")] for name in row if name.endswith("/of")}


def test_sets(row: dict[str, Any]) -> dict[str, str]:
    """``3 of 256`` wrong answers by test set, of those that the network was tested on."""
    tested = {name: count for name, count in wrong(row).items() if count is not None}
    return {name: f"{count} of {row[f'{name}/of']}" for name, count in tested.items()}


def together(
    answers: list[tuple[int, int]], networks: dict[int, nn.DiagonalNeuralGPU]
) -> nn.DiagonalNeuralGPU | nn.NeuralGPUEnsemble:
    """``answers``: seeds and their levels; of several each answers twice."""
    if len(answers) == 1:
        ((seed, levels),) = answers
        networks[seed].quantization_levels = levels or None
        return networks[seed]
    seeds = list(networks)
    model = nn.NeuralGPUEnsemble(
        [each.arguments() for each in networks.values()],
        [(seeds.index(seed), levels, swapped) for seed, levels in answers for swapped in (False, True)],
    )
    for member, trained in zip(model.networks, networks.values(), strict=True):
        member.load_state_dict(trained.state_dict())
    return model


def main(folder: Path, name: str, answers: list[tuple[int, int]]) -> None:
    run = load_run(folder)
    manifest, results = run.manifest, run.results
    rows = {row["seed"]: row for row in results.to_dicts()}
    task = TASKS[results["task"][0]]
    best = min(rows, key=lambda seed: rank(wrong(rows[seed])))
    answers = answers or [(best, rows[best]["quantization_levels"])]
    networks = {seed: network(run, seed) for seed in sorted({seed for seed, _ in answers})}
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
        "wrong_alone": {f"seed {seed}": test_sets(rows[seed]) for seed in networks},
    }
    model.save_pretrained(PRETRAINED / name, about)


def network(run: Run, seed: int) -> nn.DiagonalNeuralGPU:
    """The trained network of this seed, whose states are not rounded yet."""
    model = run.model(seed=seed)
    assert isinstance(model, nn.DiagonalNeuralGPU)
    return model


def given_answer(text: str) -> tuple[int, int]:
    """``SEED:LEVELS``."""
    seed, levels = text.split(":")
    return int(seed), int(levels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Puts a run's best network among those that come with the package.")
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
