"""The units that take part, each with its published training setting."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.single_module import recipes
from extrapolate.experiments.single_module.recipes import Recipe


@dataclass(frozen=True)
class UnitSetup:
    """How a unit is made (from the number of inputs), which operations it can represent, how it is trained."""

    build: Callable[[int], torch_nn.Module]
    operations: frozenset[str]
    recipe: Recipe


def _unit(
    unit: Callable[[int, int], torch_nn.Module], operations: frozenset[str], recipe: Recipe
) -> UnitSetup:
    return UnitSetup(lambda in_features: unit(in_features, 1), operations, recipe)


UNITS: dict[str, UnitSetup] = {
    "NAC": _unit(nn.NAC, nn.NAC.operations, recipes.PLAIN),
    "NAU": _unit(nn.NAU, nn.NAU.operations, recipes.ADDITION),
    "MCFC": _unit(nn.MCFC, nn.MCFC.operations, recipes.MULTIPLICATION),
    "NMU": _unit(nn.NMU, nn.NMU.operations, recipes.MULTIPLICATION),
    "StochasticNMU": _unit(nn.StochasticNMU, nn.StochasticNMU.operations, recipes.MULTIPLICATION),
    "BatchStochasticNMU": _unit(
        nn.BatchStochasticNMU, nn.BatchStochasticNMU.operations, recipes.MULTIPLICATION
    ),
    "MNAC": _unit(nn.MNAC, nn.MNAC.operations, recipes.PLAIN),
    "MulMCFC": _unit(nn.MulMCFC, nn.MulMCFC.operations, recipes.MULTIPLICATION),
    "MulMCFCSignINALU": _unit(nn.MulMCFCSignINALU, nn.MulMCFCSignINALU.operations, recipes.MULTIPLICATION),
    "MulMCFCSignRealNPU": _unit(
        nn.MulMCFCSignRealNPU, nn.MulMCFCSignRealNPU.operations, recipes.MULTIPLICATION
    ),
    "NACMul": _unit(nn.NACMul, nn.NACMul.operations, recipes.PLAIN),
    "NPU": _unit(nn.NPU, nn.NPU.operations, recipes.POWER),
    "RealNPU": _unit(nn.RealNPU, nn.RealNPU.operations, recipes.POWER),
    "ModifiedRealNPU": _unit(nn.ModifiedRealNPU, nn.ModifiedRealNPU.operations, recipes.MODIFIED_POWER),
    "NRU": _unit(nn.NRU, nn.NRU.operations, recipes.RECIPROCAL),
    "NRUSeparateSign": _unit(nn.NRUSeparateSign, nn.NRUSeparateSign.operations, recipes.RECIPROCAL),
    "NMRU": _unit(nn.NMRU, nn.NMRU.operations, recipes.RECIPROCAL_INPUTS),
    "GatedNMRU": _unit(nn.GatedNMRU, nn.GatedNMRU.operations, recipes.RECIPROCAL_INPUTS),
    "NALU": _unit(nn.NALU, nn.NALU.operations, recipes.PLAIN),
    "IndependentNALU": _unit(nn.IndependentNALU, nn.IndependentNALU.operations, recipes.PLAIN),
    "GNALU": _unit(nn.GNALU, nn.GNALU.operations, recipes.PLAIN),
    "INALU": _unit(nn.INALU, nn.INALU.operations, recipes.IMPROVED_NALU),
    "Linear": _unit(torch_nn.Linear, frozenset({"add", "sub"}), recipes.PLAIN),
    "MLP": _unit(nn.MLP, nn.MLP.operations, recipes.PLAIN),
}
