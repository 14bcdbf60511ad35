"""The convolutional encoder, by the name that experiments in their old form use."""

from extrapolate.experiments.digits._images import ConvEncoder as Eye

__all__ = ["Eye"]
