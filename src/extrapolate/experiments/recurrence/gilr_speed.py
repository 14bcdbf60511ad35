"""Speed of linear recurrences: one call against a loop over time, and against an LSTM."""

import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl

from extrapolate._runtime.progress import Interrupted
from extrapolate.experiments.config import Settings, fewer, names, number, numbers
from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, Measure, above, rows_of
from extrapolate.experiments.recurrence._papers import GILR
from extrapolate.experiments.recurrence._timed_layers import LAYERS, Work, layer_sides, recurrence_sides
from extrapolate.experiments.summary import means
from extrapolate.experiments.training import Context, Measured, Measurement
from extrapolate.stats import Estimate, mean_ratio
from extrapolate.training.checkpoint import Checkpoint, read, write


def shorter(own: Sequence[int], paper: Sequence[int]) -> str | None:
    return f"{own[-1]:,} of {paper[-1]:,} steps per sequence" if own[-1] < paper[-1] else None


@dataclass(frozen=True, kw_only=True)
class SpeedConfig(Settings):
    """A training step (forward and backward) of two layers on sequences of 4 features; one core, float32."""

    layers: tuple[str, ...] = names(LAYERS, "Layers to time", "layer")
    lengths: tuple[int, ...] = numbers(
        (16, 256, 4_096, 65_536), "Lengths of the sequences, separated by commas.", cut=shorter
    )
    features: tuple[int, ...] = numbers((4, 32, 128), "Widths of the bare recurrence, separated by commas.")
    elements: int = number(65_536, "Steps of all sequences together, in every measurement of a layer.")
    hidden: int = number(64, "Units of each of the two layers.", cut=fewer("units per layer"))
    repeats: int = number(5, "Timed repetitions, after one warm-up run.")


# -------------------------------------------------------------------------------------------------- measurements

#: The bare recurrence, as it is named in the results.
BARE = "recurrence of"

SIDES = ("ours", "loop", "lstm")
COLUMNS = ("unit", "operation", "range", "seed", "length", "batch", *(f"{side}_ms" for side in SIDES))


@dataclass(frozen=True)
class Comparison:
    """One line of a table; ``sides`` makes what is timed."""

    unit: str
    operation: str
    length: int
    batch: int
    sides: Callable[[], dict[str, Work]]


def comparisons(config: SpeedConfig) -> Iterator[Comparison]:
    """Table 1: the bare recurrence. Table 2: a training step at a constant number of elements, beside an LSTM."""
    for length in config.lengths:
        for width in config.features:
            sides = partial(recurrence_sides, length, width, config.device)
            yield Comparison(f"{BARE} {width}", "forward", length, 1, sides)
    for length in config.lengths:
        batch = max(1, config.elements // length)
        for name in config.layers:
            sides = partial(layer_sides, name, config.hidden, batch, length, config.device)
            yield Comparison(name, "training step", length, batch, sides)


def times_of(sides: dict[str, Work], repeats: int) -> dict[str, list[float]]:
    """Seconds of each side. The sides take turns; a first turn, for compilers and caches, is left out."""
    for work in sides.values():
        work()
    found: dict[str, list[float]] = {name: [] for name in sides}
    for _ in range(repeats):
        for name, work in sides.items():
            began = time.perf_counter()
            work()
            found[name].append(time.perf_counter() - began)
    return found


def rows_for(comparison: Comparison, repeats: int) -> list[dict[str, Any]]:
    times = times_of(comparison.sides(), repeats)
    return [
        {
            "unit": comparison.unit,
            "operation": comparison.operation,
            "range": f"{comparison.length:,} steps",
            "seed": turn,
            "length": comparison.length,
            "batch": comparison.batch,
            **{f"{side}_ms": 1e3 * times[side][turn] if side in times else None for side in SIDES},
        }
        for turn in range(repeats)
    ]


def measure(config: SpeedConfig, context: Context) -> Measured:
    """All comparisons in turn: two at once would compete for the memory bandwidth."""
    checkpoint, every = context.checkpoint("checkpoint"), list(comparisons(config))
    found: list[dict[str, Any]] = read(checkpoint).about["found"] if checkpoint.exists() else []
    done = {(row["unit"], row["length"]) for row in found}
    for count, each in enumerate(every, 1):
        if (each.unit, each.length) not in done:
            found += rows_for(each, config.repeats)
            write(checkpoint, Checkpoint({}, {"found": found}))
        context.progress(count, None)
        if context.stop_requested() and count < len(every):
            raise Interrupted(f"stopped after {count} of {len(every)} comparisons")
    # a checkpoint sorts the names of what it holds
    return Measured(pl.DataFrame(found, infer_schema_length=None).select(COLUMNS))


# ------------------------------------------------------------------------------------------------------ findings

PAPER = "arXiv 1709.04057"
LENGTHS = (16, 256, 4_096, 65_536)

#: How many times faster than a serial scan on the same GPU: table 1 by features, table 2 by layer, at LENGTHS.
TABLE_1 = {4: (0.06, 0.22, 1.02, 38.5), 32: (0.06, 0.22, 2.94, 41.8), 128: (0.05, 0.86, 3.36, 17.5)}
TABLE_2 = {
    "SRU": (0.28, 0.84, 1.38, 9.21),
    "QRNN-2": (0.38, 0.86, 1.18, 6.68),
    "QRNN-10": (0.78, 0.99, 1.05, 2.05),
    "GILR-LSTM": (0.61, 0.91, 0.98, 1.41),
}
PUBLISHED = {f"{BARE} {width}": row for width, row in TABLE_1.items()} | TABLE_2

#: The layer that stands beside an LSTM, and how many times its throughput was at batch 1 (poster: 510 against 14.3).
AGAINST_LSTM, TIMES_LSTM = "GILR-LSTM", 510 / 14.3


def times_faster(side: str, unit: str, length: int) -> Measure:
    """How many times longer than ours the other side took: the geometric mean over the repetitions."""

    def measure(results: pl.DataFrame) -> Estimate | None:
        rows = rows_of(results, {"unit": unit, "length": length})
        return mean_ratio(rows[f"{side}_ms"].to_numpy(), rows["ours_ms"].to_numpy()) if rows.height else None

    return measure


def findings(config: SpeedConfig) -> Iterator[Finding]:
    """The findings at the greatest length, then every ratio beside the published one."""
    longest = config.lengths[-1]
    for layer in config.layers:
        yield Finding(
            f"{layer}/faster",
            f"one sequence of {longest:,} steps: a training step of two {layer} layers takes less time than with a "
            "serial scan (measured: how many times less; the serial scan is a loop over time)",
            f"{TABLE_2[layer][-1]:g} times ({PAPER}, table 2; a serial scan on the same GPU)",
            times_faster("loop", layer, longest),
            above(1),
        )
    yield Finding(
        f"{AGAINST_LSTM}/faster-than-LSTM",
        f"one sequence of {longest:,} steps: a training step of two {AGAINST_LSTM} layers takes less time than of "
        "two LSTM layers (measured: how many times less)",
        f"{TIMES_LSTM:.0f} times at batch 1 ({PAPER}, poster; cuDNN's LSTM)",
        times_faster("lstm", AGAINST_LSTM, longest),
        above(1),
    )
    for each in comparisons(config):
        known = PUBLISHED.get(each.unit) if each.length in LENGTHS else None
        yield Finding(
            f"{each.unit}/{each.length}/over-loop",
            f"{each.unit}, {each.batch:,} × {each.length:,} steps: how many times faster than a loop over time",
            known[LENGTHS.index(each.length)] if known else None,
            times_faster("loop", each.unit, each.length),
            note="for comparison only: published on a GPU, against a serial scan there" if known else None,
        )
    for each in comparisons(config):
        if each.unit in LAYERS:
            yield Finding(
                f"{each.unit}/{each.length}/over-lstm",
                f"{each.unit}, {each.batch:,} × {each.length:,} steps: how many times faster than torch's LSTM",
                None,
                times_faster("lstm", each.unit, each.length),
            )


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: SpeedConfig) -> list[str]:
    """What was timed, and how."""
    return [
        f"Layers: a training step (forward, backward) of two layers of {config.hidden} units on sequences of 4 "
        f"features, {config.elements:,} steps in all; float32, one core of a CPU. The bare recurrence: forward, one "
        "sequence.",
        f"{config.repeats} timed repetitions of each, after one warm-up run; the sides take turns in one process. "
        "Nothing else should run meanwhile.",
        "The published serial scan is a kernel on the same GPU. Here it is a loop over time in Python, as it is "
        "usually written; torch's LSTM stands beside it as the serial kernel of this machine.",
        intervals_note("Student's t for logarithms of ratios"),
    ]


def outline(config: SpeedConfig) -> str:
    lengths = ", ".join(f"{length:,}" for length in config.lengths)
    return f"{len(config.layers)} layers of {config.hidden} units timed on {lengths} steps"


def draw_times_faster(results: pl.DataFrame, config: SpeedConfig) -> pl.DataFrame:
    curves = []
    for side, name in (("loop", "a loop over time"), ("lstm", "torch's LSTM")):
        rows = results.filter(pl.col(f"{side}_ms").is_not_null()).with_columns(
            against=pl.lit(f"against {name}"), theirs=pl.col(f"{side}_ms")
        )
        curves += curves_by(rows, "length", ratio_of_times, group="against")
    return curves_table(
        "How many times faster",
        "One call against the other way, by the length of the sequences: how many times less time it took.",
        "steps of a sequence",
        "times faster",
        curves,
    )


def ratio_of_times(rows: pl.DataFrame) -> Estimate:
    return mean_ratio(rows["theirs"].to_numpy(), rows["ours_ms"].to_numpy())


@experiment(
    source=GILR,
    laptop=SpeedConfig(),
    paper={"hidden": 256},
    smoke={"lengths": (4, 64), "features": (4,), "elements": 64, "hidden": 4, "repeats": 2},
    findings=findings,
    notes=notes,
    outline=outline,
    summary=partial(means, columns=["ours_ms", "loop_ms", "lstm_ms"]),
    curves=draw_times_faster,
)
def gilr_speed(config: SpeedConfig) -> Iterator[Measurement]:
    yield Measurement(name="times", measure=partial(measure, config), steps=len(list(comparisons(config))))
