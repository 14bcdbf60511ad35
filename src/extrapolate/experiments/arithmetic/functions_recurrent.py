"""Six functions of two sums (a + b, a − b, ..., √a) accumulated over 10 steps, tested on 1,000 steps."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import ClassVar

import torch
from torch import Tensor, nn

from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic import functions_static as static
from extrapolate.experiments.cells import LSTM
from extrapolate.tasks import parse_range
from extrapolate.tasks.subset_functions import Sequences


class Recurrent(nn.Module):
    """Maps steps (T, B, I) to answers (B, 1). Its first layer maps state and inputs to the next state, from zeros."""

    def __init__(self, model: str, in_features: int, hidden: int) -> None:
        super().__init__()
        first, second, self.width = static.layers_of(model, hidden)
        self.first = first(self.width + in_features, self.width)
        self.second = second(self.width, 1)

    def forward(self, x: Tensor) -> Tensor:
        state = x.new_zeros(x.shape[1], self.width)
        for now in x.unbind(0):
            state = self.first(torch.cat([state, now], -1))
        return self.second(state)


class Remembering(nn.Sequential):
    """Maps steps (T, B, I) to answers (B, 1): a linear layer on the last output of an LSTM."""

    def forward(self, input: Tensor) -> Tensor:
        lstm, read_out = self
        return read_out(lstm(input)[-1])


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig(static.FunctionsConfig):
    """Options of ``functions-static``, for recurrent models."""

    models: tuple[str, ...] = lab.names(("LSTM", *static.LAYERS), "Models to train", "model")

    trained_on: ClassVar = Sequences(parse_range("U[1,2]"), 10)
    tested_on: ClassVar = Sequences(parse_range("U[1,2]"), 1_000)
    learning_rate: ClassVar = 1e-2

    def build(self, model: str) -> nn.Module:
        if model == "LSTM":
            return Remembering(LSTM(self.in_features, self.hidden), nn.Linear(self.hidden, 1))
        return Recurrent(model, self.in_features, self.hidden)


def findings(config: RecurrentConfig) -> Iterator[lab.Finding]:
    learned = {"NALU": ("add", "sub", "mul", "square", "root"), "NAC": ("add", "sub")}
    for model, functions in learned.items():
        for name in functions:
            yield static.lead("{model}/{function}/nearer-than-LSTM", name, model, "LSTM")
    yield from static.success(learned["NALU"])


@lab.experiment(
    papers=["1808.00508", "2001.05016"],
    laptop=RecurrentConfig(steps=20_000, eval_every=500, in_features=10, hidden=8, batch=32, samples=50),
    paper=static.PAPER | {"steps": 100_000, "eval_every": 1_000, "samples": 500},
    smoke={
        **static.SMOKE,
        "models": ("LSTM", "NALU"),
        "functions": ("mul",),
        "steps": 10,
        "eval_every": 5,
        "samples": 10,
    },
    findings=findings,
    notes=static.notes,
    means=static.MEANS,
)
def functions_recurrent(config: RecurrentConfig) -> Iterator[lab.Training]:
    for name in config.models:
        yield static.train_model(config, name)
