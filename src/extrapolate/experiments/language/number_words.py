"""Number words: reading 'three hundred and thirty four' after training on 169 other numbers."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F

from extrapolate import nn, ops
from extrapolate.experiments import lab
from extrapolate.experiments.cells import LSTM
from extrapolate.tasks import WORDS, NumberWords, in_words

#: Makes a layer from its numbers of inputs and outputs.
ReadOut = Callable[[int, int], torch_nn.Module]

#: The layer that maps the LSTM's output to the number, by the model's name.
READ_OUTS: dict[str, ReadOut] = {"LSTM": torch_nn.Linear, "LSTM-NAC": nn.NAC, "LSTM-NALU": nn.NALU}


class Reader(torch_nn.Module):
    """Maps tokens (B, T) to the estimate of the number after every word, (B, T)."""

    def __init__(self, read_out: ReadOut, hidden: int) -> None:
        super().__init__()
        self.embedding = torch_nn.Embedding(len(WORDS), hidden)
        self.lstm = LSTM(hidden, hidden)
        self.read_out = read_out(hidden, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        # the input of the gates is computed once per word of the vocabulary, not once per position
        inputs = F.embedding(tokens.movedim(-1, 0), self.lstm.from_input(self.embedding.weight))
        return self.read_out(self.lstm.over(inputs))[..., 0].movedim(0, -1)


def absolute_error(model: torch_nn.Module, tokens: Tensor, lengths: Tensor, values: Tensor) -> Tensor:
    """Return the mean absolute error of the estimates after the last words."""
    estimates = model(tokens).gather(-1, (lengths - 1)[:, None])[:, 0]
    return (estimates - values).abs().mean()


@torch.no_grad()
def word_by_word(name: str, model: torch_nn.Module, values: list[int], device: str) -> pl.DataFrame:
    """Return the model's estimate after every word of ``values``, for the page."""
    estimates = model(NumberWords.encode(values)[0].to(device)).tolist()
    lines = [
        (name, number, position, word, estimate)
        for number, row in zip(values, estimates, strict=True)
        for position, (word, estimate) in enumerate(zip(in_words(number), row, strict=False))
    ]
    return pl.DataFrame(lines, schema=["model", "number", "position", "word", "estimate"], orient="row")


def findings(config: Any) -> Iterator[lab.Finding]:
    """Yield the findings on the read-outs' errors on unseen numbers, then the published errors."""
    for id, more, less in (
        ("LSTM-NALU/less-than-LSTM", "LSTM", "LSTM-NALU"),
        ("LSTM-NAC/more-than-LSTM", "LSTM-NAC", "LSTM"),
    ):
        yield lab.Finding(id, lab.difference("test_error", {"model": more}, {"model": less}))
    for unit in READ_OUTS:
        for split in ("train", "validation", "test"):
            measure = lab.mean(f"{split}_error", model=unit)
            yield lab.Finding("{model}/{split}-error", measure, {"model": unit, "split": split})


@dataclass(frozen=True, kw_only=True)
class NumberWordsConfig(lab.Config):
    """Options of the number words: Adam, mean absolute error at the last word, 169 training numbers of 0 to 1,000."""

    models: tuple[str, ...] = lab.names(READ_OUTS, "Models to train", "model")
    hidden: int = lab.integer(
        32, "Units of the LSTM, and size of the embedding.", cut=lab.other("a state of {} instead of {}")
    )


def notes(config: NumberWordsConfig) -> list[str]:
    """Describe how the models were trained and judged."""
    return [
        "Adam, learning rate 0.003, mean absolute error at the last word, "
        f"{config.batch} numbers per step sampled from the 169; embedding and LSTM of size {config.hidden}. The "
        "published learning rate and batch size are unknown.",
        "Training numbers: 0 to 20, 1,000, and random others (seed 0), so that every word occurs. 200 numbers select "
        "the best step; the other 632 are the test set.",
        "Solved: the mean absolute error on the test numbers is below 0.5.",
        lab.intervals_note("Wilson for success rates", "Student's t for errors and their differences"),
    ]


def train_model(config: NumberWordsConfig, name: str) -> lab.Training:
    """Make the training of a model, all seeds at once, with the same split."""
    task = NumberWords()
    splits = {split: tuple(each.to(config.device) for each in numbers) for split, numbers in task.splits().items()}
    errors = [f"{split}_error" for split in splits]

    def loss(model: torch_nn.Module, key: Tensor, _: Any) -> Tensor:
        # the same as ``task.sample``, whose cache of tensors torch.compile does not support
        sampled = (ops.uniform(key, (config.batch,)) * task.training).long()
        return absolute_error(model, *(each[sampled] for each in splits["train"]))

    def error_on(split: str, model: torch_nn.Module) -> Tensor:
        return absolute_error(model, *splits[split])

    def measure(trained: lab.Trained) -> lab.Measured:
        history, threshold = trained.history, torch.full((config.seeds,), task.threshold)
        solved = (history.at_best("test_error") < threshold).tolist()
        columns = {
            "solved": solved,
            "solved_at": lab.first_below(history, "test_error", threshold, solved),
            **{error: history.at_best(error) for error in errors},
            "best_step": history.best_step,
            "steps": config.steps,
        }
        rows = lab.as_rows(training, columns)
        best = trained.replicas[int(rows["validation_error"].fill_nan(None).arg_min() or 0)].eval()
        unseen = [number for number in (334, 799, 850, 912, 42) if number not in task.split[0]]
        return lab.Measured(rows, {"words": word_by_word(name, best, unseen, config.device)})

    metrics = {f"{split}_error": partial(error_on, split) for split in splits}
    adam = partial(torch.optim.Adam, lr=3e-3, fused=True)
    training = lab.Training(
        name=name,
        labels={"model": name, "task": "reading number words", "split": f"{task.training} of 0 to 1,000"},
        build=partial(Reader, READ_OUTS[name], config.hidden),
        train=replace(
            config.train(loss, adam, metrics, "validation_error"),
            solved=lambda measures: measures["test_error"] < task.threshold,
        ),
        measure=measure,
        config=config,
    )
    return training


@lab.experiment(
    papers=["1808.00508"],
    laptop=NumberWordsConfig(steps=120_000, batch=32),
    paper={"seeds": 10, "steps": 300_000},
    smoke={"models": ("LSTM", "LSTM-NALU"), "hidden": 8},
    findings=findings,
    notes=notes,
)
def number_words(config: NumberWordsConfig) -> Iterator[lab.Training]:
    for name in config.models:
        yield train_model(config, name)
