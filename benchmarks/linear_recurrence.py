"""The linear recurrence against memory bandwidth and other implementations; recurrent layers against nn.LSTM.

Both sides run in turn in one process; times are medians. With ``fresh: false`` both sides write into existing
arrays, because allocating a large result costs several times the scan itself. Prints one JSON line per comparison;
``ratio`` is our time / their time.

    python benchmarks/linear_recurrence.py [--threads 2] [--only floor,loops,layers]
"""

import argparse
import importlib.util
import json
import statistics
import time
from collections.abc import Callable, Iterator
from typing import Any

import torch
from torch import Tensor

from extrapolate import nn
from extrapolate.ops import linear_recurrence
from extrapolate.ops.linear_recurrence import cpu

Work = Callable[[], object]
SHAPES = [(8, 8192, 256), (1, 2**20, 16)]


def seconds(sides: dict[str, Work], repeats: int) -> dict[str, float]:
    """Return the median time of each side in seconds; the sides take turns."""
    times: dict[str, list[float]] = {name: [] for name in sides}
    for turn in range(repeats + 1):
        for name, work in sides.items():
            started = time.perf_counter()
            work()
            if turn:  # the first turn is a warm-up
                times[name].append(time.perf_counter() - started)
    return {name: statistics.median(each) for name, each in times.items()}


def line(what: str, ours: Work, theirs: Work, repeats: int, **facts: object) -> dict[str, object]:
    times = seconds({"ours": ours, "theirs": theirs}, repeats)
    rounded = {f"{name}_ms": round(1e3 * each, 3) for name, each in times.items()}
    ratio = round(times["ours"] / times["theirs"], 3)
    return {"benchmark": what, **facts, **rounded, "ratio": ratio}


def floors() -> Iterator[dict[str, object]]:
    """Compare with memory bandwidth: 12 bytes per element forward, as in torch.add; 20 backward (a, h, g, da, db)."""
    for shape in SHAPES:
        a, b, h, g, da, db = (torch.rand(shape) for _ in range(6))

        def forward(a: Tensor = a, b: Tensor = b, h: Tensor = h) -> None:
            cpu.forward_into(h, a, b, None, None, False)

        def training(a=a, b=b, h=h, g=g, da=da, db=db) -> None:
            cpu.forward_into(h, a, b, None, None, False)
            cpu.adjoint_into(da, db, g, a, h, None, None, False)

        def floor(a=a, b=b, h=h, g=g, da=da, db=db) -> None:
            torch.add(a, b, out=h)  # 12 bytes
            torch.add(a, g, out=da)  # 12 bytes
            db.copy_(h)  # 8 bytes

        add: Work = lambda a=a, b=b, h=h: torch.add(a, b, out=h)  # noqa: E731
        yield line("forward", forward, add, 15, shape=shape, against="torch.add(out=)", fresh=False)
        yield line("forward + backward", training, floor, 15, shape=shape, against="adds and copy", fresh=False)
        fresh: Work = lambda a=a, b=b: linear_recurrence(a, b)  # noqa: E731
        yield line("forward", fresh, lambda a=a, b=b: a + b, 7, shape=shape, against="torch.add", fresh=True)


def loop(a: Tensor, b: Tensor) -> Tensor:
    """Compute the recurrence in a Python loop; ``unbind``, since the gradient of indexing takes quadratic time."""
    state, states = torch.zeros_like(b[:, 0]), []
    for gate, token in zip(a.unbind(1), b.unbind(1), strict=True):
        state = gate * state + token
        states.append(state)
    return torch.stack(states, 1)


def torch_scan(a: Tensor, b: Tensor) -> Tensor:
    from torch._higher_order_ops import associative_scan

    def combine(x: tuple[Tensor, Tensor], y: tuple[Tensor, Tensor]) -> tuple[Tensor, Tensor]:
        return x[0] * y[0], y[0] * x[1] + y[1]

    return associative_scan(combine, (a, b), 1, combine_mode="generic")[1]


def jax_scan(a: Tensor, b: Tensor) -> Work:
    import jax  # pyright: ignore[reportMissingImports]

    def combine(x: Any, y: Any) -> Any:
        return x[0] * y[0], y[0] * x[1] + y[1]

    scan = jax.jit(lambda a, b: jax.lax.associative_scan(combine, (a, b), axis=1)[1])
    operands = jax.numpy.asarray(a.numpy()), jax.numpy.asarray(b.numpy())
    return lambda: scan(*operands).block_until_ready()


def others() -> Iterator[dict[str, object]]:
    for shape in [(8, 8192, 256), (1, 2**17, 16)]:
        a, b = torch.rand(shape), torch.rand(shape)
        ours: Work = lambda a=a, b=b: linear_recurrence(a, b)  # noqa: E731
        theirs: dict[str, Work] = {
            "loop over time": lambda a=a, b=b: loop(a, b),
            "torch associative_scan": lambda a=a, b=b: torch_scan(a, b),
        }
        if importlib.util.find_spec("jax"):
            theirs["jax associative_scan"] = jax_scan(a, b)
        for name, work in theirs.items():
            yield line("forward", ours, work, 3, shape=shape, against=name, fresh=True)


@torch.no_grad()
def infer(layer: torch.nn.Module, x: Tensor) -> None:
    layer(x)


def train(layer: torch.nn.Module, x: Tensor) -> None:
    layer.zero_grad()
    layer(x)[0].sum().backward()


def layers() -> Iterator[dict[str, object]]:
    for length in (8192, 65536):
        for width in (16, 32, 64):
            x = torch.randn(1, length, width)
            ours, theirs = (kind(width, width, batch_first=True) for kind in (nn.GILRLSTM, torch.nn.LSTM))
            facts: dict[str, Any] = {"shape": (1, length, width), "against": "nn.LSTM"}
            for name, work in (("forward", infer), ("training step", train)):
                mine: Work = lambda work=work, m=ours, x=x: work(m, x)  # noqa: E731
                lstm: Work = lambda work=work, m=theirs, x=x: work(m, x)  # noqa: E731
                yield line(f"GILRLSTM {name}", mine, lstm, 7, **facts)


PARTS = {"floor": floors, "loops": others, "layers": layers}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument(
        "--threads", type=int, default=torch.get_num_threads(), help="number of threads (default: torch's)"
    )
    parser.add_argument("--only", default=",".join(PARTS), help=f"comma-separated parts out of {', '.join(PARTS)}")
    options = parser.parse_args()
    torch.set_num_threads(options.threads)
    for part in options.only.split(","):
        for row in PARTS[part]():
            print(json.dumps(row | {"threads": options.threads}), flush=True)


if __name__ == "__main__":
    main()
