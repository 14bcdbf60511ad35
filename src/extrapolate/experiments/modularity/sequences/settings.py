"""What a person may choose of networks from sequences to sequences."""

from dataclasses import dataclass

from extrapolate.errors import UserError
from extrapolate.experiments.common_options import rate_option, share_option
from extrapolate.experiments.modularity.settings import MaskSettings
from extrapolate.experiments.options import at_least, option


@dataclass(frozen=True, kw_only=True)
class SequenceSettings(MaskSettings):
    """Rates are constant; the other things about Adam are the experiment's."""

    width: int = option("Width of the network's layers.", at_least(1))
    layers: int = option("Layers of the encoder, and as many of the decoder.", at_least(1))
    dropout: float = share_option("Share of numbers dropped while the weights are trained.")
    rate: float = rate_option("Learning rate of the weights.")
    mask_rate: float = rate_option("Learning rate of the masks.")
    examined: int = option("Test examples of each set that are asked, at most.", at_least(1))


def check_heads(width: int, heads: int) -> None:
    """Raises a UserError if so many heads cannot share a width."""
    if width % heads:
        raise UserError(f"--width: {width} cannot be shared by {heads} heads: give a multiple of {heads}")


def networks(settings: SequenceSettings, kind: str, functions: int = 1) -> str:
    """How many of what, in words; ``functions``: each has networks of its own."""
    count = settings.seeds * functions
    depth = f"{settings.layers} layer{'s' if settings.layers > 1 else ''}"
    return f"{count} {kind}{'s' if count > 1 else ''} of {depth}, width {settings.width}"
