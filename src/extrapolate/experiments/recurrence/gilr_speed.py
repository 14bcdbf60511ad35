"""Speed of linear recurrences: one fused call, compared with a Python loop over time steps and with an LSTM."""

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate._runtime.progress import Interrupted
from extrapolate.experiments import lab
from extrapolate.ops import linear_recurrence
from extrapolate.stats import Estimate, mean_ratio
from extrapolate.training.checkpoint import Checkpoint, read, write

#: Input features per step.
FEATURES = 4

#: Make two layers from the number of units; called like ``torch.nn.LSTM`` with ``batch_first``.
LAYERS: dict[str, Callable[[int], torch_nn.Module]] = {
    "SRU": lambda units: nn.SRU(FEATURES, units, 2, batch_first=True),
    "QRNN-2": lambda units: nn.QRNN(FEATURES, units, 2, batch_first=True, window=2),
    "QRNN-10": lambda units: nn.QRNN(FEATURES, units, 2, batch_first=True, window=10),
    "GILR-LSTM": lambda units: nn.GILRLSTM(FEATURES, units, 2, batch_first=True),
}


def loop(a: Tensor, b: Tensor, h0: Tensor, reverse: bool) -> Tensor:
    """Compute h_t = a_t h_{t-1} + b_t in a Python loop. ``unbind``, since the gradient of indexing is O(T²)."""
    state, states = h0, []
    steps = list(zip(a.unbind(1), b.unbind(1), strict=True))
    for gate, token in reversed(steps) if reverse else steps:
        state = gate * state + token
        states.append(state)
    return torch.stack(states[::-1] if reverse else states, 1)


def with_loop(layers: torch_nn.Module) -> torch_nn.Module:
    """Make ``layers`` compute their recurrences with :func:`loop`, in place; return them."""
    for layer in layers.layers:  # pyright: ignore
        vars(layer)["scan"] = loop  # hides the method of this name
        if hasattr(layer, "plain"):
            vars(layer)["run"] = layer.plain  # the fused layer does not call ``scan``
    return layers


@dataclass(frozen=True, kw_only=True)
class SpeedConfig(lab.Settings):
    """Options of the timing: training steps (forward and backward) of two layers, 4 features, one core, float32."""

    layers: tuple[str, ...] = lab.names(LAYERS, "Layers to time", "layer")
    lengths: tuple[int, ...] = lab.integers(
        (16, 256, 4_096, 65_536),
        "Lengths of the sequences in steps, separated by commas.",
        cut=lambda own, paper: lab.fewer("steps per sequence")(own[-1], paper[-1]),
    )
    features: tuple[int, ...] = lab.integers(
        (4, 32, 128), "Widths of the recurrence without a layer, separated by commas."
    )
    elements: int = lab.integer(65_536, "Steps per timed training step: batch × sequence length.")
    hidden: int = lab.integer(64, "Units per layer (two layers). Published: 256.", cut=lab.fewer("units per layer"))
    repeats: int = lab.integer(5, "Timed repetitions, after one warm-up run.")


#: The timed functions, by their column.
Sides = dict[str, Callable[[], object]]


def recurrence_sides(length: int, width: int, device: str) -> Sides:
    """Return the sides of a recurrence without a layer: forward, on one sequence."""
    a, b = torch.rand((2, 1, length, width)).to(device)
    h0 = torch.zeros(1, width, device=device)
    return {"ours_ms": lambda: linear_recurrence(a, b, h0), "loop_ms": lambda: loop(a, b, h0, False)}


def layer_sides(name: str, units: int, batch: int, length: int, device: str) -> Sides:
    """Return the sides of a training step: two layers, the same with loops, an LSTM of the same size."""
    x = torch.randn((batch, length, FEATURES), device=device)

    def step(layers: torch_nn.Module) -> None:
        layers.zero_grad()
        layers(x)[0].sum().backward()

    kinds = {
        "ours_ms": LAYERS[name](units),
        "loop_ms": with_loop(LAYERS[name](units)),
        "lstm_ms": torch_nn.LSTM(FEATURES, units, 2, batch_first=True),
    }
    return {side: partial(step, layers.to(device)) for side, layers in kinds.items()}


def comparisons(config: SpeedConfig) -> Iterator[tuple[dict[str, Any], Callable[[], Sides]]]:
    """Yield the labels of a comparison and a function that makes its sides.

    First the recurrences of table 1, then the layers of table 2 on ``config.elements`` steps in total.
    """
    for length in config.lengths:
        for width in config.features:
            labels = {"model": f"recurrence of {width}", "task": "forward", "length": length, "batch": 1}
            yield labels, partial(recurrence_sides, length, width, config.device)
    for length in config.lengths:
        batch = max(1, config.elements // length)
        for name in config.layers:
            labels = {"model": name, "task": "training step", "length": length, "batch": batch}
            yield labels, partial(layer_sides, name, config.hidden, batch, length, config.device)


def milliseconds(work: Callable[[], object], device: str) -> float:
    began = time.perf_counter()
    work()
    if device == "cuda":
        torch.cuda.synchronize()
    return 1e3 * (time.perf_counter() - began)


def measure(config: SpeedConfig, context: lab.Context) -> lab.Measured:
    """Time all comparisons one after the other, because parallel ones would compete for the memory bandwidth."""
    checkpoint, every = context.checkpoint("checkpoint"), list(comparisons(config))
    found: list[dict[str, Any]] = read(checkpoint).metadata["found"] if checkpoint.exists() else []
    done = len(found) // config.repeats
    for count, (labels, sides) in enumerate(every[done:], done + 1):
        works = sides()
        for repeat in range(-1, config.repeats):  # -1 is the warm-up run, for compilers and caches
            times = {side: milliseconds(work, config.device) for side, work in works.items()}
            if repeat >= 0:
                steps = f"{labels['length']:,} steps"
                found.append({**labels, "split": steps, "seed": repeat, "lstm_ms": None, **times})
        write(checkpoint, Checkpoint({}, {"found": found}))
        context.update(count)
        if context.stop_requested() and count < len(every):
            raise Interrupted(f"stopped after {count} of {len(every)} comparisons")
    columns = "model", "task", "split", "seed", "length", "batch", "ours_ms", "loop_ms", "lstm_ms"
    return lab.Measured(pl.DataFrame(found, infer_schema_length=None).select(columns))


def times_faster(rows: pl.DataFrame, side: str) -> Estimate:
    """Estimate the ratio of the other side's time to ours: the geometric mean over the repetitions."""
    return mean_ratio(rows[f"{side}_ms"].to_numpy(), rows["ours_ms"].to_numpy())


def over(side: str, model: str, length: int) -> lab.Measure:
    def measure(results: pl.DataFrame) -> Estimate | None:
        rows = lab.rows_of(results, {"model": model, "length": length})
        return times_faster(rows, side) if rows.height else None

    return measure


def findings(config: SpeedConfig) -> Iterator[lab.Finding]:
    """Yield the findings at the greatest length, then every ratio for comparison with the published one."""
    longest = config.lengths[-1]
    for layer in config.layers:
        words = {"model": layer, "length": longest}
        yield lab.Finding("{model}/faster", over("loop", layer, longest), words)
    over_lstm = over("lstm", "GILR-LSTM", longest)
    yield lab.Finding("GILR-LSTM/faster-than-LSTM", over_lstm, {"length": longest})
    for side in ("loop", "lstm"):
        for labels, _ in comparisons(config):
            if side == "loop" or labels["model"] in LAYERS:
                ratio = over(side, labels["model"], labels["length"])
                yield lab.Finding(f"{{model}}/{{length}}/over-{side}", ratio, labels)


def notes(config: SpeedConfig) -> list[str]:
    return [
        f"Layers: a training step (forward, backward) of two layers of {config.hidden} units, on {config.elements:,} "
        "steps in total, of 4 features; float32, one CPU core. Recurrences: forward, on one sequence.",
        f"{config.repeats} timed repetitions, after one warm-up run; the sides alternate in one process. Other "
        "programs should not run at the same time.",
        "The published serial scan is a kernel on the same GPU. Here it is the usual loop over time in Python. "
        "torch's LSTM is timed as well, as a serial kernel on the same machine.",
        lab.intervals_note("Student's t for logarithms of ratios"),
    ]


def outline(config: SpeedConfig) -> str:
    lengths = ", ".join(f"{length:,}" for length in config.lengths)
    return f"{len(config.layers)} layers of {config.hidden} units timed on {lengths} steps"


def times_faster_by_length(results: pl.DataFrame, config: SpeedConfig) -> pl.DataFrame:
    curves = []
    for side, name in (("loop", "a loop over time"), ("lstm", "torch's LSTM")):
        rows = results.drop_nulls(f"{side}_ms").with_columns(other=pl.lit(f"compared with {name}"))
        curves += lab.curves_by(rows, "length", partial(times_faster, side=side), group="other")
    return lab.curves_table(
        "Speed-up",
        "Time of a loop over time, or of torch's LSTM, divided by the time of one fused call.",
        "steps per sequence",
        "times faster",
        curves,
    )


@lab.experiment(
    papers=["1709.04057"],
    laptop=SpeedConfig(),
    paper={"hidden": 256},
    smoke={"lengths": (4, 64), "features": (4,), "elements": 64, "hidden": 4, "repeats": 2},
    findings=findings,
    notes=notes,
    outline=outline,
    means=["ours_ms", "loop_ms", "lstm_ms"],
    curves=times_faster_by_length,
)
def gilr_speed(config: SpeedConfig) -> Iterator[lab.Measurement]:
    steps = len(list(comparisons(config)))
    yield lab.Measurement(name="times", measure=partial(measure, config), steps=steps)
