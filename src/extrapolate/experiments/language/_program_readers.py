"""Networks that read programs: a recurrent cell alone, or a cell that controls an arithmetic unit."""

from collections.abc import Callable

import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.func import functional_call, vmap

from extrapolate import nn
from extrapolate.experiments.cells import LSTM, UGRNN
from extrapolate.tasks.programs import SYMBOLS

#: Number of values in the memory of a unit, which is separate from the cell's state.
MEMORY = 3

#: Bound on these values: the product of all of them and an input value is still a float32.
LARGEST = 1e9

Make = Callable[[int, int], torch_nn.Module]
MakeCell = Callable[[int, int], LSTM | UGRNN]


class Plain(torch_nn.Module):
    """A cell that reads symbols and values, (T, B) each; a linear layer maps its last output to the answer (B,).

    Values and answers are scaled by ``limit``, the bound of the numbers in training.
    """

    def __init__(self, cell: MakeCell, hidden: int, limit: int) -> None:
        super().__init__()
        self.limit = float(limit)
        self.symbol = torch_nn.Embedding(len(SYMBOLS), hidden)
        self.cell = cell(hidden + 1, hidden)
        self.read_out = torch_nn.Linear(hidden, 1)

    def forward(self, symbols: Tensor, values: Tensor) -> Tensor:
        inputs = self.cell.from_input(torch.cat([self.symbol(symbols), values[..., None] / self.limit], -1))
        state = self.cell.initial_state(inputs[0])
        for now in inputs.unbind(0):
            state = self.cell.step(now, state)
        return self.limit * self.read_out(state[0])[..., 0]


class Guided(torch_nn.Module):
    """A cell that sets the weights of a unit with its own memory: maps symbols and values, (T, B) each, to (B,).

    u' = unit(u, value), where u is the memory and the unit has the parameters P + C h. h is the cell's output for
    the symbol and the flags of u. u starts at 1; the answer is the first value of the last u. As in a processor, the
    flags are the sign of a number and whether it is zero: s = tanh(3u), almost exactly -1, 0 or 1 at whole numbers,
    and 1 - s². The cell itself does not see large numbers.
    """

    def __init__(self, cell: MakeCell, build_layer: Make, hidden: int) -> None:
        super().__init__()
        self.symbol = torch_nn.Embedding(len(SYMBOLS), hidden)
        self.cell = cell(hidden + 2 * MEMORY, hidden)
        self.layer = build_layer(MEMORY + 1, MEMORY)
        self.control = torch_nn.Linear(hidden, sum(p.numel() for p in self.layer.parameters()), bias=False)
        torch_nn.init.uniform_(self.control.weight, -1, 1)  # from the start, different symbols set different weights

    def forward(self, symbols: Tensor, values: Tensor) -> Tensor:
        embedded = self.symbol(symbols)
        memory = embedded.new_ones(embedded.shape[1], MEMORY)
        state = None
        for now, value in zip(embedded, values, strict=True):
            sign = torch.tanh(3 * memory)
            inputs = self.cell.from_input(torch.cat([now, sign, 1 - sign.square()], -1))
            state = self.cell.step(inputs, state or self.cell.initial_state(inputs))
            memory = self._compute(state[0], torch.cat([memory, value[:, None]], -1))
        return memory[:, 0]

    def _compute(self, h: Tensor, x: Tensor) -> Tensor:
        """Return the unit's output for x (B, K + 1); h (B, H) sets its parameters separately for each program."""
        own = dict(self.layer.named_parameters())
        changes = self.control(h).split([each.numel() for each in own.values()], -1)
        parameters = {
            name: value + change.unflatten(-1, value.shape)
            for (name, value), change in zip(own.items(), changes, strict=True)
        }
        computed = vmap(lambda own, x: functional_call(self.layer, own, (x,)))(parameters, x)
        return computed.clamp(-LARGEST, LARGEST)


#: The cells by name. The published comparison also has a differentiable neural computer.
CELLS: dict[str, MakeCell] = {"LSTM": LSTM, "UGRNN": UGRNN}

UNITS: dict[str, Make] = {"NAC": nn.NAC, "NALU": nn.NALU}

#: The names of cell and unit, by the model's name: each cell alone, then with each unit.
READERS: dict[str, tuple[str, str | None]] = {
    "-".join(filter(None, (cell, unit))): (cell, unit) for cell in CELLS for unit in (None, *UNITS)
}


def build_reader(name: str, hidden: int, limit: int) -> Plain | Guided:
    cell, unit = READERS[name]
    if unit is None:
        return Plain(CELLS[cell], hidden, limit)
    return Guided(CELLS[cell], UNITS[unit], hidden)
