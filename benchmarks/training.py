"""``train`` with its default settings, against the same training written in other ways.

R replicas of a 4 → 64 → 1 network, batch size 128, Adam, a table of 10,000 rows. The sides take turns. Each line is
the median of ``--runs`` runs, in milliseconds per step of all R replicas; ``ratio`` is the time of ``train`` / that
of the side.

* ``one thread``: ``train`` after ``torch.set_num_threads(1)``.
* ``by hand``: code without this package: ``vmap(grad)``, foreach Adam, ``torch.randint`` of (R, B); one thread, no
  evaluation.
* ``one at a time``: R ordinary modules one after another, on one thread.

With ``--busy`` another process keeps one core busy; the script checks that it really ran.

    python benchmarks/training.py [--busy] [--runs 9]
"""

import argparse
import json
import multiprocessing
import os
import statistics
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from functools import partial

import torch
from torch import Tensor, nn
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn import functional as F

from extrapolate import Replicas, train

ROWS, BATCH, STEPS = 10_000, 128, 1_000
THREADS = torch.get_num_threads()

X = torch.rand(ROWS, 4, generator=torch.Generator().manual_seed(0))
Y = X.prod(1, keepdim=True)


def network() -> nn.Module:
    return nn.Sequential(nn.Linear(4, 64), nn.ReLU(), nn.Linear(64, 1))


def mse(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.mse_loss(model(x), y)


def ours(replicas: int, threads: int) -> Callable[[], None]:
    """Return a training with ``train``, as in its documentation."""
    torch.set_num_threads(threads)
    stacked = Replicas.build(network, range(replicas))
    return lambda: train(stacked, mse, (X, Y), steps=STEPS, optimizer=partial(torch.optim.Adam, lr=1e-3)) and None


def by_hand(replicas: int) -> Callable[[], None]:
    torch.set_num_threads(1)
    modules = [network() for _ in range(replicas)]
    parameters, _ = stack_module_state(modules)
    optimizer = torch.optim.Adam(parameters.values(), lr=1e-3, foreach=True)
    template = modules[0]

    def loss(values: dict[str, Tensor], x: Tensor, y: Tensor) -> Tensor:
        return F.mse_loss(functional_call(template, values, (x,)), y)

    gradients = vmap(grad(loss))

    def steps() -> None:
        for _ in range(STEPS):
            rows = torch.randint(ROWS, (replicas, BATCH))
            for name, slope in gradients({n: v.detach() for n, v in parameters.items()}, X[rows], Y[rows]).items():
                parameters[name].grad = slope
            optimizer.step()

    return steps


def one_at_a_time(replicas: int) -> Callable[[], None]:
    torch.set_num_threads(1)
    pairs = []
    for _ in range(replicas):
        module = network()
        pairs.append((module, torch.optim.Adam(module.parameters(), lr=1e-3)))

    def steps() -> None:
        for module, optimizer in pairs:
            for _ in range(STEPS // 10):
                rows = torch.randint(ROWS, (BATCH,))
                optimizer.zero_grad()
                mse(module, X[rows], Y[rows]).backward()
                optimizer.step()

    return steps


def spin() -> None:
    os.sched_setaffinity(0, {0})
    while True:
        pass


@contextmanager
def busy_core(wanted: bool) -> Iterator[None]:
    """Keep core 0 busy with another process; exit with an error if that got less than 25 % of it."""
    if not wanted:
        yield
        return
    process = multiprocessing.get_context("spawn").Process(target=spin, daemon=True)
    process.start()
    time.sleep(2.0)
    before, began = _cpu_seconds(process.pid), time.monotonic()
    try:
        yield
        share = (_cpu_seconds(process.pid) - before) / (time.monotonic() - began)
        if share < 0.25:
            raise SystemExit(f"the busy process got only {share:.0%} of a core: discard the results and repeat")
    finally:
        process.kill()


def _cpu_seconds(pid: int | None) -> float:
    with open(f"/proc/{pid}/stat") as file:
        fields = file.read().rsplit(")", 1)[1].split()
    return (int(fields[11]) + int(fields[12])) / os.sysconf("SC_CLK_TCK")


def measure(replicas: int, runs: int) -> dict[str, float]:
    """Return the median milliseconds per step of each side; the sides take turns."""
    sides: dict[str, tuple[Callable[[], Callable[[], None]], int]] = {
        "train": (lambda: ours(replicas, THREADS), STEPS),
        "one thread": (lambda: ours(replicas, 1), STEPS),
        "by hand": (lambda: by_hand(replicas), STEPS),
        "one at a time": (lambda: one_at_a_time(replicas), STEPS // 10),
    }
    times: dict[str, list[float]] = {name: [] for name in sides}
    for run in range(runs + 1):  # the first run is a warm-up
        for name, (make, steps) in sides.items():
            work = make()
            began = time.perf_counter()
            work()
            if run:
                times[name].append(1e3 * (time.perf_counter() - began) / steps)
    return {name: statistics.median(each) for name, each in times.items()}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--busy", action="store_true", help="keep one core busy with another process")
    parser.add_argument("--runs", type=int, default=9, help="timed runs per side (default 9)")
    arguments = parser.parse_args()
    with busy_core(arguments.busy):
        for replicas in (8, 25):
            found = measure(replicas, arguments.runs)
            for name, milliseconds in found.items():
                line = {
                    "side": name,
                    "replicas": replicas,
                    "busy": arguments.busy,
                    "ms_per_step": round(milliseconds, 3),
                    "ratio": round(found["train"] / milliseconds, 3),
                    "threads": THREADS,
                    "torch": torch.__version__,
                }
                print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
