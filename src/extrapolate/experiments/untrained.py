"""The plan of a part whose models are not trained: what it does comes after."""

from typing import Any

import torch

from extrapolate.training.plan import Plan


def no_training() -> Plan:
    """A plan of no steps."""

    def nothing(*_: Any) -> Any:
        raise AssertionError("nothing is trained")

    return Plan(
        loss=nothing,
        optimizer=lambda parameters: torch.optim.SGD(parameters, lr=0.0),
        steps=0,
        evaluate=nothing,
        evaluate_every=1,
        best_by="",
        compile=False,
    )
