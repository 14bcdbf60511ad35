"""Save and restore learned values together with their Adam state, as tensors by name."""

from collections.abc import Mapping

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError

#: Adam's state for each tensor.
SLOTS = ("step", "exp_avg", "exp_avg_sq")


def save(kind: str, values: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Return copies of the values as ``kind/name``, and of Adam's state for each as ``slot/name``."""
    state = {}
    for name, value in values.items():
        state[f"{kind}/{name}"] = value.detach().clone()
        slots = optimizer.state.get(value, {})
        state |= {f"{slot}/{name}": tensor.clone() for slot, tensor in slots.items()}
    return state


@torch.no_grad()
def put_back(
    kind: str,
    values: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Tensor],
    whose: str,
) -> None:
    """Load, in place, what :func:`save` returned.

    Raises:
        UserError: a value is missing, or has another shape.
    """
    for name, value in values.items():
        found = state.get(f"{kind}/{name}")
        if found is None or found.shape != value.shape:
            raise UserError(f"{whose}: the saved state does not fit the module's {name!r}")
        value.copy_(found)
        slots = {slot: state[f"{slot}/{name}"] for slot in SLOTS if f"{slot}/{name}" in state}
        optimizer.state[value] = {slot: tensor.clone() for slot, tensor in slots.items()}
