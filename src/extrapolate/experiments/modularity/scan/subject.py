"""A network that carries out the commands of SCAN, and the masks of its splits."""

from collections.abc import Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor

from extrapolate.experiments.modularity.scan.networks import KINDS, TOKENS, Kind
from extrapolate.experiments.modularity.scan.settings import ScanSettings
from extrapolate.experiments.modularity.sequences.examples import Examples
from extrapolate.experiments.modularity.sequences.network import EncoderDecoder, Tokens
from extrapolate.experiments.modularity.sequences.subject import Published, SequenceSubject
from extrapolate.experiments.modularity.subject import CONTROL, Stage
from extrapolate.experiments.modularity.tables import Line
from extrapolate.tasks.scan import SCAN_ACTIONS, Scan, ScanRow

if TYPE_CHECKING:
    from extrapolate.inspect import Mask
    from extrapolate.inspect.masks.batched import MaskedLosses

#: The split whose training commands are all kinds of commands.
ALL = "simple"

#: Splits whose training lacks a kind of command.
LACKING = ("length", "jump", "turn_left")

#: The mask whose output weights are looked at, and how the columns begin that hold what it removes of them.
JUMP, REMOVED = "jump", "removed "

_OUTPUTS = "read_out.weight"


@dataclass(frozen=True)
class ScanSubject(SequenceSubject):
    """A split is a function: what its training commands need."""

    settings: ScanSettings

    @property
    def kind(self) -> Kind:
        return KINDS[self.settings.network]

    @property
    def published(self) -> Published:
        return self.kind.published

    @property
    def tokens(self) -> Tokens:
        return TOKENS

    def about(self) -> dict[str, Any]:
        settings = self.settings
        sizes = {"width": settings.width, "layers": settings.layers}
        return {"model": self.kind.title, **sizes, "seed": self.seed}

    def build(self) -> EncoderDecoder:
        return self.kind.build(self.settings.width, self.settings.layers, self.settings.dropout)

    def losses(self) -> "type[MaskedLosses]":
        return self.kind.losses()

    def optimizer(self, parameters: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.settings.rate, fused=True)

    @property
    def trained(self) -> tuple[str, ...]:
        return (ALL,)

    @property
    def tested(self) -> tuple[str, ...]:
        return (ALL, *LACKING)

    @property
    def rounds(self) -> tuple[tuple[Stage, ...], ...]:
        return ((Stage(CONTROL, (ALL,)), *(Stage(each, (each,)) for each in LACKING)),)

    def training(self, functions: tuple[str, ...]) -> Examples:
        (split,) = functions
        return _examples(split, 0, self.settings.device)

    def test(self, function: str) -> Examples:
        return _examples(function, 1, self.settings.device)

    def range(self, function: str) -> str:
        return "commands that the split's training lacks"

    def compared(self) -> list[tuple[str, str]]:
        return [(CONTROL, each) for each in LACKING]

    def further(self, masks: "Mapping[str, Mask]") -> dict[str, Any]:
        """By token, the share of the control mask's output weights that the jump mask removes."""
        shares = removed(masks[CONTROL], masks[JUMP])
        return {REMOVED + token: share for token, share in shares.items()}

    def lines(self, masks: "Mapping[str, Mask]") -> list[Line]:
        shares = removed(masks[CONTROL], masks[JUMP])
        return [("removed", JUMP, token, share) for token, share in shares.items()]


def removed(control: "Mask", mask: "Mask") -> dict[str, float | None]:
    """By output token, the share of its output weights in ``control`` that are not in ``mask``; None of none."""
    before, after = control[_OUTPUTS], mask[_OUTPUTS]
    counts, lost = before.sum(1), (before & ~after).sum(1)
    # padding is no token that is ever said
    return {
        "end" if token == TOKENS.end else SCAN_ACTIONS[token]: (
            float(lost[token] / counts[token]) if counts[token] else None
        )
        for token in range(TOKENS.said)
        if token != TOKENS.pad
    }


@lru_cache(maxsize=16)
def _examples(split: str, part: int, device: str) -> Examples:
    """Commands of a split: 0 to train on, 1 to test."""
    rows: list[ScanRow] = Scan().split(split)[part]
    return Examples.of([Scan.encoded(rows)], TOKENS.asked_pad, TOKENS.pad, device)
