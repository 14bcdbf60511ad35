"""Networks that remember the first element of a sequence: how they are built, trained and measured."""

import resource
from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F

from extrapolate import nn, ops
from extrapolate.experiments.training import Column, Trained, Training
from extrapolate.tasks import LongDependency
from extrapolate.training import Clip, History, Replicas
from extrapolate.training.gradients import one_by_one
from extrapolate.training.train_config import TrainConfig

GRADIENT_NORM = 1.0

#: The longest time constant of fresh forget gates, in lengths of the sequence.
REACH = 4.0

#: Converged: this many minibatches in a row, a fresh one after each iteration, are answered without an error.
MINIBATCHES = 5

#: (features, width, longest memory in steps) to two layers, called as ``torch.nn.LSTM`` with ``batch_first``.
Memory = Callable[[int, int, float], torch_nn.Module]


def gilr_lstm(features: int, width: int, memory: float) -> torch_nn.Module:
    layers = nn.GILRLSTM(features, width, 2, batch_first=True, memory=memory)
    _for_one_hot_(*(layers.get_parameter(f"layers.0.{name}.weight") for name in ("input", "surrogate")))
    return layers


def _for_one_hot_(*weights: Tensor) -> None:
    """U(-1, 1): of a one-hot input only one weight counts at a time, whatever their number."""
    for each in weights:
        torch_nn.init.uniform_(each, -1.0, 1.0)


def lstm(features: int, width: int, memory: float) -> torch_nn.Module:
    """torch's LSTM with the forget gates of :func:`gilr_lstm`: it would not remember so far otherwise."""
    layers = torch_nn.LSTM(features, width, 2, batch_first=True)
    _for_one_hot_(layers.get_parameter("weight_ih_l0"))
    start = gilr_lstm(features, width, memory)
    with torch.no_grad():
        for depth, like in enumerate(start.layers):  # pyright: ignore[reportArgumentType]
            for name in ("bias_ih", "bias_hh"):
                getattr(layers, f"{name}_l{depth}").zero_()
            getattr(layers, f"bias_ih_l{depth}")[width : 2 * width] = like.input.bias[:width]
    return layers


KINDS: dict[str, Memory] = {"GILR-LSTM": gilr_lstm, "LSTM": lstm}


class Reader(torch_nn.Module):
    """Sequences (B, T, F) to a logit (B,): whether the first element was +1."""

    def __init__(self, memory: Memory, features: int, width: int, longest: float) -> None:
        super().__init__()
        self.memory = memory(features, width, longest)
        self.answer = torch_nn.Linear(width, 1)

    def forward(self, x: Tensor) -> Tensor:
        return self.answer(self.memory(x)[0][:, -1])[:, 0]


@dataclass(frozen=True)
class Case:
    """One model on sequences of one length."""

    model: str
    length: int
    seed: int
    iterations: int
    batch: int
    hidden: int
    rate: float


def train_reader(case: Case, device: str) -> Training:
    """Train one model until it has converged."""
    task, shape = LongDependency(case.length), (case.batch, case.length)

    def loss(model: torch_nn.Module, key: Tensor, _: dict[str, Tensor]) -> Tensor:
        elements, positive = task.sequences(ops.uniform(key, shape))
        return F.binary_cross_entropy_with_logits(model(task.one_hot(elements)), positive.float())

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        elements, positive = task.sequences(ops.uniform(keys[0], shape))  # a fresh minibatch per iteration
        wrong = (replicas[0].eval()(task.one_hot(elements)) > 0) != positive
        return {"error": wrong.float().mean()[None]}

    return Training(
        name=f"{case.model}-{case.length}-{case.seed}",
        labels={
            "unit": case.model,
            "operation": "remembering the first symbol",
            "range": f"{case.length:,} steps",
        },
        build=partial(Reader, KINDS[case.model], task.symbols, case.hidden, REACH * case.length),
        seeds=[case.seed],
        train=TrainConfig(
            loss=loss,
            optimizer=partial(torch.optim.Adam, lr=case.rate, fused=True),
            steps=case.iterations,
            evaluate=evaluate,
            eval_every=1,
            monitor="error",
            grad_clip=Clip(norm=GRADIENT_NORM),
            stop_when=converged,
            gradients=one_by_one,  # vmap cannot map torch's LSTM, and our fused layer is faster without it
        ),
        measure=partial(measure, case),
        device=device,
    )


def converged(history: History) -> bool:
    last = history.metrics["error"][-MINIBATCHES:]
    return len(last) == MINIBATCHES and not last.any()


def measure(case: Case, trained: Trained) -> dict[str, Column]:
    history = trained.history
    solved, iterations, seconds = converged(history), int(history.steps[-1]), history.seconds_so_far
    return {
        "length": case.length,
        "hidden": case.hidden,
        "solved": solved,
        "solved_at": pl.Series([iterations if solved else None], dtype=pl.Int64),
        "error": float(history.metrics["error"][-MINIBATCHES:].mean()),
        "seconds": seconds,
        "seconds_an_iteration": seconds / iterations,
        "peak_mib": peak_mib(trained.replicas.device),
        "batch": case.batch,
        "limit": case.iterations,
        "steps": iterations,
    }


def peak_mib(device: torch.device) -> float:
    """The most memory this process has held so far; on a GPU, the most its tensors did."""
    if device.type == "cuda":
        return torch.cuda.max_memory_allocated(device) / 2**20
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 2**10
