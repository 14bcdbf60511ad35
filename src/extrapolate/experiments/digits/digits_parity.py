"""Even digits in a picture: counted by a NAC or by the usual affine layer."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import partial
from typing import Any

import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.config import REQUIRED, names
from extrapolate.experiments.digits._images import BETAS, ConvEncoder, DigitConfig, adam, digits_of
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, above, difference, mean
from extrapolate.experiments.summary import means, summarize
from extrapolate.experiments.training import Trained, Training
from extrapolate.tasks import EvenDigits
from extrapolate.tasks.even_digits import TESTED, VALIDATED
from extrapolate.training import LinearDecay, Replicas
from extrapolate.training.train_config import TrainConfig

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

SOURCE = "arXiv 1808.00508, MNIST parity; as quoted, unverified"

#: Shares of pictures that are counted correctly: the best result before, with an affine output layer; the NAC's.
PUBLISHED_ACCURACY = {"affine": 0.851, "NAC": 0.931}

#: What the ablation changes: its name, what it is, pairs of an output layer with it and one without.
SWITCHES = {
    "tanh-sigma": ("weights tanh·σ instead of free", (("NAC", "linear"), ("NAC-bias", "affine"))),
    "no-bias": ("no bias instead of one", (("NAC", "NAC-bias"), ("linear", "affine"))),
}


def findings(config: Any) -> Iterator[Finding]:
    """The published finding, the ablation, and the published accuracies."""
    affine, nac = PUBLISHED_ACCURACY.values()
    yield Finding(
        "NAC/more-right-than-affine",
        "a NAC output layer counts more pictures correctly than an affine one (measured: the difference of the "
        "shares, seed by seed)",
        f"{affine:.1%} to {nac:.1%} ({SOURCE})",
        difference("accuracy", {"unit": "NAC"}, {"unit": "affine"}),
        above(0),
    )
    for switch, (text, pairs) in SWITCHES.items():
        for one, other in pairs:
            yield Finding(
                f"{one}-over-{other}/{switch}",
                f"{text}: how much larger the share of pictures counted correctly is, {one} minus {other}",
                None,
                difference("accuracy", {"unit": one}, {"unit": other}),
            )
    for head, published in PUBLISHED_ACCURACY.items():
        yield Finding(
            f"{head}/accuracy",
            f"{head}: share of pictures with up to five digits that are counted correctly",
            published,
            mean("accuracy", unit=head),
            note=f"for comparison only: other images and another network ({SOURCE})",
        )


def summary(results: pl.DataFrame) -> pl.DataFrame:
    """Success rates, and accuracies on as many digits as trained with (up to five) and on more (six to nine)."""
    return pl.concat([summarize(results), means(results, ["accuracy", "accuracy_more"])])


# ---------------------------------------------------------------------------------------------------- experiment


@dataclass(frozen=True, kw_only=True)
class DigitsParityConfig(DigitConfig):
    """Adam, squared error of the number of even digits."""

    heads: tuple[str, ...] = names(HEADS, "Output layers to train", "output layer")


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
        intervals_note("Wilson for success rates", "Student's t for shares and their differences"),
    ]


#: Pictures and their counts.
Pictures = tuple[Tensor, Tensor]


def train_head(
    config: DigitsParityConfig, head: str, task: EvenDigits, splits: Mapping[str, Pictures]
) -> Training:
    """One output layer, all seeds at once."""
    pictures, counts = splits["validation"]

    def build() -> torch_nn.Module:
        return Counter(task.size, HEADS[head]())

    def loss(model: torch_nn.Module, key: Tensor, _: dict[str, Tensor]) -> Tensor:
        shown, count = task.sample(config.batch, key)
        return (model(shown) - count).square().mean()

    @torch.no_grad()
    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        error = replicas.map(lambda model: (model(pictures) - counts).square().mean())
        return {"validation_error": error}

    def measure(trained: Trained) -> dict[str, Any]:
        def accuracy(split: str) -> Tensor:
            pictures, counts = splits[split]
            return trained.map(lambda model: task.solved(model(pictures), counts).double().mean())

        accurate = accuracy("interpolation")
        return {
            "solved": accurate >= ENOUGH,
            "validation_error": trained.history.at_best("validation_error"),
            "accuracy": accurate,
            "accuracy_more": accuracy("test"),
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    return Training(
        name=head,
        labels={
            "unit": head,
            "operation": "counting even digits",
            "range": f"up to {task.most} digits",
        },
        build=build,
        seeds=range(config.seeds),
        train=TrainConfig(
            loss=loss,
            optimizer=adam(LEARNING_RATE),
            lr_schedule=LinearDecay(config.steps),
            steps=config.steps,
            evaluate=evaluate,
            eval_every=config.eval_every,
            monitor="validation_error",
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )


@experiment(
    source="Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018), after Seguí et al., "
    "Learning to Count with Deep Object Features (arXiv 1505.08082, 2015)",
    laptop=DigitsParityConfig(steps=5_000, eval_every=500, batch=32),
    paper={"data": REQUIRED, "seeds": 10, "steps": 200_000, "eval_every": 2_000, "batch": 128},
    smoke={"heads": ("affine", "NAC"), "steps": 4, "eval_every": 2, "batch": 2},
    findings=findings,
    notes=notes,
    summary=summary,
)
def digits_parity(config: DigitsParityConfig) -> Iterator[Training]:
    task = EvenDigits(digits_of(config.data, config.device))
    splits = task.splits()
    for head in config.heads:
        yield train_head(config, head, task, splits)
