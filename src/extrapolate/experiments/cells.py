"""Recurrent layers in plain operations, which ``vmap`` can map: torch's own have no batching rule."""

import math

import torch
from torch import Tensor, nn
from torch.nn import functional as F


def _uniform_(layer: nn.Module, hidden: int) -> None:
    """Torch's start for its recurrent layers: U(-r, r), r = 1/sqrt(hidden)."""
    for parameter in layer.parameters():
        nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))


class LSTM(nn.Module):
    """Long short-term memory, one layer: x (T, B, I) to its outputs (T, B, H), from a state of zeros.

    i, f, o = σ(V x + U h + b); c' = f⊙c + i⊙tanh(V x + U h + b); h' = o⊙tanh(c'). Source: Hochreiter &
    Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    """

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(in_features, 4 * hidden)
        self.from_state = nn.Linear(hidden, 4 * hidden, bias=False)
        _uniform_(self, hidden)

    def forward(self, x: Tensor) -> Tensor:
        return self.over(self.from_input(x))

    def over(self, given: Tensor) -> Tensor:
        """The outputs for ``given`` = V x + b, (T, B, 4H): what few different inputs share is looked up there."""
        state = self.start(given[0])
        outputs = []
        for now in given.unbind(0):
            state = self.step(now, state)
            outputs.append(state[0])
        return torch.stack(outputs)

    def start(self, given: Tensor) -> tuple[Tensor, ...]:
        """h and c before the first step, (B, H) of zeros."""
        h = given.new_zeros(*given.shape[:-1], self.hidden)
        return h, h

    def step(self, given: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """h and c after the step that is ``given`` V x + b, (B, 4H)."""
        h, c = state
        gates, new = (given + self.from_state(h)).split((3 * self.hidden, self.hidden), -1)
        enter, keep, leave = torch.sigmoid(gates).chunk(3, -1)
        c = keep * c + enter * torch.tanh(new)
        return leave * torch.tanh(c), c


class GRU(nn.Module):
    """Gated recurrent unit, one layer: x (T, B, I) to its states (T, B, H), from zeros.

    r, z = σ(V x + U h + b); n = tanh(V x + b + r⊙(U h)); h' = (1 - z)⊙n + z⊙h. Source: Cho et al. 2014, in
    cuDNN's form.
    """

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(in_features, 3 * hidden)
        self.from_state = nn.Linear(hidden, 3 * hidden, bias=False)
        _uniform_(self, hidden)

    def forward(self, x: Tensor) -> Tensor:
        given = self.from_input(x)
        h = x.new_zeros(x.shape[1], self.hidden)
        outputs = []
        for now in given.unbind(0):
            own = self.from_state(h)
            reset, keep = torch.sigmoid((now + own)[..., : 2 * self.hidden]).chunk(2, -1)
            new = torch.tanh(now[..., 2 * self.hidden :] + reset * own[..., 2 * self.hidden :])
            h = (1 - keep) * new + keep * h
            outputs.append(h)
        return torch.stack(outputs)


class RNN(nn.Module):
    """A plain recurrent layer: x (T, B, I) to its states (T, B, H), h' = tanh(V x + U h + b), from zeros."""

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(in_features, hidden)
        self.from_state = nn.Linear(hidden, hidden, bias=False)
        _uniform_(self, hidden)

    def forward(self, x: Tensor) -> Tensor:
        h = x.new_zeros(x.shape[1], self.hidden)
        outputs = []
        for now in self.from_input(x).unbind(0):
            h = torch.tanh(now + F.linear(h, self.from_state.weight))
            outputs.append(h)
        return torch.stack(outputs)


class UGRNN(nn.Module):
    """Update-gate recurrent unit, one layer, a step at a time; its state is its output h (B, H), zeros at first.

    g = σ(V x + U h + b); h' = g⊙h + (1 - g)⊙tanh(V x + U h + b). Source: Collins, Sohl-Dickstein & Sussillo 2017.
    """

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(in_features, 2 * hidden)
        self.from_state = nn.Linear(hidden, 2 * hidden, bias=False)
        _uniform_(self, hidden)

    def start(self, given: Tensor) -> tuple[Tensor, ...]:
        """h before the first step, (B, H) of zeros."""
        return (given.new_zeros(*given.shape[:-1], self.hidden),)

    def step(self, given: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """h after the step that is ``given`` V x + b, (B, 2H)."""
        (h,) = state
        gate, new = (given + self.from_state(h)).chunk(2, -1)
        keep = torch.sigmoid(gate)
        return (keep * h + (1 - keep) * torch.tanh(new),)
