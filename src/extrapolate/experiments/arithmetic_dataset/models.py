"""The networks that take part: an additive layer of two outputs, then a multiplicative one."""

from collections.abc import Callable
from dataclasses import dataclass

from torch import nn as torch_nn

from extrapolate import nn

Layer = Callable[[int, int], torch_nn.Module]


@dataclass(frozen=True)
class Network:
    """``penalised``: trained with the published sparsity penalty on both layers; NAC and NALU have none."""

    additive: Layer
    multiplicative: Layer
    penalised: bool

    def build(self, in_features: int) -> torch_nn.Module:
        """(..., in_features) to (..., 1)."""
        return torch_nn.Sequential(self.additive(in_features, 2), self.multiplicative(2, 1))


NETWORKS: dict[str, Network] = {
    "NAU-NMU": Network(nn.NAU, nn.NMU, True),
    "NAU-StochasticNMU": Network(nn.NAU, nn.StochasticNMU, True),
    "NAU-BatchStochasticNMU": Network(nn.NAU, nn.BatchStochasticNMU, True),
    "NAC-NACMul": Network(nn.NAC, nn.NACMul, False),
    "NALU-NALU": Network(nn.NALU, nn.NALU, False),
}
