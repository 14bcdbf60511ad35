"""The networks one may choose from."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import TYPE_CHECKING

from extrapolate.experiments.modularity.sequences.network import EncoderDecoder, Tokens
from extrapolate.experiments.modularity.sequences.recurrent import RecurrentNetwork
from extrapolate.experiments.modularity.sequences.subject import Published
from extrapolate.experiments.modularity.sequences.transformer import Transformer
from extrapolate.experiments.modularity.settings import MASKS
from extrapolate.tasks.scan import SCAN_ACTIONS, SCAN_WORDS

if TYPE_CHECKING:
    from extrapolate.inspect.masks.batched import MaskedLosses

TOKENS = Tokens(
    asked=len(SCAN_WORDS),
    asked_pad=SCAN_WORDS.index(""),
    said=len(SCAN_ACTIONS),
    pad=SCAN_ACTIONS.index(""),
    end=SCAN_ACTIONS.index("."),
)

#: Published for the transformer.
HEADS = 4


@dataclass(frozen=True)
class Kind:
    """A network by name.

    Attributes:
        build: from width, layers and dropout.
        sizes: the options that give the published one.
        losses: gives what computes the losses of a batch under several masks.
        heads: of attention, which share the width.
    """

    title: str
    build: Callable[[int, int, float], EncoderDecoder]
    published: Published
    sizes: str
    losses: "Callable[[], type[MaskedLosses]]"
    heads: int = 1


def _recurrent(width: int, layers: int, dropout: float) -> EncoderDecoder:
    return RecurrentNetwork(TOKENS, width, layers, dropout)


def _transformer(width: int, layers: int, dropout: float) -> EncoderDecoder:
    return Transformer(TOKENS, width, HEADS, 2 * width, layers, dropout)


def _looped() -> "type[MaskedLosses]":
    """For torch's LSTM, which cannot be mapped over masks."""
    from extrapolate.inspect.masks.batched import LoopedLosses  # brings sympy with it

    return LoopedLosses


def _mapped() -> "type[MaskedLosses]":
    from extrapolate.inspect.masks.batched import MaskedLosses

    return MaskedLosses


KINDS: dict[str, Kind] = {
    "lstm": Kind(
        "LSTM",
        _recurrent,
        Published(batch=256, masks=MASKS, clip=5.0, told=0.5),
        "--width 200 --layers 2 --dropout 0.5 --strength 3e-5",
        _looped,
    ),
    "transformer": Kind(
        "transformer",
        _transformer,
        Published(batch=256, masks=MASKS, clip=5.0, told=1.0),
        "--width 100 --layers 3 --dropout 0.1 --strength 6e-4",
        _mapped,
        HEADS,
    ),
}
