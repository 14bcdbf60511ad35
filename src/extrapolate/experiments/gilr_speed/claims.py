"""How the published findings are judged on the results; what was measured beside them."""

import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.gilr_speed.measurements import BARE
from extrapolate.experiments.gilr_speed.models import LAYERS
from extrapolate.experiments.gilr_speed.settings import PRESETS, SpeedSettings
from extrapolate.experiments.intervals import Estimate, mean_ratio
from extrapolate.experiments.old import measurement

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

Groups = dict[tuple[str, int], pl.DataFrame]


def claims(results: pl.DataFrame, settings: SpeedSettings) -> list[Claim]:
    """The findings at the greatest length, then every ratio beside the published one."""
    groups: Groups = {
        (str(unit), int(length)): rows
        for (unit, length), rows in results.group_by("unit", "length", maintain_order=True)
    }
    longest = settings.lengths[-1]
    found = [
        _faster(layer, groups[layer, longest], settings) for layer in LAYERS if (layer, longest) in groups
    ]
    if (AGAINST_LSTM, longest) in groups:
        found.append(_against_lstm(groups[AGAINST_LSTM, longest], settings))
    beside = [_beside(unit, length, rows) for (unit, length), rows in groups.items()]
    lstm = [_lstm(unit, length, rows) for (unit, length), rows in groups.items() if unit in LAYERS]
    return [*found, *beside, *lstm]


def _ratio(rows: pl.DataFrame, side: str) -> Estimate:
    return mean_ratio(rows[f"{side}_ms"].to_numpy(), rows["ours_ms"].to_numpy())


def _faster(layer: str, rows: pl.DataFrame, settings: SpeedSettings) -> Claim:
    length = settings.lengths[-1]
    return _finding(
        f"{layer}/faster",
        f"one sequence of {length:,} steps: a training step of two {layer} layers takes less time than with a serial "
        "scan (measured: how many times less, the serial scan being a loop over time)",
        f"{TABLE_2[layer][-1]:g} times ({PAPER}, table 2; a serial scan on the same GPU)",
        _ratio(rows, "loop"),
        settings,
    )


def _against_lstm(rows: pl.DataFrame, settings: SpeedSettings) -> Claim:
    return _finding(
        f"{AGAINST_LSTM}/faster-than-LSTM",
        f"one sequence of {settings.lengths[-1]:,} steps: a training step of two {AGAINST_LSTM} layers takes less "
        "time than of two LSTM layers (measured: how many times less)",
        f"{TIMES_LSTM:.0f} times at batch 1 ({PAPER}, poster; cuDNN's LSTM)",
        _ratio(rows, "lstm"),
        settings,
    )


def _finding(id: str, claim: str, published: str, ratio: Estimate, settings: SpeedSettings) -> Claim:
    least = PRESETS["laptop"]
    judged = ratio.low is not None and settings.lengths[-1] >= least.lengths[-1]
    hidden = PRESETS["paper"].hidden
    size = f"{settings.hidden} units of the published {hidden} a layer" if settings.hidden != hidden else ""
    why = "; ".join(filter(None, ["" if judged else "not judged at this length", size])) or None
    holds = ratio.low is not None and ratio.low > 1 if judged else None
    return Claim(id, claim, published, ratio.value, interval_of(ratio), ratio.n, holds, why)


def _beside(unit: str, length: int, rows: pl.DataFrame) -> Claim:
    ratio = _ratio(rows, "loop")
    known = PUBLISHED.get(unit) if length in LENGTHS else None
    return Claim(
        f"{unit}/{length}/over-loop",
        f"{unit}, {rows['batch'][0]:,} × {length:,} steps: how many times faster than a loop over time",
        known[LENGTHS.index(length)] if known else None,
        ratio.value,
        interval_of(ratio),
        ratio.n,
        None,
        "a number beside a number: published on a GPU, against a serial scan there",
    )


def _lstm(unit: str, length: int, rows: pl.DataFrame) -> Claim:
    return measurement(
        f"{unit}/{length}/over-lstm",
        f"{unit}, {rows['batch'][0]:,} × {length:,} steps: how many times faster than torch's LSTM",
        _ratio(rows, "lstm"),
    )
