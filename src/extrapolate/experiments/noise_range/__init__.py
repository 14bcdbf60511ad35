"""How much noise the stochastic NMU needs: the Arithmetic Dataset Task over its upper ends."""

from extrapolate.experiments.noise_range.experiment import NOISE_RANGE

__all__ = ["NOISE_RANGE"]
