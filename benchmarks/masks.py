"""A mask training step against an ordinary training step of the same network, and the peak memory of masks.

Both sides run in one process and take turns, so that other load affects both; the fastest step of each side counts.
Prints one JSON line per comparison:

* ``step``: ``ratio`` is the time of a mask step (4 masks, 800×4 network, batch 128) / that of an unmasked Adam step
  on the same batch. Goal: at most 3, against ``Adam(fused=True)`` and against the default.
* ``memory``: peak memory in MB for training masks of a 2000×4 network, beyond the module itself, in a new process.
  ``ratio`` is this / the goal of 500 MB.

    python benchmarks/masks.py [--rounds 60]
"""

import argparse
import itertools
import json
import resource
import subprocess
import sys
import time
from collections.abc import Callable

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.inspect import MaskConfig
from extrapolate.inspect.masks import ready
from extrapolate.inspect.masks.learner import MaskLearner

BATCH, MASKS, GOAL_MB = 128, 4, 500

Step = Callable[[], object]


def network(width: int) -> nn.Module:
    """Build a network with 4 hidden layers: two 2-digit numbers and an operation, one-hot (42), to two digits."""
    sizes = [42, *[width] * 4]
    hidden = [part for pair in itertools.pairwise(sizes) for part in (nn.Linear(*pair), nn.ReLU())]
    return nn.Sequential(*hidden, nn.Linear(width, 20))


def loss(model: nn.Module, x: Tensor, digits: Tensor) -> Tensor:
    return F.cross_entropy(model(x).unflatten(-1, (2, 10)).flatten(0, 1), digits.flatten())


def data() -> tuple[Tensor, Tensor]:
    generator = torch.Generator().manual_seed(0)
    x = (torch.rand(BATCH, 42, generator=generator) < 0.12).float()
    return x, torch.randint(10, (BATCH, 2), generator=generator)


def unmasked(module: nn.Module, optimizer: torch.optim.Optimizer) -> Step:
    batch = data()

    def step() -> None:
        optimizer.zero_grad()
        loss(module, *batch).backward()
        optimizer.step()

    return step


def fastest(steps: dict[str, Step], rounds: int) -> dict[str, float]:
    """Return the seconds of the fastest step of each side; the sides take turns."""
    best = dict.fromkeys(steps, float("inf"))
    for _ in range(rounds):
        for name, step in steps.items():
            began = time.perf_counter()
            step()
            best[name] = min(best[name], time.perf_counter() - began)
    return best


def print_result(line: dict[str, object]) -> None:
    print(json.dumps({**line, "threads": torch.get_num_threads(), "torch": torch.__version__}), flush=True)


def times(rounds: int) -> None:
    torch.manual_seed(0)
    module = network(800)
    learner = MaskLearner(module, loss, MaskConfig(masks=MASKS))
    plain, fused = network(800), network(800)
    steps = {
        "masks": lambda: learner.step(data()),
        "Adam(fused=True)": unmasked(fused, torch.optim.Adam(fused.parameters(), fused=True)),
        "Adam": unmasked(plain, torch.optim.Adam(plain.parameters())),
    }
    with ready(module):
        for step in steps.values():
            step()  # warm-up: compile kernels, create optimizer states
        best = fastest(steps, rounds)
    for theirs in ("Adam(fused=True)", "Adam"):
        milliseconds = {"ms_ours": round(1e3 * best["masks"], 2), "ms_theirs": round(1e3 * best[theirs], 2)}
        print_result(
            {
                "what": "step",
                "theirs": theirs,
                "ratio": round(best["masks"] / best[theirs], 3),
                **milliseconds,
            }
        )


def highest_mb() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def memory() -> None:
    """Measure peak memory; call it in a new process, since the peak of a process never falls."""
    small = network(8)
    with ready(small):
        MaskLearner(small, loss, MaskConfig(masks=MASKS)).step(data())  # warm-up: load compilers and libraries
    module = network(2000)
    loss(module, *data())
    before = highest_mb()
    learner = MaskLearner(module, loss, MaskConfig(masks=MASKS))
    with ready(module):
        for _ in range(4):
            learner.step(data())
    above = highest_mb() - before
    print_result({"what": "memory", "mb": round(above), "ratio": round(above / GOAL_MB, 3)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help="timed steps per side (default 60)")
    times(parser.parse_args().rounds)
    subprocess.run([sys.executable, "-c", "import masks; masks.memory()"], cwd=sys.path[0], check=True)


if __name__ == "__main__":
    main()
