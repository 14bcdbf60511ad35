"""The plan of a part whose models are not trained: what it does comes after."""

from typing import Any

import torch

from extrapolate.training.train_config import TrainConfig


def no_training() -> TrainConfig:
    """A plan of no steps."""

    def nothing(*_: Any) -> Any:
        raise AssertionError("nothing is trained")

    return TrainConfig(
        loss=nothing,
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.0),
        steps=0,
        evaluate=nothing,
        eval_every=1,
        monitor="",
        compile=False,
    )
