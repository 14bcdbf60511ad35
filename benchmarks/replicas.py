"""R models trained at once, against the usual eager training of one model after another.

Both sides train multiplication with the batches, loss, penalty, optimizer and weight box of the Single Module Task.
Each size runs in a new process, which makes its peak memory measurable, and on one thread, like a process of
`extrapolate run`. Prints one JSON line per size; ``ratio`` is the usual time of a run-step (one step of one model) /
ours, both measured in this run.

    python benchmarks/replicas.py [--unit StochasticNMU] [--seconds 10]
"""

import argparse
import json
import math
import multiprocessing
import resource
import time
from contextlib import suppress
from dataclasses import dataclass, field
from typing import Any

import torch

from extrapolate import nn
from extrapolate._runtime.progress import Interrupted
from extrapolate.experiments.arithmetic._units import UNITS, SingleModuleConfig, train_unit
from extrapolate.tasks import PUBLISHED_RANGES
from extrapolate.training.loop import run_training

#: (ranges, seeds) per number of replicas.
SIZES = {1: (1, 1), 25: (1, 25), 225: (9, 25), 2_000: (8, 250)}


def config_for(ranges: int, seeds: int) -> SingleModuleConfig:
    steps = 10**9  # the stopwatch ends the training
    return SingleModuleConfig(ranges=PUBLISHED_RANGES[-ranges:], seeds=seeds, steps=steps, eval_every=steps)


@dataclass
class Stopwatch:
    """Stops training after ``seconds``; measures the time per step, without the first steps (compilation)."""

    seconds: float
    seen: list[tuple[float, int]] = field(default_factory=list)

    def update(self, step: int, status: str = "") -> None:
        self.seen.append((time.perf_counter(), step))

    def stop_requested(self) -> bool:
        return self.seen[-1][0] - self.seen[0][0] > self.seconds

    @property
    def seconds_per_step(self) -> float:
        (start, first), (end, last) = self.seen[0], self.seen[-1]
        return (end - start) / (last - first)


def ours(size: int, model_name: str, seconds: float) -> dict[str, Any]:
    """Return the microseconds per run-step, and the peak memory of the process in MiB."""
    training = train_unit(config_for(*SIZES[size]), model_name, "mul")
    assert training.train is not None
    watch = Stopwatch(seconds)
    with suppress(Interrupted):
        run_training(training.replicas(), training.train, progress=watch)
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    return {"us_per_run_step": 1e6 * watch.seconds_per_step / size, "peak_mib": peak}


def usual(model_name: str, seconds: float) -> dict[str, Any]:
    """Return the microseconds per run-step of an ordinary training loop."""
    torch.manual_seed(0)
    config = config_for(1, 1)
    low, high = config.ranges[0].train.intervals[0]
    recipe = UNITS[model_name].recipe
    penalties = recipe.penalties(config.steps, "mul")
    model = UNITS[model_name].layer(config.in_features, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=recipe.learning_rate)
    warm, began, step = 200, math.inf, 0
    while time.perf_counter() - began < seconds:
        if step == warm:
            began = time.perf_counter()
        x = low + (high - low) * torch.rand(config.batch, config.in_features)
        y = x[:, :1] * x[:, 1:2]
        optimizer.zero_grad()
        loss = (model(x) - y).square().mean()
        for each in penalties:
            loss = loss + each.weight(step) * each.measure(model)
        loss.backward()
        optimizer.step()
        nn.clamp_to_box_(model)
        step += 1
    return {"us_per_run_step": 1e6 * (time.perf_counter() - began) / (step - warm)}


def run_in_process(function: Any, *arguments: Any) -> dict[str, Any]:
    """Call ``function`` in a new process."""
    with multiprocessing.get_context("spawn").Pool(1, torch.set_num_threads, (1,)) as pool:
        return pool.apply(function, arguments)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--unit", default="StochasticNMU", help="a unit that supports multiplication")
    parser.add_argument("--seconds", type=float, default=10.0, help="measured seconds per side (default 10)")
    arguments = parser.parse_args()
    common = {"model": arguments.unit, "torch": torch.__version__}
    one = run_in_process(usual, arguments.unit, arguments.seconds)["us_per_run_step"]
    print(json.dumps({"side": "usual", "replicas": 1, "us_per_run_step": round(one, 1), **common}), flush=True)
    for size in SIZES:
        measured = run_in_process(ours, size, arguments.unit, arguments.seconds)
        line = {
            "side": "ours",
            "replicas": size,
            "us_per_run_step": round(measured["us_per_run_step"], 3),
            "peak_mib": round(measured["peak_mib"]),
            "ratio": round(one / measured["us_per_run_step"], 2),
            **common,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
