"""Recurrent layers of elementary operations, which ``vmap`` can map: torch's own layers have no batching rule."""

import math

import torch
from torch import Tensor, nn


class _Recurrent(nn.Module):
    """A recurrent layer with weights V, b (``from_input``) and U (``from_state``), each of ``gates`` · H rows.

    All are initialized like torch's layers: uniform in (-r, r), r = 1/sqrt(H).
    """

    gates = 1

    def __init__(self, in_features: int, hidden: int) -> None:
        super().__init__()
        self.hidden = hidden
        self.from_input = nn.Linear(in_features, self.gates * hidden)
        self.from_state = nn.Linear(hidden, self.gates * hidden, bias=False)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -1 / math.sqrt(hidden), 1 / math.sqrt(hidden))

    def initial_state(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return h before the first step: zeros (B, H)."""
        return (x.new_zeros(*x.shape[:-1], self.hidden),)

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        """Return the state (h first) after one step; ``x`` is V x + b of that step, (B, gates · H)."""
        raise NotImplementedError

    def forward(self, x: Tensor) -> Tensor:
        return self.over(self.from_input(x))

    def over(self, x: Tensor) -> Tensor:
        """Return the outputs (T, B, H) for ``x`` = V x + b, (T, B, gates · H).

        A caller with few different inputs can compute V x + b once for each and look it up.
        """
        state = self.initial_state(x[0])
        outputs = []
        for now in x.unbind(0):
            state = self.step(now, state)
            outputs.append(state[0])
        return torch.stack(outputs)


class LSTM(_Recurrent):
    """One layer of long short-term memory: maps x (T, B, I) to outputs (T, B, H), starting from a zero state.

    i, f, o = σ(V x + U h + b); c' = f⊙c + i⊙tanh(V x + U h + b); h' = o⊙tanh(c'). Source: Hochreiter &
    Schmidhuber 1997, with the forget gate of Gers et al. 2000.
    """

    gates = 4

    def initial_state(self, x: Tensor) -> tuple[Tensor, ...]:
        """Return h and c before the first step: zeros (B, H)."""
        return super().initial_state(x) * 2

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        h, c = state
        gates, new = (x + self.from_state(h)).split((3 * self.hidden, self.hidden), -1)
        enter, keep, leave = torch.sigmoid(gates).chunk(3, -1)
        c = keep * c + enter * torch.tanh(new)
        return leave * torch.tanh(c), c


class GRU(_Recurrent):
    """One layer of gated recurrent units: maps x (T, B, I) to states (T, B, H), starting from zeros.

    r, z = σ(V x + U h + b); n = tanh(V x + b + r⊙(U h)); h' = (1 - z)⊙n + z⊙h. Source: Cho et al. 2014, in
    cuDNN's form.
    """

    gates = 3

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        (h,), width = state, 2 * self.hidden
        own = self.from_state(h)
        reset, keep = torch.sigmoid((x + own)[..., :width]).chunk(2, -1)
        new = torch.tanh(x[..., width:] + reset * own[..., width:])
        return ((1 - keep) * new + keep * h,)


class RNN(_Recurrent):
    """A simple recurrent layer: maps x (T, B, I) to states (T, B, H), starting from zeros.

    h' = tanh(V x + U h + b).
    """

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        return (torch.tanh(x + self.from_state(state[0])),)


class UGRNN(_Recurrent):
    """One layer of update-gate recurrent units: maps x (T, B, I) to states (T, B, H), starting from zeros.

    g = σ(V x + U h + b); h' = g⊙h + (1 - g)⊙tanh(V x + U h + b). Source: Collins, Sohl-Dickstein & Sussillo 2017.
    """

    gates = 2

    def step(self, x: Tensor, state: tuple[Tensor, ...]) -> tuple[Tensor, ...]:
        gate, new = (x + self.from_state(state[0])).chunk(2, -1)
        keep = torch.sigmoid(gate)
        return (keep * state[0] + (1 - keep) * torch.tanh(new),)
