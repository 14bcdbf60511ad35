"""Number words: reading 'three hundred and thirty four' after 169 other numbers."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F

from extrapolate import nn, ops
from extrapolate.experiments.cells import LSTM
from extrapolate.experiments.config import Config, names, number, other
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, above, difference, published_table
from extrapolate.experiments.training import Measured, Trained, Training, as_rows, first_below
from extrapolate.tasks import WORDS, NumberWords, in_words
from extrapolate.training import Replicas
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE = 3e-3

#: The sets of the split, as the results name them.
SETS = ("train", "validation", "test")

#: The page shows the estimate after each word of these, unless they are trained on.
SHOWN = (334, 799, 850, 912, 42)

# -------------------------------------------------------------------------------------------------------- models

#: Makes a layer with that many inputs and outputs.
ReadOut = Callable[[int, int], torch_nn.Module]

#: What reads the number from the LSTM's output, by name of the model.
READ_OUTS: dict[str, ReadOut] = {"LSTM": torch_nn.Linear, "LSTM-NAC": nn.NAC, "LSTM-NALU": nn.NALU}


class Reader(torch_nn.Module):
    """Tokens (B, T) to the value read so far after every word, (B, T)."""

    def __init__(self, read_out: ReadOut, hidden: int) -> None:
        super().__init__()
        self.embedding = torch_nn.Embedding(len(WORDS), hidden)
        self.lstm = LSTM(hidden, hidden)
        self.read_out = read_out(hidden, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        # the input of the gates is computed once for each word of the language, not for each position
        inputs = F.embedding(tokens.movedim(-1, 0), self.lstm.from_input(self.embedding.weight))
        return self.read_out(self.lstm.over(inputs))[..., 0].movedim(0, -1)


#: Tokens (N, T), their lengths (N,), the values (N,).
Numbers = tuple[Tensor, ...]


def absolute_error(model: torch_nn.Module, tokens: Tensor, lengths: Tensor, values: Tensor) -> Tensor:
    """The mean absolute error of the values read after the last words."""
    read = model(tokens).gather(-1, (lengths - 1)[:, None])[:, 0]
    return (read - values).abs().mean()


@torch.no_grad()
def word_by_word(name: str, model: torch_nn.Module, numbers: list[int]) -> pl.DataFrame:
    """The model's estimate after every word of ``numbers``."""
    tokens, _, _ = NumberWords.encoded(numbers)
    estimates = model(tokens.to(next(model.parameters()).device)).tolist()
    lines = [
        (name, each, place, word, estimate)
        for each, row in zip(numbers, estimates, strict=True)
        for place, (word, estimate) in enumerate(zip(in_words(each), row, strict=False))
    ]
    schema = {
        "unit": pl.String,
        "number": pl.Int64,
        "place": pl.Int64,
        "word": pl.String,
        "estimate": pl.Float64,
    }
    return pl.DataFrame(lines, schema=schema, orient="row")


# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 1808.00508, translating numbers"

#: Mean absolute errors on the training, validation and test numbers.
PUBLISHED_ERRORS = {
    "LSTM": (0.003, 29.9, 29.4),
    "LSTM-NAC": (80.0, 114.1, 114.3),
    "LSTM-NALU": (0.12, 0.39, 0.41),
}


def findings(config: Any) -> Iterator[Finding]:
    """What the read-outs do to the error on unseen numbers, and the published errors."""
    yield Finding(
        "LSTM-NALU/less-than-LSTM",
        "with a NALU the LSTM reads unseen numbers with a smaller error than without (measured: the error of the "
        "LSTM minus that of the LSTM-NALU, seed by seed)",
        f"test error 0.41 against 29.4 ({SOURCE})",
        difference("test_error", {"unit": "LSTM"}, {"unit": "LSTM-NALU"}),
        above(0),
    )
    yield Finding(
        "LSTM-NAC/more-than-LSTM",
        "with a NAC, whose weights are bounded, the LSTM reads unseen numbers with a larger error (measured: the "
        "error of the LSTM-NAC minus that of the LSTM, seed by seed)",
        f"test error 114.3 against 29.4 ({SOURCE})",
        difference("test_error", {"unit": "LSTM-NAC"}, {"unit": "LSTM"}),
        above(0),
    )
    yield from published_table(
        "{}_error",
        "mean absolute error on the {} numbers, at the best validation step",
        PUBLISHED_ERRORS,
        SETS,
        "for comparison only: the published split, batch size and learning rate are unknown",
    )


# ---------------------------------------------------------------------------------------------------- experiment


@dataclass(frozen=True, kw_only=True)
class NumberWordsConfig(Config):
    """Adam, rate 3e-3, mean absolute error at the last word; 169 of the numbers 0 to 1,000 to train on."""

    models: tuple[str, ...] = names(READ_OUTS, "Models to train", "model")
    hidden: int = number(32, "Size of the LSTM's state.", cut=other("a state of {} instead of {}"))


def notes(config: NumberWordsConfig) -> list[str]:
    """How the models were trained and judged."""
    return [
        f"Adam, learning rate {LEARNING_RATE:g}, mean absolute error at the last word, {config.batch} numbers per "
        f"step sampled from the 169; embedding and LSTM of size {config.hidden}. The published learning rate and "
        "batch size are unknown.",
        "Trained on: 0 to 20, 1,000, and others chosen at random (seed 0) such that every word occurs; 200 numbers "
        "choose the best step, the other 632 are the test.",
        "Solved: the mean absolute error on the test numbers is below 0.5.",
        intervals_note("Wilson for success rates", "Student's t for errors and their differences"),
    ]


def train_model(
    config: NumberWordsConfig, name: str, task: NumberWords, sets: Mapping[str, Numbers]
) -> Training:
    """One model, all seeds at once; the split is the same for all."""
    count = len(sets["train"][0])
    threshold = torch.full((config.seeds,), task.threshold)

    def loss(model: torch_nn.Module, key: Tensor, _: dict[str, Tensor]) -> Tensor:
        sampled = (ops.uniform(key, (config.batch,)) * count).long()
        return absolute_error(model, *(each[sampled] for each in sets["train"]))

    def errors(model: torch_nn.Module) -> dict[str, Tensor]:
        return {f"{each}_error": absolute_error(model, *numbers) for each, numbers in sets.items()}

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        return replicas.map(errors)

    def measure(trained: Trained) -> Measured:
        history = trained.history
        solved = (history.at_best("test_error") < threshold).tolist()
        rows = as_rows(
            training,
            {
                "solved": solved,
                "solved_at": first_below(history, "test_error", threshold, solved),
                **{f"{each}_error": history.at_best(f"{each}_error") for each in SETS},
                "best_step": history.best_step,
                "steps": config.steps,
            },
        )
        best = int(rows["validation_error"].fill_nan(None).arg_min() or 0)
        unseen = [each for each in SHOWN if each not in task.split[0]]
        return Measured(rows, {"words": word_by_word(name, trained.replicas[best].eval(), unseen)})

    training = Training(
        name=name,
        labels={
            "unit": name,
            "operation": "reading number words",
            "range": f"{task.training} of 0 to 1,000",
        },
        build=partial(Reader, READ_OUTS[name], config.hidden),
        seeds=range(config.seeds),
        train=TrainConfig(
            loss=loss,
            optimizer=partial(torch.optim.Adam, lr=LEARNING_RATE, fused=True),
            steps=config.steps,
            evaluate=evaluate,
            eval_every=config.eval_every,
            monitor="validation_error",
            solved=lambda measures: measures["test_error"] < task.threshold,
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )
    return training


@experiment(
    source="Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018)",
    laptop=NumberWordsConfig(steps=120_000, batch=32),
    paper={"seeds": 10, "steps": 300_000},
    smoke={"models": ("LSTM", "LSTM-NALU"), "hidden": 8},
    findings=findings,
    notes=notes,
)
def number_words(config: NumberWordsConfig) -> Iterator[Training]:
    task = NumberWords()
    sets = {
        name: tuple(each.to(config.device) for each in task.encoded(numbers))
        for name, numbers in zip(SETS, task.split, strict=True)
    }
    for name in config.models:
        yield train_model(config, name, task, sets)
