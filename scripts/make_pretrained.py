"""Save the best network of a run as a pretrained network, in ``src/extrapolate/nn/pretrained/NAME``.

python scripts/make_pretrained.py runs/neural-gpu-addition-laptop binary-addition
python scripts/make_pretrained.py runs/neural-gpu-multiplication-laptop binary-multiplication --answers 0:5 1:3

The best network has the fewest errors on all test sets, among those tested on the most sets. Its states are rounded
as in the run. ``--answers SEED:LEVELS`` selects the network of this seed, with states rounded to multiples of
1/LEVELS. Several of them form an ensemble, in which each network gets the operands in both orders. ``config.json``
describes the run; ``ask_pretrained.py`` adds the errors of the saved network.
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
    """Return the number of errors by test set; None if the network was not tested on it."""
    return {name.removesuffix("/of"): row[name.replace("/of", "/wrong")] for name in row if name.endswith("/of")}


def test_sets(row: dict[str, Any]) -> dict[str, str]:
    """Return the errors of each test set used, such as ``3 of 256``."""
    tested = {name: count for name, count in wrong(row).items() if count is not None}
    return {name: f"{count} of {row[f'{name}/of']}" for name, count in tested.items()}


def together(
    answers: list[tuple[int, int]], networks: dict[int, nn.DiagonalNeuralGPU]
) -> nn.DiagonalNeuralGPU | nn.NeuralGPUEnsemble:
    """Return one network, or an ensemble with each of several twice (operands swapped).

    Args:
        answers: pairs of a seed and its levels.
        networks: networks by seed.
    """
    if len(answers) == 1:
        ((seed, levels),) = answers
        networks[seed].quantization_levels = levels or None
        return networks[seed]
    seeds = list(networks)
    model = nn.NeuralGPUEnsemble(
        [each.arguments() for each in networks.values()],
        [(seeds.index(seed), levels or None, swapped) for seed, levels in answers for swapped in (False, True)],
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
    config = {
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
    model.save_pretrained(PRETRAINED / name, config)


def network(run: Run, seed: int) -> nn.DiagonalNeuralGPU:
    """Return the trained network of this seed, without rounding of the states."""
    model = run.model(seed=seed)
    assert isinstance(model, nn.DiagonalNeuralGPU)
    return model


def parse_answer(text: str) -> tuple[int, int]:
    """Parse ``SEED:LEVELS``."""
    seed, levels = text.split(":")
    return int(seed), int(levels)


if __name__ == "__main__":
    parser = argparse.ArgumentParser(description="Save the best network of a run as a pretrained network.")
    parser.add_argument("run", type=Path, help="folder of the run")
    parser.add_argument("name", help="name of the pretrained network")
    parser.add_argument(
        "--answers",
        nargs="+",
        default=[],
        type=parse_answer,
        metavar="SEED:LEVELS",
        help="seeds of the networks, with states rounded to multiples of 1/LEVELS; one network: 0 for no rounding",
    )
    arguments = parser.parse_args()
    main(arguments.run, arguments.name, arguments.answers)
