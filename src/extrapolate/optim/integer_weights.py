"""Convert integer weights to tensors for a safetensors file, and those to floats."""

from collections.abc import Mapping

import torch
from torch import Tensor

from extrapolate.optim import _codes
from extrapolate.optim.integer_madam import IntegerMadam


def integer_weights(optimizer: IntegerMadam) -> dict[str, Tensor]:
    """Return the integer weights of an :class:`IntegerMadam`, with the parameters' names in the keys.

    For a parameter named ``w``: ``w.codes`` (uint8, packed), ``w.bound`` (float32), and ``w.shape``, ``w.bits`` and
    ``w.base``, which are needed to decode them. Parameters without names are named by their index, from 0.

        safetensors.torch.save_file(integer_weights(optimizer), "weights.safetensors")
        model.load_state_dict(float_weights(safetensors.torch.load_file("weights.safetensors")), strict=False)
    """
    tensors = {}
    for index, (name, parameter, group, state) in enumerate(optimizer.begun()):
        fields = {
            "codes": state["codes"].clone(),
            "bound": state["bound"].clone(),
            "shape": torch.tensor(parameter.shape, dtype=torch.int64),
            "bits": torch.tensor(group["bits"]),
            "base": torch.tensor(_codes.base_for(group["span"], group["bits"]), dtype=torch.float64),
        }
        tensors |= {f"{name or index}.{field}": value for field, value in fields.items()}
    return tensors


def float_weights(tensors: Mapping[str, Tensor]) -> dict[str, Tensor]:
    """Return the float32 values of :func:`integer_weights`, a tensor for each parameter's name.

    Raises:
        ValueError: a tensor of a parameter is missing.
    """
    weights = {}
    for name in [key.removesuffix(".codes") for key in tensors if key.endswith(".codes")]:
        missing = [each for each in ("bound", "shape", "bits", "base") if f"{name}.{each}" not in tensors]
        if missing:
            raise ValueError(f"the integer weights of {name!r} lack {', '.join(missing)}")
        packed, bound = tensors[f"{name}.codes"], tensors[f"{name}.bound"]
        base, bits = float(tensors[f"{name}.base"]), int(tensors[f"{name}.bits"])
        weights[name] = _codes.unpack_floats(packed, bound, base, bits, tensors[f"{name}.shape"].tolist())
    return weights
