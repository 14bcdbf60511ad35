"""One noise on one range: all seeds trained at once."""

from extrapolate.experiments.arithmetic_dataset.models import Network
from extrapolate.experiments.arithmetic_dataset.part import ArithmeticDatasetPart
from extrapolate.experiments.noise_range.models import NETWORKS


class NoiseRangePart(ArithmeticDatasetPart):
    """The Arithmetic Dataset Task's part, with a network of these."""

    @property
    def setup(self) -> Network:
        return NETWORKS[self.network]
