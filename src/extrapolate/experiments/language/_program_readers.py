"""Networks that read programs: a recurrent cell, alone or with an arithmetic unit that it controls."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.func import functional_call, vmap

from extrapolate import nn
from extrapolate.experiments.cells import LSTM, UGRNN
from extrapolate.tasks.programs import SYMBOLS

#: Number of values that a unit keeps beside the cell's state.
KEPT = 3

#: Bound on these values: the product of all of them and a number read is still a float32.
LARGEST = 1e9

Make = Callable[[int, int], torch_nn.Module]
MakeCell = Callable[[int, int], LSTM | UGRNN]


class Plain(torch_nn.Module):
    """The cell reads symbols and values, and a linear layer on its last output answers: (T, B) twice to (B,).

    Its numbers are in units of ``limit``, the bound of those in training.
    """

    def __init__(self, cell: MakeCell, hidden: int, limit: int) -> None:
        super().__init__()
        self.limit = float(limit)
        self.symbol = torch_nn.Embedding(len(SYMBOLS), hidden)
        self.cell = cell(hidden + 1, hidden)
        self.read_out = torch_nn.Linear(hidden, 1)

    def forward(self, symbols: Tensor, values: Tensor) -> Tensor:
        given = self.cell.from_input(torch.cat([self.symbol(symbols), values[..., None] / self.limit], -1))
        state = self.cell.initial_state(given[0])
        for now in given.unbind(0):
            state = self.cell.step(now, state)
        return self.limit * self.read_out(state[0])[..., 0]


class Guided(torch_nn.Module):
    """The cell reads symbols and sets the weights of a unit, which computes with values: (T, B) twice to (B,).

    u' = unit(u, value) with parameters P + C h of the unit, h the cell's output for this symbol and the flags of u.
    The answer is the first value of the last u; u starts at 1. As in a processor, the flags are a number's sign and
    whether it is zero: s = tanh(3u), almost exactly -1, 0 or 1 at whole numbers, and 1 - s². Large numbers pass
    through the unit only.
    """

    def __init__(self, cell: MakeCell, build_layer: Make, hidden: int) -> None:
        super().__init__()
        self.symbol = torch_nn.Embedding(len(SYMBOLS), hidden)
        self.cell = cell(hidden + 2 * KEPT, hidden)
        self.layer = build_layer(KEPT + 1, KEPT)
        self.control = torch_nn.Linear(hidden, sum(p.numel() for p in self.layer.parameters()), bias=False)
        torch_nn.init.uniform_(self.control.weight, -1, 1)  # each symbol sets other weights from the start

    def forward(self, symbols: Tensor, values: Tensor) -> Tensor:
        embedded = self.symbol(symbols)
        kept = embedded.new_ones(embedded.shape[1], KEPT)
        state = None
        for now, value in zip(embedded, values, strict=True):
            sign = torch.tanh(3 * kept)
            given = self.cell.from_input(torch.cat([now, sign, 1 - sign.square()], -1))
            state = self.cell.step(given, state or self.cell.initial_state(given))
            kept = self._compute(state[0], torch.cat([kept, value[:, None]], -1))
        return kept[:, 0]

    def _compute(self, h: Tensor, x: Tensor) -> Tensor:
        """The unit of x (B, K + 1), with parameters of each program's own, which h (B, H) sets."""
        own = dict(self.layer.named_parameters())
        changes = self.control(h).split([each.numel() for each in own.values()], -1)
        parameters = {
            name: value + change.unflatten(-1, value.shape)
            for (name, value), change in zip(own.items(), changes, strict=True)
        }
        computed = vmap(lambda own, x: functional_call(self.layer, own, (x,)))(parameters, x)
        return computed.clamp(-LARGEST, LARGEST)


#: By name. The published comparison has a differentiable neural computer too.
CELLS: dict[str, MakeCell] = {"LSTM": LSTM, "UGRNN": UGRNN}

UNITS: dict[str, Make] = {"NAC": nn.NAC, "NALU": nn.NALU}

#: Every cell alone, then with each unit, by name of the model: the names of both.
READERS: dict[str, tuple[str, str | None]] = {
    "-".join(filter(None, (cell, unit))): (cell, unit) for cell in CELLS for unit in (None, *UNITS)
}


def build_reader(name: str, hidden: int, limit: int) -> Plain | Guided:
    cell, unit = READERS[name]
    if unit is None:
        return Plain(CELLS[cell], hidden, limit)
    return Guided(CELLS[cell], UNITS[unit], hidden)
