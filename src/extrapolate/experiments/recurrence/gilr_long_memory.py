"""Long memory: remembering the first of up to a million symbols until the last one."""

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
    # each step of a one-hot input uses one weight per unit, so that the scale does not depend on the input size
    for name in ("input", "surrogate"):
        torch_nn.init.uniform_(layers.get_parameter(f"layers.0.{name}.weight"), -1.0, 1.0)
    return layers


def lstm(features: int, width: int, memory: float) -> torch_nn.Module:
    """Make torch's LSTM with the initial forget gates of :func:`gilr_lstm`; otherwise its memory is too short."""
    layers = torch_nn.LSTM(features, width, 2, batch_first=True)
    torch_nn.init.uniform_(layers.get_parameter("weight_ih_l0"), -1.0, 1.0)
    reference = gilr_lstm(features, width, memory)
    with torch.no_grad():
        for depth in (0, 1):
            bias = layers.get_parameter(f"bias_ih_l{depth}").zero_()
            bias[width : 2 * width] = reference.get_parameter(f"layers.{depth}.input.bias")[:width]
            layers.get_parameter(f"bias_hh_l{depth}").zero_()
    return layers


#: The network with a linear recurrence and the serial baseline. Only the first is trained at the greatest lengths.
LINEAR, SERIAL = "GILR-LSTM", "LSTM"

#: Make two layers from (features, width, longest memory in steps); called like ``torch.nn.LSTM``, ``batch_first``.
KINDS: dict[str, Callable[[int, int, float], torch_nn.Module]] = {LINEAR: gilr_lstm, SERIAL: lstm}


class Reader(torch_nn.Module):
    """Maps sequences (B, T, F) to the logit (B,) that the first element was +1."""

    def __init__(self, memory: torch_nn.Module, width: int) -> None:
        super().__init__()
        self.memory = memory
        self.answer = torch_nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(self.memory(x)[0][:, -1])[:, 0]


@dataclass(frozen=True, kw_only=True)
class LongMemoryConfig(lab.Settings):
    """Options of the long-memory task: Adam, binary cross-entropy of the answer after the last symbol."""

    models: tuple[str, ...] = lab.names(KINDS, "Networks to train", "model")
    lengths: tuple[int, ...] = lab.integers(
        (1_024, 8_192, 65_536),
        "Lengths of the sequences in steps, separated by commas. Published: 1,024, 8,192 and 1,048,576.",
        least=2,
    )
    lstm_lengths: tuple[int, ...] = lab.integers(
        (1_024, 8_192), "Lengths at which the LSTM is trained as well, separated by commas.", least=2
    )
    seeds: int = lab.integer(
        5, "Models per network at each of --lstm-lengths; their seeds are 0, 1, 2, ...", cut=lab.fewer("seeds")
    )
    seeds_alone: int = lab.integer(
        2,
        "Models at each other length, where only the GILR-LSTM is trained.",
        cut=lab.fewer("seeds without the LSTM"),
    )
    iterations: int = lab.integer(
        600, "Training of a GILR-LSTM stops after N iterations if it has not converged.", cut=lab.fewer("iterations")
    )
    lstm_iterations: int = lab.integer(  # an iteration of the LSTM takes about half the time
        1_200,
        "Training of an LSTM stops after N iterations if it has not converged.",
        cut=lab.fewer("iterations of the LSTM"),
    )
    longest: int = lab.integer(
        2**20, "Time steps of one more sequence, which is trained on only to measure the RAM that it needs.", least=2
    )
    longest_iterations: int = lab.integer(3, "Iterations of one GILR-LSTM on the sequence of --longest steps.")
    hidden: int = lab.integer(32, "Units per layer (two layers). Published: 512.", cut=lab.fewer("units per layer"))
    hidden_alone: int = lab.integer(
        16,
        "Units per layer at lengths where only the GILR-LSTM is trained. Published: 512.",
        cut=lab.fewer("units per layer without the LSTM"),
    )
    learning_rate: float = lab.real(0.003, "Learning rate of Adam.", above=0)
    rate_alone: float = lab.real(
        0.01, "Learning rate of Adam at lengths where only the GILR-LSTM is trained.", above=0
    )
    batch: int = lab.integer(8, "Sequences per iteration.", cut=lab.fewer("sequences per iteration"))


#: The longest initial time constant of the forget gates, as a multiple of the sequence length.
REACH = 4.0

#: A model has converged after this number of consecutive minibatches without an error, one per iteration.
MINIBATCHES = 5


def has_converged(history: History) -> bool:
    last = history.metrics["error"][-MINIBATCHES:]
    return len(last) == MINIBATCHES and not last.any()


def train_reader(config: LongMemoryConfig, model: str, length: int, seed: int) -> lab.Training:
    """Make the training of a model on sequences of one length; it ends when the model has converged."""
    task = LongDependency(length)
    limit = config.iterations if model == LINEAR else config.lstm_iterations
    with_lstm = length in config.lstm_lengths
    hidden = config.hidden if with_lstm else config.hidden_alone
    rate = config.learning_rate if with_lstm else config.rate_alone

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
        peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss * 2**10  # of this process since its start
        if trained.replicas.device.type == "cuda":
            peak = torch.cuda.max_memory_allocated(trained.replicas.device)
        return {
            "length": length,
            "hidden": hidden,
            "solved": solved,
            "solved_at": pl.Series([iterations if solved else None], dtype=pl.Int64),
            "error": float(history.metrics["error"][-MINIBATCHES:].mean()),
            "seconds": seconds,
            "seconds_per_iteration": seconds / iterations,
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
            gradients=loop_gradients,  # vmap cannot map torch's LSTM, and the fused GILR layer is faster without it
        ),
        measure=measure,
        config=config,
    )


def time_ratio(length: int) -> lab.Measure:
    """Measure LSTM time / GILR-LSTM time.

    Models that did not converge count with the time of their iteration limit, which is similar for both networks.
    """

    def measure(results: pl.DataFrame) -> lab.Found | None:
        linear, serial = (lab.rows_of(results, {"model": name, "length": length}) for name in KINDS)
        both = min(linear.height, serial.height)
        if not both:
            return None
        ratio = mean_ratio(serial["seconds"].to_numpy()[:both], linear["seconds"].to_numpy()[:both])
        more = linear["solved"].sum() > serial["solved"].sum()
        ours, theirs = (f"{(~each['solved']).sum()} of {each.height}" for each in (linear, serial))
        note = f"{ours} {LINEAR}s and {theirs} {SERIAL}s had not converged at their iteration limit"
        holds = None if ratio.low is None else more and ratio.low > 1
        return lab.Found(replace(ratio, n=2 * both), note, holds)

    return measure


def findings(config: LongMemoryConfig) -> Iterator[lab.Finding]:
    """Yield the finding at each length, then the iterations and hours of the models that converged."""
    for length in config.lengths:
        if length in config.lstm_lengths and SERIAL in config.models:
            yield lab.Finding("{length}/sooner", time_ratio(length), {"length": length})
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
        f"Adam, learning rate {config.learning_rate:g}, two layers of {config.hidden} units. At lengths without the "
        f"LSTM: learning rate {config.rate_alone:g} and {config.hidden_alone} units, to save time (published: rates "
        f"from a search, 512 units). Gradients are clipped to norm 1; {config.batch} fresh sequences per iteration.",
        f"Converged: no error in {MINIBATCHES} consecutive minibatches, one fresh minibatch after each iteration "
        f"(published: {MINIBATCHES} training minibatches). The training stops after {config.iterations:,} iterations "
        f"(GILR-LSTM) or {config.lstm_iterations:,} (LSTM). Times include these tests.",
        "The initial time constants of the forget gates of both networks are spaced logarithmically from 2 steps to "
        f"{REACH:g} times the length. The weights of the one-hot input start in U(-1, 1) (published: unknown).",
        f"One GILR-LSTM runs {config.longest_iterations} iterations on one sequence of {config.longest:,} steps, to "
        "measure memory and time. Peak memory is that of the whole process, including its earlier trainings.",
        lab.intervals_note("Wilson for success rates", "Student's t for iterations and logarithms of times"),
    ]


def outline(config: LongMemoryConfig) -> str:
    lengths, count = ", ".join(map("{:,}".format, config.lengths)), len(gilr_long_memory.jobs(config))
    return (
        f"{count} models on sequences of {lengths} time steps, at most {config.lstm_iterations:,} training iterations"
    )


def time_by_length(results: pl.DataFrame, config: LongMemoryConfig) -> pl.DataFrame:
    trained = results.filter(pl.col("length").is_in(config.lengths))  # without the model that measures memory
    return lab.curves_table(
        "Time to converge",
        "Training time until convergence, or until the iteration limit; means over seeds.",
        "steps per sequence",
        "seconds",
        lab.curves_by(trained, "length", lambda rows: student(rows["seconds"].to_numpy())),
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
    means=["seconds", "seconds_per_iteration", "peak_mib"],
    curves=time_by_length,
)
def gilr_long_memory(config: LongMemoryConfig) -> Iterator[lab.Training]:
    """Yield the trainings, the shortest sequences first: an interrupted run then has most of its results."""
    for length in config.lengths:
        with_lstm = length in config.lstm_lengths
        for model in config.models:
            if model == LINEAR or with_lstm:
                for seed in range(config.seeds if with_lstm else config.seeds_alone):
                    yield train_reader(config, model, length, seed)
    if LINEAR in config.models and config.longest not in config.lengths:
        one = replace(config, iterations=config.longest_iterations, batch=1)
        yield train_reader(one, LINEAR, config.longest, 0)
