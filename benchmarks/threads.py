"""Two threads against one, beside a program that holds a core: one operation of each package, of several sizes.

A busy process is pinned to one core; the measured process may use all of them. One thread and two take turns in one
process, each for at least 50 ms a turn; times are medians of 9 turns. Prints a JSON line an operation and size:
``ratio`` is the time on two threads over that on one; at most 1.2 is asked. With ``--idle`` there is no busy process.

    python benchmarks/threads.py [--idle] [--turns 9] [--only optim,gilr_lstm]
"""

import argparse
import json
import math
import os
import statistics
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor

from extrapolate import nn
from extrapolate._runtime.machine import keep_freed_memory
from extrapolate.inspect.masks import sampling
from extrapolate.ops import linear_recurrence
from extrapolate.optim import Madam

Work = Callable[[], object]

#: Seconds of a turn at the least; operations are repeated until then.
TURN = 0.05

#: Seconds between turns: the threads of the last one have stopped waiting for work by then.
PAUSE = 0.02

#: Holds the core that it reads, until its input closes.
HOLD = "import os, sys, threading; os.sched_setaffinity(0, {int(sys.argv[1])}); \
threading.Thread(target=lambda: (sys.stdin.read(), os._exit(0)), daemon=True).start()\nwhile True: pass"


def recurrence(length: int) -> Work:
    """ops: forward and backward of 8 sequences of 256 channels."""
    a, b, error = (torch.rand(8, length, 256) for _ in range(3))
    a.requires_grad_()
    b.requires_grad_()
    return lambda: torch.autograd.grad(linear_recurrence(a, b), (a, b), error)


def madam(size: int) -> Work:
    """optim: a step of Madam on one tensor."""
    weight = torch.randn(size)
    weight.grad = torch.randn(size)
    return Madam([weight]).step


def masks(size: int) -> Work:
    """inspect: four masks of a matrix, and the way back to its logits."""
    weight, logits = torch.randn(size, size), torch.full((size, size), 2.0, requires_grad=True)
    key, error = torch.tensor([0, 0, 0]), torch.randn(4, size, size)
    return lambda: torch.autograd.grad(sampling.draw(logits, weight, key, 4), logits, error)


def answers(model: torch.nn.Module, x: Tensor) -> None:
    with torch.no_grad():
        model(x)


def training_step(model: torch.nn.Module, x: Tensor) -> None:
    y = model(x)[0]
    torch.autograd.grad(y, list(model.parameters()), y.detach())


def layer(pass_: Callable[[torch.nn.Module, Tensor], None], batch: int, width: int, length: int) -> Work:
    """nn: a GILR-LSTM of this width on sequences of this length."""
    model = nn.GILRLSTM(width, width, batch_first=True)
    return partial(pass_, model, torch.randn(batch, length, width))


def diagonal(channels: int) -> Work:
    """nn: 41 steps of the diagonal Neural GPU on 32 sequences of 41 symbols, and the way back."""
    model, state, span = nn.DiagonalNeuralGPU(13, 3, channels), torch.rand(32, 41, channels), torch.ones(32, 41)
    weights = list(model.cell.parameters())
    return lambda: torch.autograd.grad(model.advance_steps(state, span, range(41)), weights, state)


#: Of each operation, how it is made for a size, and its sizes: below 5 ms, about 5, 20 and 100 ms on one thread.
OPERATIONS: dict[str, tuple[Callable[[int], Work], tuple[int, ...]]] = {
    "ops": (recurrence, (500, 3000, 12_000, 50_000)),
    "optim": (madam, (1_000_000, 10_000_000, 40_000_000, 160_000_000)),
    "masks": (masks, (200, 1200, 2400, 5000)),
    "nn forward": (partial(layer, answers, 8, 64), (100, 600, 2500, 12_000)),
    "nn training step": (partial(layer, training_step, 8, 64), (50, 200, 800, 4000)),
    "nn diagonal": (diagonal, (12, 48, 64)),
    "GILR-LSTM forward": (partial(layer, answers, 1, 16), (8192, 65_536)),
    "GILR-LSTM training step": (partial(layer, training_step, 1, 16), (8192, 65_536)),
}


@contextmanager
def busy(core: int) -> Iterator[None]:
    """While inside, another process computes on ``core``.

    Raises:
        RuntimeError: it got less than a third of the core.
    """
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(core)], stdin=subprocess.PIPE)
    try:
        time.sleep(0.5)
        began, before = time.perf_counter(), processor_seconds(child.pid)
        yield
        share = (processor_seconds(child.pid) - before) / (time.perf_counter() - began)
        if share < 1 / 3:
            raise RuntimeError(f"the busy process got {share:.0%} of its core: the ratios say nothing")
        print(json.dumps({"busy process": f"core {core}", "share": round(share, 2)}), flush=True)
    finally:
        child.kill()
        child.wait()


def processor_seconds(process: int) -> float:
    """Processor time of another process so far (Linux)."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds(work: Work, threads: int, repeats: int) -> float:
    """The time of one operation, on this many threads."""
    torch.set_num_threads(threads)
    time.sleep(PAUSE)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - began) / repeats


def compare(work: Work, turns: int) -> dict[str, float]:
    """The medians of both sides and their ratio."""
    work()  # kernels are compiled
    repeats = max(1, math.ceil(TURN / seconds(work, 1, 3)))
    pairs = [(seconds(work, 1, repeats), seconds(work, 2, repeats)) for _ in range(turns)]
    one, two = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"one_ms": round(1e3 * one, 2), "two_ms": round(1e3 * two, 2), "ratio": round(two / one, 3)}


def lines(names: list[str], turns: int) -> None:
    for name in names:
        make, sizes = OPERATIONS[name]
        for size in sizes:
            print(json.dumps({"operation": name, "size": size, **compare(make(size), turns)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", action="store_true", help="without the busy process")
    parser.add_argument("--turns", type=int, default=9, help="turns of each side (default 9)")
    parser.add_argument("--only", default=",".join(OPERATIONS), help=f"some of {', '.join(OPERATIONS)}")
    options = parser.parse_args()
    names = options.only.split(",")
    keep_freed_memory()
    if options.idle:
        lines(names, options.turns)
    else:
        with busy(max(os.sched_getaffinity(0))):
            lines(names, options.turns)


if __name__ == "__main__":
    main()
