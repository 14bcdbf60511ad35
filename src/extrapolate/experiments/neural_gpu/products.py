"""The type of the numbers that a cell multiplies in training."""

from collections.abc import Mapping
from typing import Any

import torch

#: Capabilities of processors that multiply bfloat16 numbers themselves; on others it is far slower than float32.
NATIVE = ("avx512_bf16", "amx_bf16")

#: By name, the types that may be chosen; and what a person may say.
TYPES = {"float32": torch.float32, "bfloat16": torch.bfloat16}
PRODUCTS = ("auto", *TYPES)


def product_type(name: str, device: str, capabilities: Mapping[str, Any] | None = None) -> torch.dtype:
    """The type of this ``name``; ``auto``: bfloat16 where the device multiplies it itself, float32 elsewhere.

    ``capabilities``: of the processor, in place of this one's (:func:`torch.cpu.get_capabilities`).
    """
    if name in TYPES:
        return TYPES[name]
    own = torch.cpu.get_capabilities() if capabilities is None else capabilities
    native = device != "cpu" or any(own.get(each, False) for each in NATIVE)
    return torch.bfloat16 if native else torch.float32
