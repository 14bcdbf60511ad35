"""The networks that take part: a NAU, then an NMU without noise, with noise U[1, high], or with batch noise."""

from functools import partial

from extrapolate import nn
from extrapolate.experiments.arithmetic_dataset.models import NETWORKS as DATASET_NETWORKS
from extrapolate.experiments.arithmetic_dataset.models import Network

#: The upper ends of the noise that are tried; 5 is the published one.
HIGHS = (1.1, 1.5, 2.0, 3.0, 5.0, 10.0, 20.0, 50.0, 100.0)

NO_NOISE, BATCH_NOISE = "NAU-NMU", "NAU-BatchStochasticNMU"


def with_noise(high: float) -> str:
    """The name of the network with noise U[1, high]."""
    return f"NAU-StochasticNMU-{high:g}"


NETWORKS: dict[str, Network] = {
    NO_NOISE: DATASET_NETWORKS[NO_NOISE],
    **{with_noise(high): Network(nn.NAU, partial(nn.StochasticNMU, high=high), True) for high in HIGHS},
    BATCH_NOISE: DATASET_NETWORKS[BATCH_NOISE],
}
