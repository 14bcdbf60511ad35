"""Counting the even digits in a picture: a NAC as output layer, compared with an affine layer."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.experiments.digits._images import DigitConfig, adam, digits_of
from extrapolate.tasks import EvenDigits
from extrapolate.training import LinearDecay


class NACWithBias(nn.NAC):
    """A NAC with a bias, initially 0, for the ablation."""

    def __init__(self, in_features: int, out_features: int) -> None:
        super().__init__(in_features, out_features)
        self.bias = torch_nn.Parameter(torch.zeros(out_features))

    def forward(self, x: Tensor) -> Tensor:
        return super().forward(x) + self.bias


#: The output layers by name: free weights or tanh·σ, with or without a bias.
HEADS: dict[str, Callable[[int, int], torch_nn.Module]] = {
    "affine": torch_nn.Linear,
    "linear": partial(torch_nn.Linear, bias=False),
    "NAC": nn.NAC,
    "NAC-bias": NACWithBias,
}


def build_counter(size: int, head: str) -> torch_nn.Module:
    """Make the network that maps pictures (B, 1, size, size) to numbers (B,)."""
    last = HEADS[head](64, 1)
    return torch_nn.Sequential(nn.ConvEncoder(size, 64), torch_nn.ReLU(), last, torch_nn.Flatten(start_dim=0))


def findings(config: Any) -> Iterator[lab.Finding]:
    for id, one, other in (
        ("NAC/more-right-than-affine", "NAC", "affine"),
        # the ablation: output layers with one difference
        ("{one}-over-{other}/tanh-sigma", "NAC", "linear"),
        ("{one}-over-{other}/tanh-sigma", "NAC-bias", "affine"),
        ("{one}-over-{other}/no-bias", "NAC", "NAC-bias"),
        ("{one}-over-{other}/no-bias", "linear", "affine"),
    ):
        gain = lab.difference("accuracy", {"model": one}, {"model": other})
        yield lab.Finding(id, gain, {"one": one, "other": other})
    for head in ("affine", "NAC"):
        yield lab.Finding("{model}/accuracy", lab.mean("accuracy", model=head), {"model": head})


@dataclass(frozen=True, kw_only=True)
class DigitsParityConfig(DigitConfig):
    """Options of the counting of even digits: Adam, squared error of the number of even digits."""

    heads: tuple[str, ...] = lab.names(HEADS, "Output layers to train", "output layer")


def notes(config: DigitsParityConfig) -> list[str]:
    return [
        "Adam (second decay 0.99), learning rate 0.003, decreasing linearly to 0, squared error, "
        f"{config.batch} new pictures per step. Images: {config.data}; training, validation and test share no image.",
        "A picture has one to five digits in different cells of a 3 × 3 grid (published: anywhere on 100 × 100 "
        "pixels). Network: two 3 × 3 convolutions with stride 2 (8 and 16 channels), a linear layer to 64 features, "
        "ReLU, then the output layer: affine (free weights and a bias), linear (no bias), NAC (weights tanh·σ, no "
        "bias) or NAC-bias.",
        "500 pictures of validation images select the best step; 1,000 pictures of test images are the test set. "
        "Solved: at least 90% of the test pictures are counted correctly, after rounding.",
        lab.intervals_note("Wilson for success rates", "Student's t for shares and their differences"),
    ]


@lab.experiment(
    papers=["1808.00508", "1505.08082"],
    laptop=DigitsParityConfig(steps=5_000, eval_every=500, batch=32),
    paper={"data": lab.REQUIRED, "seeds": 10, "steps": 200_000, "eval_every": 2_000, "batch": 128},
    smoke={"heads": ("affine", "NAC"), "steps": 4, "eval_every": 2, "batch": 2},
    findings=findings,
    notes=notes,
    means=["accuracy", "accuracy_more"],  # on one to five digits, as in training, and on six to nine
)
def digits_parity(config: DigitsParityConfig) -> Iterator[lab.Training]:
    task = EvenDigits(digits_of(config.data, config.device))
    splits = task.splits()

    def error(model: torch_nn.Module, pictures: Tensor, counts: Tensor) -> Tensor:
        return (model(pictures) - counts).square().mean()

    def loss(model: torch_nn.Module, key: Tensor, _: Any) -> Tensor:
        return error(model, *task.sample(config.batch, key))

    def accuracy(split: str, model: torch_nn.Module) -> Tensor:
        pictures, counts = splits[split]
        return task.solved(model(pictures), counts).double().mean()

    def measure(trained: lab.Trained) -> dict[str, Any]:
        accurate = trained.vmap(partial(accuracy, "interpolation"))
        return {
            "solved": accurate >= 0.9,
            "validation_error": trained.history.at_best("validation_error"),
            "accuracy": accurate,
            "accuracy_more": trained.vmap(partial(accuracy, "test")),
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    metrics = {"validation_error": lambda model: error(model, *splits["validation"])}
    for head in config.heads:
        yield lab.Training(
            name=head,
            labels={"model": head, "task": "counting even digits", "split": f"up to {task.most} digits"},
            build=partial(build_counter, task.size, head),
            train=replace(config.train(loss, adam(3e-3), metrics), lr_schedule=LinearDecay(config.steps)),
            measure=measure,
            config=config,
        )
