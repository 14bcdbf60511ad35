"""How the published findings are judged on the results; what was measured beside them."""

import numpy as np
import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.gilr_long_memory.settings import PRESETS, LongMemorySettings
from extrapolate.experiments.intervals import Estimate, mean_ratio, student, success_rate
from extrapolate.experiments.old import measurement

LINEAR, SERIAL = "GILR-LSTM", "LSTM"
SOURCE = "arXiv 1709.04057, table 3"

#: By length and model: thousands of iterations, and hours, to converge.
PUBLISHED: dict[tuple[int, str], tuple[float, float]] = {
    (1_024, SERIAL): (1.0, 0.28),
    (1_024, LINEAR): (0.55, 0.031),
    (8_192, SERIAL): (0.44, 0.58),
    (8_192, LINEAR): (0.56, 0.10),
    (2**20, LINEAR): (14.0, 9.7),
}
#: Lengths at which the published LSTM never converged, and the GILR-LSTM did.
PUBLISHED_BEYOND = 2**20


def claims(results: pl.DataFrame, settings: LongMemorySettings) -> list[Claim]:
    """The findings at each length that was run, then every measurement."""
    tried = tried_to_converge(results, settings)
    groups = {
        (int(length), str(unit)): rows.sort("seed")
        for (length, unit), rows in tried.sort("length").group_by("length", "unit", maintain_order=True)
    }
    found = []
    for (length, model), rows in groups.items():
        if model == LINEAR and (length, SERIAL) in groups:
            found.append(_sooner(length, rows, groups[length, SERIAL], settings))
        elif model == LINEAR:
            found.append(_converges(length, rows, settings))
    measured = [each for key, rows in groups.items() for each in _measured(*key, rows)]
    longest = results.filter(pl.col("length") == settings.longest)
    return [*found, *measured, *(_bounded(longest, settings) if longest.height else [])]


def tried_to_converge(results: pl.DataFrame, settings: LongMemorySettings) -> pl.DataFrame:
    """All but the one that measures memory."""
    return results.filter(pl.col("length").is_in(settings.lengths))


def _sooner(length: int, linear: pl.DataFrame, serial: pl.DataFrame, settings: LongMemorySettings) -> Claim:
    """Models that were given up count with the time they had, which is about the same for both."""
    both = min(linear.height, serial.height)
    ratio = mean_ratio(serial["seconds"].to_numpy()[:both], linear["seconds"].to_numpy()[:both])
    published = PUBLISHED.get((length, SERIAL)), PUBLISHED.get((length, LINEAR))
    times = f"{published[0][1]:g} h against {published[1][1]:g} h" if published[0] and published[1] else None
    given_up = f"{_given_up(linear, LINEAR)} and {_given_up(serial, SERIAL)} had not converged when given up"
    cut = _cut_short(settings.hidden)
    more = int(linear["solved"].sum()) > int(serial["solved"].sum())
    judged = settings.iterations >= PRESETS["laptop"].iterations and ratio.low is not None
    return Claim(
        f"{length}/sooner",
        f"{length:,} steps: the {LINEAR} converges in less time than the {SERIAL}, and more often (measured: the "
        f"{SERIAL}'s time through its own; models that were given up count with the time they had)",
        f"{times} ({SOURCE})" if times else None,
        ratio.value,
        interval_of(ratio),
        2 * both,
        more and ratio.low is not None and ratio.low > 1 if judged else None,
        f"{'' if judged else 'not judged; '}{given_up}; {cut}",
    )


def _given_up(rows: pl.DataFrame, name: str) -> str:
    return f"{int((~rows['solved']).sum())} of {rows.height} {name}s"


def _converges(length: int, linear: pl.DataFrame, settings: LongMemorySettings) -> Claim:
    rate = success_rate(int(linear["solved"].sum()), linear.height)
    judged = settings.iterations >= PRESETS["laptop"].iterations
    return Claim(
        f"{length}/converges",
        f"{length:,} steps: the {LINEAR} converges (measured: share of seeds)",
        f"converges even at {PUBLISHED_BEYOND:,} steps, where the {SERIAL} did not in days ({SOURCE})",
        rate.value,
        interval_of(rate),
        rate.n,
        rate.value == 1 if judged else None,
        f"{'' if judged else 'not judged; '}{_cut_short(settings.hidden_alone)}",
    )


def _cut_short(hidden: int) -> str:
    return f"{hidden} units of the published {PRESETS['paper'].hidden} a layer"


def _measured(length: int, model: str, rows: pl.DataFrame) -> list[Claim]:
    solved = rows.filter("solved")
    name, where = f"{model}/{length}", f"{model}, {length:,} steps"
    claims = [_beside(f"{name}/seconds-an-iteration", f"{where}: seconds an iteration", None, rows, 1.0)]
    if solved.height:
        thousands, hours = PUBLISHED.get((length, model), (None, None))
        renamed = solved.with_columns(iterations="solved_at")
        claims += [
            _beside(
                f"{name}/iterations",
                f"{where}: thousands of iterations to converge",
                thousands,
                renamed,
                1e-3,
            ),
            _beside(f"{name}/seconds", f"{where}: hours to converge", hours, solved, 1 / 3600),
        ]
    return claims


def _beside(id: str, claim: str, published: float | None, rows: pl.DataFrame, scale: float) -> Claim:
    """A mean beside a published one; the column is the last word of ``id``."""
    column = id.rpartition("/")[2].replace("-", "_")
    estimate: Estimate = student(rows[column].to_numpy().astype(np.float64) * scale)
    why = "a number beside a number: other sizes on another machine" if published is not None else None
    return Claim(id, claim, published, estimate.value, interval_of(estimate), estimate.n, None, why)


def _bounded(longest: pl.DataFrame, settings: LongMemorySettings) -> list[Claim]:
    where = f"{LINEAR}, {settings.longest:,} steps, {longest['batch'][0]} sequence an iteration"
    return [
        measurement(
            f"{LINEAR}/{settings.longest}/peak-mib",
            f"{where}: most memory the training process held, MiB",
            Estimate(float(longest["peak_mib"].max()), None, None, longest.height),  # pyright: ignore
        ),
        measurement(
            f"{LINEAR}/{settings.longest}/seconds-an-iteration",
            f"{where}: seconds an iteration, a look after each included",
            student(longest["seconds_an_iteration"].to_numpy()),
        ),
    ]
