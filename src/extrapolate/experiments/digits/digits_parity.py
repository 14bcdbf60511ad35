"""Even digits in a picture: counted by a NAC or by the usual affine layer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.experiments.digits._images import BETAS, ConvEncoder, DigitConfig, adam, digits_of
from extrapolate.tasks import EvenDigits
from extrapolate.tasks.even_digits import TESTED, VALIDATED
from extrapolate.training import LinearDecay

LEARNING_RATE = 3e-3

#: The share of pictures whose count must be right.
ENOUGH = 0.9

# -------------------------------------------------------------------------------------------------------- models

FEATURES = 64


class NACWithBias(nn.NAC):
    """The NAC and a bias that starts at 0: the ablation."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.bias = torch_nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias


#: Makes the output layer, by name: weights free or tanh·σ, with a bias or without.
HEADS: dict[str, Callable[[], torch_nn.Module]] = {
    "affine": partial(torch_nn.Linear, FEATURES, 1),
    "linear": partial(torch_nn.Linear, FEATURES, 1, bias=False),
    "NAC": partial(nn.NAC, FEATURES, 1),
    "NAC-bias": partial(NACWithBias, FEATURES, 1),
}


class Counter(torch_nn.Module):
    """Pictures (B, 1, S, S) to numbers (B,)."""

    def __init__(self, size: int, head: torch_nn.Module) -> None:
        super().__init__()
        self.encoder = ConvEncoder(size, FEATURES)
        self.head = head

    def forward(self, pictures: Tensor) -> Tensor:
        return self.head(torch.relu(self.encoder(pictures)))[..., 0]


# ------------------------------------------------------------------------------------------------------ findings

#: What the ablation changes: its name, what it is, pairs of an output layer with it and one without.
SWITCHES = {
    "tanh-sigma": ("weights tanh·σ instead of free", (("NAC", "linear"), ("NAC-bias", "affine"))),
    "no-bias": ("no bias instead of one", (("NAC", "NAC-bias"), ("linear", "affine"))),
}


def findings(config: Any) -> Iterator[lab.Finding]:
    """The published finding, the ablation, and the published accuracies."""
    yield lab.Finding(
        "NAC/more-right-than-affine", lab.difference("accuracy", {"unit": "NAC"}, {"unit": "affine"})
    )
    for switch, (text, pairs) in SWITCHES.items():
        for one, other in pairs:
            words = {"one": one, "other": other, "switch": switch, "text": text}
            gain = lab.difference("accuracy", {"unit": one}, {"unit": other})
            yield lab.Finding("{one}-over-{other}/{switch}", gain, words)
    for head in ("affine", "NAC"):
        yield lab.Finding("{unit}/accuracy", lab.mean("accuracy", unit=head), {"unit": head})


# ---------------------------------------------------------------------------------------------------- experiment


@dataclass(frozen=True, kw_only=True)
class DigitsParityConfig(DigitConfig):
    """Adam, squared error of the number of even digits."""

    heads: tuple[str, ...] = lab.names(HEADS, "Output layers to train", "output layer")


def notes(config: DigitsParityConfig) -> list[str]:
    """How the models were trained and judged."""
    return [
        f"Adam (second decay {BETAS[1]:g}), learning rate {LEARNING_RATE:g}, decreasing linearly to 0, squared "
        f"error, {config.batch} new pictures per step; images: {config.data}; training, validation and test "
        "share no image.",
        f"From one to {EvenDigits.most} digits in different cells of {EvenDigits.side} × {EvenDigits.side} "
        "(published: anywhere on a picture of 100 × 100). Two 3 × 3 convolutions with stride 2 (8 and 16 channels), "
        "a linear layer to 64 features, ReLU, then the output layer.",
        "Output layers: affine (free weights and a bias), linear (no bias), NAC (weights tanh·σ, no bias), NAC-bias "
        "(weights tanh·σ and a bias).",
        f"{VALIDATED} pictures of validation images choose the best step; {TESTED:,} pictures of test images are the "
        f"test. Solved: at least {ENOUGH:.0%} of those are counted correctly, after rounding.",
        lab.intervals_note("Wilson for success rates", "Student's t for shares and their differences"),
    ]


#: Pictures and their counts.
Pictures = tuple[Tensor, Tensor]


def train_head(
    config: DigitsParityConfig, head: str, task: EvenDigits, splits: Mapping[str, Pictures]
) -> lab.Training:
    """One output layer, all seeds at once."""

    def loss(model: torch_nn.Module, key: Tensor, _: Any) -> Tensor:
        return error(model, *task.sample(config.batch, key))

    def error(model: torch_nn.Module, pictures: Tensor, counts: Tensor) -> Tensor:
        return (model(pictures) - counts).square().mean()

    def accuracy(model: torch_nn.Module, pictures: Tensor, counts: Tensor) -> Tensor:
        return task.solved(model(pictures), counts).double().mean()

    def measure(trained: lab.Trained) -> dict[str, Any]:
        accurate = trained.map(lambda model: accuracy(model, *splits["interpolation"]))
        return {
            "solved": accurate >= ENOUGH,
            "validation_error": trained.history.at_best("validation_error"),
            "accuracy": accurate,
            "accuracy_more": trained.map(lambda model: accuracy(model, *splits["test"])),
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    metrics = {"validation_error": lambda model: error(model, *splits["validation"])}
    return lab.Training(
        name=head,
        labels={"unit": head, "operation": "counting even digits", "range": f"up to {task.most} digits"},
        build=lambda: Counter(task.size, HEADS[head]()),
        train=replace(
            config.train(loss, adam(LEARNING_RATE), metrics), lr_schedule=LinearDecay(config.steps)
        ),
        measure=measure,
        config=config,
    )


@lab.experiment(
    papers=["1808.00508", "1505.08082"],
    laptop=DigitsParityConfig(steps=5_000, eval_every=500, batch=32),
    paper={"data": lab.REQUIRED, "seeds": 10, "steps": 200_000, "eval_every": 2_000, "batch": 128},
    smoke={"heads": ("affine", "NAC"), "steps": 4, "eval_every": 2, "batch": 2},
    findings=findings,
    notes=notes,
    means=["accuracy", "accuracy_more"],  # on up to five digits, as trained with, and on six to nine
)
def digits_parity(config: DigitsParityConfig) -> Iterator[lab.Training]:
    task = EvenDigits(digits_of(config.data, config.device))
    splits = task.splits()
    for head in config.heads:
        yield train_head(config, head, task, splits)
