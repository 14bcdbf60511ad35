"""Two threads against one while another program uses a core: one operation per package, in several sizes.

A busy process is pinned to one core; the measured process may use all cores. One thread and two threads take turns
of at least 50 ms in one process; times are medians over 9 turns. Prints one JSON line per operation and size;
``ratio`` is the time on two threads / that on one. Goal: at most 1.2. With ``--idle`` there is no busy process.

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

#: Shortest turn in seconds; a turn repeats its operation.
TURN = 0.05

#: Seconds between turns, in which the threads of the last turn stop waiting for work.
PAUSE = 0.02

#: Program that keeps a core (its argument) busy until its standard input closes.
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
    """inspect: four masks of a matrix, forward and backward to the logits."""
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
    """nn: a GILR-LSTM of ``width`` channels on ``batch`` sequences."""
    model = nn.GILRLSTM(width, width, batch_first=True)
    return partial(pass_, model, torch.randn(batch, length, width))


def diagonal(channels: int) -> Work:
    """nn: 41 steps of the diagonal Neural GPU on 32 sequences of 41 symbols, forward and backward."""
    model, state, span = nn.DiagonalNeuralGPU(13, 3, channels), torch.rand(32, 41, channels), torch.ones(32, 41)
    weights = list(model.cell.parameters())
    return lambda: torch.autograd.grad(model.advance_steps(state, span, range(41)), weights, state)


#: (function that builds the operation, sizes). On one thread, they take less than 5, then about 5, 20 and 100 ms.
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
    """Keep ``core`` busy with another process inside the context.

    Raises:
        RuntimeError: that process got less than a third of the core.
    """
    child = subprocess.Popen([sys.executable, "-c", HOLD, str(core)], stdin=subprocess.PIPE)
    try:
        time.sleep(0.5)
        began, before = time.perf_counter(), processor_seconds(child.pid)
        yield
        share = (processor_seconds(child.pid) - before) / (time.perf_counter() - began)
        if share < 1 / 3:
            raise RuntimeError(f"the busy process got {share:.0%} of its core: discard the ratios and repeat")
        print(json.dumps({"busy process": f"core {core}", "share": round(share, 2)}), flush=True)
    finally:
        child.kill()
        child.wait()


def processor_seconds(process: int) -> float:
    """Return the CPU time of another process so far, in seconds (Linux only)."""
    with open(f"/proc/{process}/stat", encoding="ascii") as file:
        fields = file.read().rpartition(")")[2].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def seconds(work: Work, threads: int, repeats: int) -> float:
    """Return the time of one operation on ``threads`` threads, in seconds."""
    torch.set_num_threads(threads)
    time.sleep(PAUSE)
    began = time.perf_counter()
    for _ in range(repeats):
        work()
    return (time.perf_counter() - began) / repeats


def compare(work: Work, turns: int) -> dict[str, float]:
    """Return the median times of both sides and their ratio."""
    work()  # warm-up: compile kernels
    repeats = max(1, math.ceil(TURN / seconds(work, 1, 3)))
    pairs = [(seconds(work, 1, repeats), seconds(work, 2, repeats)) for _ in range(turns)]
    one, two = (statistics.median(side) for side in zip(*pairs, strict=True))
    return {"one_ms": round(1e3 * one, 2), "two_ms": round(1e3 * two, 2), "ratio": round(two / one, 3)}


def lines(names: list[str], turns: int) -> None:
    for name in names:
        make, sizes = OPERATIONS[name]
        for size in sizes:
            print(json.dumps({"name": name, "size": size, **compare(make(size), turns)}), flush=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--idle", action="store_true", help="run without the busy process")
    parser.add_argument("--turns", type=int, default=9, help="turns per side (default 9)")
    parser.add_argument(
        "--only", default=",".join(OPERATIONS), help=f"comma-separated operations out of {', '.join(OPERATIONS)}"
    )
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
