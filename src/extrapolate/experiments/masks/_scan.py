"""SCAN: the networks that carry out its commands, and its splits as the functions of masks."""

from collections.abc import Callable
from dataclasses import dataclass
from functools import lru_cache, partial

from extrapolate.experiments.masks._config import MASKS
from extrapolate.experiments.masks._encoder_decoder import (
    EncoderDecoder,
    RecurrentNetwork,
    Tokens,
    Transformer,
)
from extrapolate.experiments.masks._sequences import Examples, Published, SequenceTask
from extrapolate.inspect.masks.batched import LoopedLosses, MaskedLosses
from extrapolate.tasks.scan import SCAN_ACTIONS, SCAN_WORDS, Scan

TOKENS = Tokens(
    source=len(SCAN_WORDS),
    source_pad=SCAN_WORDS.index(""),
    target=len(SCAN_ACTIONS),
    pad=SCAN_ACTIONS.index(""),
    end=SCAN_ACTIONS.index("."),
)

#: The split whose training commands are of all kinds, and those whose training lacks a kind of command.
ALL, LACKING = "simple", ("length", "jump", "turn_left")

#: Of the transformer's attention, as published.
HEADS = 4


@dataclass(frozen=True)
class Network:
    """A kind of network.

    Args:
        build: makes one of a width, a number of layers and a dropout.
        sizes: the options that give the published one.
        losses: computes the losses of a batch under several masks.
        heads: of attention, which share the width.
    """

    title: str
    build: Callable[[int, int, float], EncoderDecoder]
    published: Published
    sizes: str
    losses: type[MaskedLosses]
    heads: int = 1


def _transformer(width: int, layers: int, dropout: float) -> EncoderDecoder:
    return Transformer(TOKENS, width, HEADS, 2 * width, layers, dropout)


NETWORKS: dict[str, Network] = {
    "lstm": Network(
        "LSTM",
        partial(RecurrentNetwork, TOKENS),
        Published(batch=256, masks=MASKS, clip=5.0, teacher_forcing=0.5),
        "--width 200 --layers 2 --dropout 0.5 --strength 3e-5",
        LoopedLosses,  # torch's LSTM cannot be mapped over masks
    ),
    "transformer": Network(
        "transformer",
        _transformer,
        Published(batch=256, masks=MASKS, clip=5.0, teacher_forcing=1.0),
        "--width 100 --layers 3 --dropout 0.1 --strength 6e-4",
        MaskedLosses,
        HEADS,
    ),
}


@lru_cache(maxsize=16)
def split_examples(split: str, part: int, device: str) -> Examples:
    """Commands of a split: 0 to train on, 1 to test."""
    return Examples.join([Scan.encoded(Scan().split(split)[part])], TOKENS.source_pad, TOKENS.pad, device)


def scan_task(device: str) -> SequenceTask:
    """A split is a function: what its training commands need."""

    def training(splits: tuple[str, ...]) -> Examples:
        (split,) = splits
        return split_examples(split, 0, device)

    return SequenceTask(
        training=training,
        test=lambda split: split_examples(split, 1, device),
        trained=(ALL,),
        tested=(ALL, *LACKING),
        pad=TOKENS.pad,
        range="commands that the split's training lacks",
    )
