"""Long memory: the first of up to a million symbols, remembered to the last."""

import resource
from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.stats import mean_ratio, student
from extrapolate.tasks import LongDependency
from extrapolate.training import Clip, History, Replicas
from extrapolate.training.gradients import loop_gradients


def gilr_lstm(features: int, width: int, memory: float) -> torch_nn.Module:
    layers = nn.GILRLSTM(features, width, 2, batch_first=True, memory=memory)
    # of a one-hot input only one weight counts at a time, whatever their number
    for name in ("input", "surrogate"):
        torch_nn.init.uniform_(layers.get_parameter(f"layers.0.{name}.weight"), -1.0, 1.0)
    return layers


def lstm(features: int, width: int, memory: float) -> torch_nn.Module:
    """torch's LSTM with the forget gates of :func:`gilr_lstm`: it would not remember so far otherwise."""
    layers = torch_nn.LSTM(features, width, 2, batch_first=True)
    torch_nn.init.uniform_(layers.get_parameter("weight_ih_l0"), -1.0, 1.0)
    start = gilr_lstm(features, width, memory)
    with torch.no_grad():
        for depth in (0, 1):
            bias = layers.get_parameter(f"bias_ih_l{depth}").zero_()
            bias[width : 2 * width] = start.get_parameter(f"layers.{depth}.input.bias")[:width]
            layers.get_parameter(f"bias_hh_l{depth}").zero_()
    return layers


#: The network whose recurrence is linear is the only one at the greatest lengths.
LINEAR, SERIAL = "GILR-LSTM", "LSTM"

#: (features, width, longest memory in steps) to two layers, called as ``torch.nn.LSTM`` with ``batch_first``.
KINDS: dict[str, Callable[[int, int, float], torch_nn.Module]] = {LINEAR: gilr_lstm, SERIAL: lstm}


class Reader(torch_nn.Module):
    """Sequences (B, T, F) to a logit (B,): whether the first element was +1."""

    def __init__(self, memory: torch_nn.Module, width: int) -> None:
        super().__init__()
        self.memory = memory
        self.answer = torch_nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(self.memory(x)[0][:, -1])[:, 0]


@dataclass(frozen=True, kw_only=True)
class LongMemoryConfig(lab.Settings):
    """Adam, the binary cross-entropy of the answer after the last symbol; fresh sequences in every iteration."""

    models: tuple[str, ...] = lab.names(KINDS, "Networks to train", "model")
    lengths: tuple[int, ...] = lab.integers(
        (1_024, 8_192, 65_536), "Lengths of the sequences, separated by commas.", least=2
    )
    lstm_lengths: tuple[int, ...] = lab.integers(
        (1_024, 8_192), "Lengths at which the LSTM is trained as well.", least=2
    )
    seeds: int = lab.integer(5, "Models of each kind; their seeds are 0, 1, 2, ...", cut=lab.fewer("seeds"))
    seeds_alone: int = lab.integer(2, "Seeds at lengths without the LSTM.", cut=lab.fewer("seeds without the LSTM"))
    iterations: int = lab.integer(600, "Iterations after which a GILR-LSTM is given up.", cut=lab.fewer("iterations"))
    lstm_iterations: int = lab.integer(  # one takes about half the time
        1_200, "Iterations after which an LSTM is given up.", cut=lab.fewer("iterations of the LSTM")
    )
    longest: int = lab.integer(2**20, "Length of the one sequence that measures memory.", least=2)
    longest_iterations: int = lab.integer(3, "Iterations at that length, of one GILR-LSTM.")
    hidden: int = lab.integer(32, "Units of each of the two layers.", cut=lab.fewer("units per layer"))
    hidden_alone: int = lab.integer(
        16, "Units per layer at lengths without the LSTM.", cut=lab.fewer("units per layer without the LSTM")
    )
    learning_rate: float = lab.real(0.003, "Learning rate.", above=0)
    rate_alone: float = lab.real(0.01, "Learning rate at lengths without the LSTM.", above=0)
    batch: int = lab.integer(8, "Sequences per iteration.", cut=lab.fewer("sequences per iteration"))


#: The longest time constant of fresh forget gates, in lengths of the sequence.
REACH = 4.0

#: Converged: this many minibatches in a row, a fresh one after each iteration, are answered without an error.
MINIBATCHES = 5


def has_converged(history: History) -> bool:
    last = history.metrics["error"][-MINIBATCHES:]
    return len(last) == MINIBATCHES and not last.any()


def train_reader(config: LongMemoryConfig, model: str, length: int, seed: int) -> lab.Training:
    """One model on sequences of one length, until it has converged."""
    task = LongDependency(length)
    limit = config.iterations if model == LINEAR else config.lstm_iterations
    beside = length in config.lstm_lengths
    hidden = config.hidden if beside else config.hidden_alone
    rate = config.learning_rate if beside else config.rate_alone

    def loss(reader: torch_nn.Module, key: Tensor, _: object) -> Tensor:
        elements, positive = task.sample(config.batch, key)
        return F.binary_cross_entropy_with_logits(reader(task.one_hot(elements)), positive)

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        elements, positive = task.sample(config.batch, keys[0])  # a fresh minibatch per iteration
        answer = (replicas[0].eval()(task.one_hot(elements)) > 0).float()
        return {"error": (~task.solved(answer, positive)).float().mean()[None]}

    def measure(trained: lab.Trained) -> dict[str, Any]:
        history, solved = trained.history, has_converged(trained.history)
        iterations, seconds = int(history.steps[-1]), history.seconds_so_far
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 2**10  # the most of this process so far
        if trained.replicas.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(trained.replicas.device)
        return {
            "length": length,
            "hidden": hidden,
            "solved": solved,
            "solved_at": pl.Series([iterations if solved else None], dtype=pl.Int64),
            "error": float(history.metrics["error"][-MINIBATCHES:].mean()),
            "seconds": seconds,
            "seconds_an_iteration": seconds / iterations,
            "peak_mib": peak / 2**20,
            "batch": config.batch,
            "limit": limit,
            "steps": iterations,
        }

    return lab.Training(
        name=f"{model}-{length}-{seed}",
        labels={"model": model, "task": "remembering the first symbol", "split": f"{length:,} steps"},
        build=lambda: Reader(KINDS[model](task.symbols, hidden, REACH * length), hidden),
        seeds=[seed],
        train=lab.TrainConfig(
            loss=loss,
            optimizer=partial(torch.optim.Adam, lr=rate, fused=True),
            steps=limit,
            evaluate=evaluate,
            eval_every=1,
            monitor="error",
            grad_clip=Clip(norm=1.0),
            stop_when=has_converged,
            gradients=loop_gradients,  # vmap cannot map torch's LSTM, and our fused layer is faster without it
        ),
        measure=measure,
        config=config,
    )


def sooner(length: int) -> lab.Measure:
    """LSTM time / GILR-LSTM time. Models that were given up count with the time they had, much the same for both."""

    def measure(results: pl.DataFrame) -> lab.Found | None:
        linear, serial = (lab.rows_of(results, {"model": name, "length": length}) for name in KINDS)
        both = min(linear.height, serial.height)
        if not both:
            return None
        ratio = mean_ratio(serial["seconds"].to_numpy()[:both], linear["seconds"].to_numpy()[:both])
        more = linear["solved"].sum() > serial["solved"].sum()
        ours, theirs = (f"{(~each['solved']).sum()} of {each.height}" for each in (linear, serial))
        note = f"{ours} {LINEAR}s and {theirs} {SERIAL}s had not converged when given up"
        holds = None if ratio.low is None else more and ratio.low > 1
        return lab.Found(replace(ratio, n=2 * both), note, holds)

    return measure


def findings(config: LongMemoryConfig) -> Iterator[lab.Finding]:
    """The finding at each length, then what the models that converged took."""
    for length in config.lengths:
        if length in config.lstm_lengths and SERIAL in config.models:
            yield lab.Finding("{length}/sooner", sooner(length), {"length": length})
        else:
            share = lab.solved_rate(model=LINEAR, length=length)
            yield lab.Finding("{length}/converges", share, {"length": length})
    for length in config.lengths:
        for model in config.models:
            words = {"model": model, "length": length}
            solved = {"model": model, "length": length, "solved": True}
            thousands = lab.of(lambda rows: rows["solved_at"].to_numpy() * 1e-3, solved)
            hours = lab.of(lambda rows: rows["seconds"].to_numpy() * (1 / 3600), solved)
            yield lab.Finding("{model}/{length}/iterations", thousands, words)
            yield lab.Finding("{model}/{length}/seconds", hours, words)


def notes(config: LongMemoryConfig) -> list[str]:
    return [
        f"Adam, rate {config.learning_rate:g}, two layers of {config.hidden} units; at lengths without the LSTM rate "
        f"{config.rate_alone:g} and {config.hidden_alone} units, which take less time (published: rates were "
        f"searched, 512 units). Gradients of norm 1 at most, {config.batch} fresh sequences per iteration.",
        f"Converged: {MINIBATCHES} minibatches in a row are answered without an error, a fresh one after each "
        f"iteration (published: {MINIBATCHES} training minibatches). A GILR-LSTM is given up after "
        f"{config.iterations:,} iterations, an LSTM after {config.lstm_iterations:,}. Times contain these tests.",
        "The forget gates of both networks begin with time constants spread evenly in logarithm from 2 steps to "
        f"{REACH:g} times the length, weights of the one-hot input at U(-1, 1) (published: no start is given).",
        f"One GILR-LSTM runs {config.longest_iterations} iterations on one sequence of {config.longest:,} steps, to "
        "measure memory and time. Peak memory is that of the whole process, with what it trained before.",
        lab.intervals_note("Wilson for success rates", "Student's t for iterations and logarithms of times"),
    ]


def outline(config: LongMemoryConfig) -> str:
    lengths, count = ", ".join(map("{:,}".format, config.lengths)), len(gilr_long_memory.jobs(config))
    return f"{count} models on {lengths} steps, at most {config.lstm_iterations:,} iterations each"


def time_by_length(results: pl.DataFrame, config: LongMemoryConfig) -> pl.DataFrame:
    tried = results.filter(pl.col("length").is_in(config.lengths))  # without the one that measures memory
    return lab.curves_table(
        "Time to remember",
        "Time of the training until the model had converged, or was given up; means over seeds.",
        "steps of a sequence",
        "seconds",
        lab.curves_by(tried, "length", lambda rows: student(rows["seconds"].to_numpy())),
    )


@lab.experiment(
    papers=["1709.04057"],
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
    means=["seconds", "seconds_an_iteration", "peak_mib"],
    curves=time_by_length,
)
def gilr_long_memory(config: LongMemoryConfig) -> Iterator[lab.Training]:
    """The shortest sequences first: of a run that is cut short, most is there."""
    for length in config.lengths:
        beside = length in config.lstm_lengths
        for model in config.models:
            if model == LINEAR or beside:
                for seed in range(config.seeds if beside else config.seeds_alone):
                    yield train_reader(config, model, length, seed)
    if LINEAR in config.models and config.longest not in config.lengths:
        one = replace(config, iterations=config.longest_iterations, batch=1)
        yield train_reader(one, LINEAR, config.longest, 0)
