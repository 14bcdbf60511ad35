"""A step of learning a mask against a plain training step of the same network, and the memory that masks take.

Both sides of a comparison run in one process and take turns; the fastest of each counts, so that what else the
machine does meets both. Prints a JSON line a comparison:

* ``step``: ``ratio`` is the seconds of a mask step (4 masks, 800×4 network, batch 128) over those of an unmasked
  Adam step of the same batch; at most 3 is asked, against ``Adam(fused=True)`` and against the default.
* ``memory``: MB that learning a mask of a 2000×4 network takes at its highest above the module, in a process of its
  own; ``ratio`` is that over the 500 MB that are asked.

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

BATCH, MASKS, ASKED_MB = 128, 4, 500

Step = Callable[[], object]


def network(width: int) -> nn.Module:
    """Two numbers of two digits and an operation, one-hot, to two digits; four hidden layers."""
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
    """Seconds of each one's fastest step, by turns."""
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
            step()  # kernels are compiled, states made
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
    """To be called in a process of its own: the highest memory of a process never falls."""
    small = network(8)
    with ready(small):
        MaskLearner(small, loss, MaskConfig(masks=MASKS)).step(data())  # compilers and libraries are loaded
    module = network(2000)
    loss(module, *data())
    before = highest_mb()
    learner = MaskLearner(module, loss, MaskConfig(masks=MASKS))
    with ready(module):
        for _ in range(4):
            learner.step(data())
    above = highest_mb() - before
    print_result({"what": "memory", "mb": round(above), "ratio": round(above / ASKED_MB, 3)})


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rounds", type=int, default=60, help="steps of each kind that are timed")
    times(parser.parse_args().rounds)
    subprocess.run([sys.executable, "-c", "import masks; masks.memory()"], cwd=sys.path[0], check=True)


if __name__ == "__main__":
    main()
