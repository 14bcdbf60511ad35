"""All arithmetic units by name, with parameters away from kinks, and valid inputs."""

from collections.abc import Callable
from functools import partial
from typing import TypeVar

import numpy as np
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.nn.contract import boxes, key_names

Module = TypeVar("Module", bound=torch_nn.Module)

ACCUMULATORS: list[Callable[..., torch_nn.Module]] = [
    nn.NAC,
    nn.NACMul,
    nn.NALU,
    nn.GNALU,
    nn.IndependentNALU,
]
POWERS = [nn.NPU, nn.RealNPU, nn.ModifiedRealNPU, nn.NRU, nn.NRUSeparateSign, nn.NMRU, nn.GatedNMRU]
CHARGES = [nn.MCFC, nn.MulMCFC, nn.MulMCFCSignINALU, nn.MulMCFCSignRealNPU]
NMUS = [nn.NMU, nn.StochasticNMU, nn.BatchStochasticNMU]
UNITS = {unit.__name__: unit for unit in [*ACCUMULATORS, *POWERS, *CHARGES, *NMUS, nn.INALU, nn.MNAC, nn.NAU]}
UNITS["MLP"] = partial(nn.MLP, hidden_features=7)
NOISY = ["StochasticNMU", "BatchStochasticNMU"]


def built(name: str, in_features: int = 3, out_features: int = 2, seed: int = 0) -> torch_nn.Module:
    """Return a float64 unit with random parameters inside their boxes, away from kinks; noise comes from a key."""
    unit = UNITS[name](in_features, out_features, dtype=torch.float64)
    positive = {name for name, (low, _) in boxes(unit) if low == 0.0} | {"gate"}
    generator = torch.Generator().manual_seed(seed)
    with torch.no_grad():
        for name, parameter in unit.named_parameters():
            sign = torch.randint(0, 2, parameter.shape, generator=generator) * 2 - 1
            magnitude = 0.1 + 0.3 * torch.rand(parameter.shape, generator=generator, dtype=torch.float64)
            parameter.copy_(magnitude if name in positive else sign * magnitude)
    if key_names(unit):
        unit.key = torch.tensor([seed, 1, 0])
    return unit


def inputs(name: str, *shape: int) -> Tensor:
    """Sample float64 numbers of magnitude 0.5 to 3, of both signs if the unit supports negative inputs."""
    magnitude = 0.5 + 2.5 * torch.rand(shape, dtype=torch.float64)
    return magnitude if name == "MulMCFC" else magnitude * (torch.randint(0, 2, shape) * 2 - 1)


def set_(module: Module, **parameters: float | list[float] | list[list[float]] | Tensor) -> Module:
    """Set parameters by name, with '__' for '.'; a single number fills the parameter."""
    with torch.no_grad():
        for name, value in parameters.items():
            parameter = module.get_parameter(name.replace("__", "."))
            parameter.copy_(torch.as_tensor(value, dtype=parameter.dtype).expand_as(parameter))
    return module


def values(module: torch_nn.Module) -> dict[str, np.ndarray]:
    """Return the parameters by name, in float64."""
    return {name: value.detach().cpu().double().numpy() for name, value in module.named_parameters()}
