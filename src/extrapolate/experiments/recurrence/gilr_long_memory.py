"""Long memory: the first of up to a million symbols, remembered to the last."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import numpy as np
import polars as pl

from extrapolate.experiments.config import Settings, fewer, names, number, numbers, real
from extrapolate.experiments.curves import curves_by, curves_table
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, Found, at_least, of, rate, rows_of
from extrapolate.experiments.recurrence._papers import GILR
from extrapolate.experiments.recurrence._readers import (
    GRADIENT_NORM,
    KINDS,
    MINIBATCHES,
    REACH,
    Case,
    train_reader,
)
from extrapolate.experiments.summary import means, summarize
from extrapolate.experiments.training import Training
from extrapolate.stats import mean_ratio, student

#: The network whose recurrence is linear: the only one at the greatest lengths.
LINEAR, SERIAL = "GILR-LSTM", "LSTM"


@dataclass(frozen=True, kw_only=True)
class LongMemoryConfig(Settings):
    """Adam, the binary cross-entropy of the answer after the last symbol; fresh sequences in every iteration."""

    models: tuple[str, ...] = names(KINDS, "Networks to train", "model")
    lengths: tuple[int, ...] = numbers(
        (1_024, 8_192, 65_536), "Lengths of the sequences, separated by commas.", least=2
    )
    lstm_lengths: tuple[int, ...] = numbers(
        (1_024, 8_192), "Lengths at which the LSTM is trained as well.", least=2
    )
    seeds: int = number(5, "Models of each kind; their seeds are 0, 1, 2, ...", cut=fewer("seeds"))
    seeds_alone: int = number(2, "Seeds at lengths without the LSTM.", cut=fewer("seeds without the LSTM"))
    iterations: int = number(
        600,
        "Iterations after which a GILR-LSTM that has not converged is given up.",
        cut=fewer("iterations"),
    )
    lstm_iterations: int = number(
        1_200,  # one takes about half the time
        "Iterations after which an LSTM that has not converged is given up.",
        cut=fewer("iterations of the LSTM"),
    )
    longest: int = number(2**20, "Length of the one sequence that measures memory.", least=2)
    longest_iterations: int = number(3, "Iterations at that length, of one GILR-LSTM.")
    hidden: int = number(32, "Units of each of the two layers.", cut=fewer("units per layer"))
    hidden_alone: int = number(
        16, "Units per layer at lengths without the LSTM.", cut=fewer("units per layer without the LSTM")
    )
    rate: float = real(0.003, "Learning rate.", above=0)
    rate_alone: float = real(0.01, "Learning rate at lengths without the LSTM.", above=0)
    batch: int = number(8, "Sequences per iteration.", cut=fewer("sequences per iteration"))


# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 1709.04057, table 3"

#: By length and model: thousands of iterations, and hours, to converge.
PUBLISHED: dict[tuple[int, str], tuple[float, float]] = {
    (1_024, SERIAL): (1.0, 0.28),
    (1_024, LINEAR): (0.55, 0.031),
    (8_192, SERIAL): (0.44, 0.58),
    (8_192, LINEAR): (0.56, 0.10),
    (2**20, LINEAR): (14.0, 9.7),
}
#: The length at which the published GILR-LSTM converged, and the LSTM never did.
PUBLISHED_BEYOND = 2**20


def sooner(length: int) -> Finding:
    """Models that were given up count with the time they had, which is about the same for both."""

    def measure(results: pl.DataFrame) -> Found | None:
        linear, serial = (rows_of(results, {"unit": name, "length": length}) for name in (LINEAR, SERIAL))
        both = min(linear.height, serial.height)
        if not both:
            return None
        ratio = mean_ratio(serial["seconds"].to_numpy()[:both], linear["seconds"].to_numpy()[:both])
        more = int(linear["solved"].sum()) > int(serial["solved"].sum())
        note = f"{given_up(linear, LINEAR)} and {given_up(serial, SERIAL)} had not converged when given up"
        return Found(replace(ratio, n=2 * both), note, None if ratio.low is None else more and ratio.low > 1)

    published = PUBLISHED.get((length, SERIAL)), PUBLISHED.get((length, LINEAR))
    return Finding(
        f"{length}/sooner",
        f"{length:,} steps: the {LINEAR} converges in less time than the {SERIAL}, and more often (measured: "
        f"{SERIAL} time / {LINEAR} time; models that were given up count with the time they had)",
        f"{published[0][1]:g} h against {published[1][1]:g} h ({SOURCE})" if all(published) else None,  # pyright: ignore
        measure,
    )


def given_up(rows: pl.DataFrame, name: str) -> str:
    return f"{int((~rows['solved']).sum())} of {rows.height} {name}s"


def converges(length: int) -> Finding:
    return Finding(
        f"{length}/converges",
        f"{length:,} steps: the {LINEAR} converges (measured: share of seeds)",
        f"converges even at {PUBLISHED_BEYOND:,} steps, where the {SERIAL} did not in days ({SOURCE})",
        rate(unit=LINEAR, length=length),
        at_least(1),
    )


def to_converge(length: int, model: str) -> Iterator[Finding]:
    """What the models that converged took."""
    iterations, hours = PUBLISHED.get((length, model), (None, None))
    converged = {"unit": model, "length": length, "solved": True}
    for name, column, text, scale, published in (
        ("iterations", "solved_at", "thousands of iterations", 1e-3, iterations),
        ("seconds", "seconds", "hours", 1 / 3600, hours),
    ):
        yield Finding(
            f"{model}/{length}/{name}",
            f"{model}, {length:,} steps: {text} to converge",
            published,
            of(partial(scaled, column, scale), converged),
            note=None if published is None else "for comparison only: other sizes on another machine",
        )


def scaled(column: str, scale: float, rows: pl.DataFrame) -> np.ndarray:
    return rows[column].to_numpy().astype(np.float64) * scale


def findings(config: LongMemoryConfig) -> Iterator[Finding]:
    """The finding at each length, then what each model took to converge."""
    for length in config.lengths:
        beside = length in config.lstm_lengths and SERIAL in config.models
        yield sooner(length) if beside else converges(length)
    for length in config.lengths:
        for model in config.models:
            yield from to_converge(length, model)


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: LongMemoryConfig) -> list[str]:
    """How the models were trained."""
    return [
        f"Adam, rate {config.rate:g}, two layers of {config.hidden} units; at lengths without the LSTM rate "
        f"{config.rate_alone:g} and {config.hidden_alone} units, which take less time (published: rates were "
        f"searched, 512 units). Gradients of norm {GRADIENT_NORM:g} at most, {config.batch} fresh sequences per "
        "iteration.",
        f"Converged: {MINIBATCHES} minibatches in a row are answered without an error, a fresh one after each "
        f"iteration (published: {MINIBATCHES} training minibatches in a row). A GILR-LSTM is given up after "
        f"{config.iterations:,} iterations, an LSTM after {config.lstm_iterations:,}. Times are wall-clock and "
        "contain these evaluations.",
        "The forget gates of both networks begin with time constants spread evenly in logarithm from 2 steps to "
        f"{REACH:g} times the length, weights of the one-hot input at U(-1, 1) (published: no start is given).",
        f"One GILR-LSTM of one sequence per iteration runs {config.longest_iterations} iterations at "
        f"{config.longest:,} steps, to measure its memory and time. Peak memory is that of the whole process, with "
        "what it trained before.",
        intervals_note("Wilson for success rates", "Student's t for logarithms of times and for iterations"),
    ]


def outline(config: LongMemoryConfig) -> str:
    lengths = ", ".join(f"{length:,}" for length in config.lengths)
    count = len(list(cases(config)))
    return f"{count} models on {lengths} steps, at most {config.lstm_iterations:,} iterations each"


def summary(results: pl.DataFrame) -> pl.DataFrame:
    """Success rates, then the means of times and memory."""
    return pl.concat([summarize(results), means(results, ["seconds", "seconds_an_iteration", "peak_mib"])])


def time_by_length(results: pl.DataFrame, config: LongMemoryConfig) -> pl.DataFrame:
    tried = results.filter(pl.col("length").is_in(config.lengths))  # without the one that measures memory
    return curves_table(
        "Time to remember",
        "What the training took until the model had converged, or was given up, by the length of the sequences; "
        "means over seeds.",
        "steps of a sequence",
        "seconds",
        curves_by(tried, "length", lambda rows: student(rows["seconds"].to_numpy())),
    )


@experiment(
    source=GILR,
    laptop=LongMemoryConfig(),
    paper={
        "lengths": (1_024, 8_192, 2**20),
        "seeds_alone": 5,
        "iterations": 20_000,
        "lstm_iterations": 20_000,
        "longest_iterations": 20,
        "hidden": 512,
        "hidden_alone": 512,
        "rate_alone": 0.003,
    },
    smoke={
        "lengths": (32,),
        "lstm_lengths": (32,),
        "iterations": 4,
        "lstm_iterations": 4,
        "longest": 64,
        "longest_iterations": 1,
        "hidden": 4,
        "hidden_alone": 4,
        "batch": 2,
    },
    findings=findings,
    notes=notes,
    outline=outline,
    summary=summary,
    curves=time_by_length,
)
def gilr_long_memory(config: LongMemoryConfig) -> Iterator[Training]:
    yield from (train_reader(case, config.device) for case in cases(config))


def cases(config: LongMemoryConfig) -> Iterator[Case]:
    """The shortest sequences first: of a run that is cut short, most is there."""
    for length in config.lengths:
        beside = length in config.lstm_lengths
        for model in config.models:
            if model == LINEAR or beside:
                seeds = config.seeds if beside else config.seeds_alone
                yield from (case_of(config, model, length, seed) for seed in range(seeds))
    if LINEAR in config.models and config.longest not in config.lengths:
        longest = case_of(config, LINEAR, config.longest, 0)
        yield replace(longest, iterations=config.longest_iterations, batch=1)


def case_of(config: LongMemoryConfig, model: str, length: int, seed: int) -> Case:
    iterations = config.iterations if model == LINEAR else config.lstm_iterations
    if length in config.lstm_lengths:
        return Case(model, length, seed, iterations, config.batch, config.hidden, config.rate)
    return Case(model, length, seed, iterations, config.batch, config.hidden_alone, config.rate_alone)
