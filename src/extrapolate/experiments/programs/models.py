"""The networks that take part: a recurrent cell, alone or with an arithmetic unit that it controls."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.func import functional_call, vmap

from extrapolate import nn
from extrapolate.experiments.cells import LSTM, UGRNN
from extrapolate.tasks.programs import SYMBOLS

#: Numbers that a unit keeps beside the cell's state.
KEPT = 2

#: No number kept may be larger: the product of all of them and a value still is a float32.
LARGEST = 1e12

#: What a plain network takes and gives numbers in units of: those of the training reach it.
SCALE = 100.0


class Cell(Protocol):
    """A recurrent cell a step at a time; the first of its states (B, H) is its output."""

    from_input: torch_nn.Linear

    def start(self, given: Tensor) -> tuple[Tensor, ...]: ...

    def step(self, given: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]: ...


MakeCell = Callable[[int, int], torch_nn.Module]


class Plain(torch_nn.Module):
    """The cell reads symbols and values, and a linear layer on its last output answers: (T, B) twice to (B,)."""

    cell: Cell

    def __init__(self, cell: MakeCell, hidden: int) -> None:
        super().__init__()
        self.symbol = torch_nn.Embedding(len(SYMBOLS), hidden)
        self.cell = cell(hidden + 1, hidden)
        self.read_out = torch_nn.Linear(hidden, 1)

    def forward(self, symbols: Tensor, values: Tensor) -> Tensor:
        given = self.cell.from_input(torch.cat([self.symbol(symbols), values[..., None] / SCALE], -1))
        state = self.cell.start(given[0])
        for now in given.unbind(0):
            state = self.cell.step(now, state)
        return SCALE * self.read_out(state[0])[..., 0]


class Guided(torch_nn.Module):
    """The cell reads the symbols and sets the weights of a unit, which computes with the values: (T, B) twice to (B,).

    u' = unit(u, value) with the unit's parameters W + C h, where h is the cell's output for this symbol and tanh(u);
    the answer is the first of the last u. Numbers of any size go through the unit alone: the cell sees no
    value, and of u only tanh(u), which tells zero and signs at every size.
    """

    cell: Cell

    def __init__(self, cell: MakeCell, unit: Callable[[int, int], torch_nn.Module], hidden: int) -> None:
        super().__init__()
        self.symbol = torch_nn.Embedding(len(SYMBOLS), hidden)
        self.cell = cell(hidden + KEPT, hidden)
        self.unit = unit(KEPT + 1, KEPT)
        self.control = torch_nn.Linear(hidden, sum(p.numel() for p in self.unit.parameters()), bias=False)

    def forward(self, symbols: Tensor, values: Tensor) -> Tensor:
        said = self.symbol(symbols)
        kept = said.new_zeros(said.shape[1], KEPT)
        state = None
        for now, value in zip(said.unbind(0), values.unbind(0), strict=True):
            given = self.cell.from_input(torch.cat([now, torch.tanh(kept)], -1))
            state = self.cell.step(given, state or self.cell.start(given))
            kept = self._computed(state[0], torch.cat([kept, value[:, None]], -1))
        return kept[:, 0]

    def _computed(self, h: Tensor, x: Tensor) -> Tensor:
        """What the unit makes of x (B, K + 1) with the weights that h (B, H) sets, a weight matrix a program."""
        own = dict(self.unit.named_parameters())
        changes = self.control(h).split([each.numel() for each in own.values()], -1)
        weights = {
            name: value + change.unflatten(-1, value.shape)
            for (name, value), change in zip(own.items(), changes, strict=True)
        }
        computed = vmap(lambda weights, x: functional_call(self.unit, weights, (x,)))(weights, x)
        return computed.clamp(-LARGEST, LARGEST)


#: By name. A differentiable neural computer, the third of the published comparison, belongs here once there is one.
CELLS: dict[str, MakeCell] = {"LSTM": LSTM, "UGRNN": UGRNN}

UNITS: dict[str, Callable[[int, int], torch_nn.Module]] = {"NAC": nn.NAC, "NALU": nn.NALU}


@dataclass(frozen=True)
class Kind:
    """``unit``: the name of what the cell controls; None: the cell alone."""

    cell: str
    unit: str | None = None

    def build(self, hidden: int) -> torch_nn.Module:
        if self.unit is None:
            return Plain(CELLS[self.cell], hidden)
        return Guided(CELLS[self.cell], UNITS[self.unit], hidden)


#: Every cell alone, then with each unit, by name.
KINDS: dict[str, Kind] = {
    "-".join(filter(None, (cell, unit))): Kind(cell, unit) for cell in CELLS for unit in (None, *UNITS)
}
