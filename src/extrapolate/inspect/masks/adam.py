"""What is learned and what Adam keeps of it, to and from a state: names to tensors."""

from collections.abc import Mapping

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError

#: What Adam keeps of each tensor.
SLOTS = ("step", "exp_avg", "exp_avg_sq")


def save(kind: str, values: Mapping[str, Tensor], optimizer: torch.optim.Optimizer) -> dict[str, Tensor]:
    """Copies of the values, under names that begin with their ``kind``, and of what Adam keeps of each."""
    state = {}
    for name, value in values.items():
        state[f"{kind}/{name}"] = value.detach().clone()
        slots = optimizer.state.get(value, {})
        state |= {f"{slot}/{name}": kept.clone() for slot, kept in slots.items()}
    return state


@torch.no_grad()
def put_back(
    kind: str,
    values: Mapping[str, Tensor],
    optimizer: torch.optim.Optimizer,
    state: Mapping[str, Tensor],
    whose: str,
) -> None:
    """Takes over what :func:`saved` gave, in place.

    Raises:
        UserError: a value is not there, or has another shape.
    """
    for name, value in values.items():
        found = state.get(f"{kind}/{name}")
        if found is None or found.shape != value.shape:
            raise UserError(f"{whose}: the saved state does not fit the module's {name!r}")
        value.copy_(found)
        slots = {slot: state[f"{slot}/{name}"] for slot in SLOTS if f"{slot}/{name}" in state}
        optimizer.state[value] = {slot: kept.clone() for slot, kept in slots.items()}
