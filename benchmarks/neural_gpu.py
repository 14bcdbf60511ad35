"""The diagonal Neural GPU: fused steps against unfused ones, in training and inference; five batches at once.

Both sides run in turn in one process; times are medians, of CPU time and of wall time. A training step is forward
and backward of the cross-entropy and the saturation cost, with dropout, without the optimizer. Prints one JSON line
per comparison; ``ratio`` is the CPU time of the first side / that of the second. The allocator keeps freed memory,
as in ``extrapolate run``.

    python benchmarks/neural_gpu.py [--threads 1] [--repeats 7]
"""

import argparse
import json
import statistics
import time
from collections.abc import Callable, Iterator

import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate import nn
from extrapolate._runtime.machine import keep_freed_memory
from extrapolate.nn.neural_gpu import _diagonal_fused

Work = Callable[[], object]

#: Pairs of (symbols, targets), both (B, n).
Batches = list[tuple[Tensor, Tensor]]

#: Returns the logits of each batch, and the mean saturation cost.
Forward = Callable[[nn.DiagonalNeuralGPU, Batches], tuple[list[Tensor], Tensor]]

#: (length, sequences, channels) of a training step; first those of the published addition and multiplication.
TRAINING = [(41, 32, 48), (41, 32, 96), (20, 32, 48), (8, 32, 48)]
INFERENCE = [(401, 4, 48), (41, 256, 48)]

#: A training step of multiplication: the lengths of its batches, sequences per batch, channels.
GROUPS, EACH, CHANNELS = (8, 20, 28, 36, 41), 16, 96


def seconds(sides: dict[str, Work], repeats: int) -> dict[str, tuple[float, float]]:
    """Return the median CPU time and wall time of each side in seconds; the sides take turns."""
    times: dict[str, list[tuple[float, float]]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, work in sides.items():
            began = time.process_time(), time.perf_counter()
            work()
            if turn:  # the first turn is a warm-up
                times[name].append((time.process_time() - began[0], time.perf_counter() - began[1]))
    return {
        name: (statistics.median(cpu for cpu, _ in each), statistics.median(wall for _, wall in each))
        for name, each in times.items()
    }


def line(what: str, sides: dict[str, Work], repeats: int, **facts: object) -> dict[str, object]:
    times = seconds(sides, repeats)
    rounded = {
        f"{name}_{kind}": round(1e3 * each, 2)
        for name, pair in times.items()
        for kind, each in zip(("cpu_ms", "ms"), pair, strict=True)
    }
    first, second, *_ = times
    ratio = round(times[first][0] / times[second][0], 3)
    return {"benchmark": what, **facts, **rounded, "ratio": ratio}


def unfused(work: Work) -> Work:
    """Return ``work`` with the fused steps disabled."""

    def run() -> None:
        usable = _diagonal_fused.usable
        _diagonal_fused.usable = lambda x: False
        try:
            work()
        finally:
            _diagonal_fused.usable = usable

    return run


def train(model: nn.DiagonalNeuralGPU, symbols: Tensor, target: Tensor) -> None:
    model.zero_grad()
    logits, saturation = model.measure_saturation(symbols)
    (F.cross_entropy(logits.flatten(0, 1), target.flatten()) + 1e-3 * saturation).backward()


def together(model: nn.DiagonalNeuralGPU, batches: Batches) -> tuple[list[Tensor], Tensor]:
    return model.measure_saturations([(symbols, symbols > 0) for symbols, _ in batches])


def loop(model: nn.DiagonalNeuralGPU, batches: Batches) -> tuple[list[Tensor], Tensor]:
    logits, costs = zip(*(model.measure_saturation(symbols) for symbols, _ in batches), strict=True)
    return list(logits), torch.stack(costs).mean()


def train_groups(model: nn.DiagonalNeuralGPU, batches: Batches, forward: Forward) -> None:
    model.zero_grad()
    logits, cost = forward(model, batches)
    entropies = [
        F.cross_entropy(each.flatten(0, 1), target.flatten())
        for each, (_, target) in zip(logits, batches, strict=True)
    ]
    (torch.stack(entropies).mean() + 1e-3 * cost).backward()


@torch.no_grad()
def infer(model: nn.DiagonalNeuralGPU, symbols: Tensor) -> None:
    model(symbols)


def lines(repeats: int) -> Iterator[dict[str, object]]:
    for length, count, channels in TRAINING:
        model = nn.DiagonalNeuralGPU(13, 3, channels, dropout=0.5)
        model.key = torch.tensor([0, 1, 0])
        symbols, target = torch.randint(1, 3, (count, length)), torch.randint(3, (count, length))
        work: Work = lambda m=model, x=symbols, y=target: train(m, x, y)  # noqa: E731
        facts = {"length": length, "sequences": count, "maps": channels}
        yield line("training step", {"fused": work, "plain": unfused(work)}, repeats, **facts)
    model = nn.DiagonalNeuralGPU(13, 3, CHANNELS, dropout=0.1)
    model.key = torch.tensor([0, 1, 0])
    batches = [(torch.randint(1, 3, (EACH, n)), torch.randint(3, (EACH, n))) for n in GROUPS]
    groups: dict[str, Work] = {
        "together": lambda: train_groups(model, batches, together),
        "loop": lambda: train_groups(model, batches, loop),
    }
    facts = {"lengths": GROUPS, "sequences": EACH, "maps": CHANNELS}
    yield line("training step of five lengths", groups, repeats, **facts)
    for length, count, channels in INFERENCE:
        model = nn.DiagonalNeuralGPU(13, 3, channels).eval()
        symbols = torch.randint(1, 3, (count, length))
        outputs: Work = lambda m=model, x=symbols: infer(m, x)  # noqa: E731
        facts = {"length": length, "sequences": count, "maps": channels}
        yield line("answers", {"fused": outputs, "plain": unfused(outputs)}, repeats, **facts)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--threads", type=int, default=1, help="number of threads (default 1)")
    parser.add_argument("--repeats", type=int, default=7, help="timed turns per side (default 7)")
    options = parser.parse_args()
    keep_freed_memory()
    torch.set_num_threads(options.threads)
    torch.manual_seed(0)
    for row in lines(options.repeats):
        print(json.dumps(row | {"threads": options.threads}), flush=True)


if __name__ == "__main__":
    main()
