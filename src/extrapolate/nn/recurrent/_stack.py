"""Base class of stacked recurrent cells: torch's constructor, call and parameters, in operations ``vmap`` can map."""

import math
import warnings
from abc import abstractmethod
from typing import ClassVar, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence

from extrapolate._runtime.errors import UserError

#: The state of one layer in one direction: the output h, then the cell's other state tensors; each (B, size).
State = tuple[Tensor, ...]

#: torch's constructor arguments after the two sizes, in the order of ``repr``, with their defaults.
OPTIONS = {
    "proj_size": 0,
    "num_layers": 1,
    "bias": True,
    "batch_first": False,
    "dropout": 0.0,
    "bidirectional": False,
}


class Weights(NamedTuple):
    """Parameters of one layer in one direction, in torch's order; None for parameters that it does not have."""

    weight_ih: Tensor
    weight_hh: Tensor
    bias_ih: Tensor | None
    bias_hh: Tensor | None
    weight_hr: Tensor | None


class RecurrentStack(nn.Module):
    """Base class of a stack of recurrent layers: constructor, call and shapes of :class:`extrapolate.nn.GRU`.

    A subclass defines ``gates`` and ``step``.
    """

    #: Rows of a weight matrix per hidden unit.
    gates: ClassVar[int]

    #: Size of h if it is a projection of the cell's output (LSTM only), else 0.
    proj_size: int = 0

    def __init__(
        self,
        input_size: int,
        hidden_size: int,
        num_layers: int = 1,
        bias: bool = True,
        batch_first: bool = False,
        dropout: float = 0.0,
        bidirectional: bool = False,
        device: torch.device | str | None = None,
        dtype: torch.dtype | None = None,
    ) -> None:
        super().__init__()
        if min(input_size, hidden_size, num_layers) < 1:
            sizes = f"input_size={input_size}, hidden_size={hidden_size} and num_layers={num_layers}"
            raise UserError(f"{sizes} must be 1 or more")
        if not 0.0 <= dropout <= 1.0:
            raise UserError(f"dropout must be a probability from 0 to 1, got {dropout}")
        if not 0 <= self.proj_size < hidden_size:
            raise UserError(f"proj_size must be from 0 to hidden_size - 1 = {hidden_size - 1}, got {self.proj_size}")
        if dropout and num_layers == 1:
            warnings.warn("dropout acts only between layers: it has no effect with num_layers=1", stacklevel=2)
        self.input_size, self.hidden_size, self.num_layers = input_size, hidden_size, num_layers
        self.bias, self.batch_first, self.bidirectional = bias, batch_first, bidirectional
        self.dropout = float(dropout)
        self.directions = 2 if bidirectional else 1
        for index in range(num_layers * self.directions):
            width = input_size if index < self.directions else self.directions * self.output_size
            for name, shape in zip(self._names(index), self._shapes(width), strict=True):
                parameter = nn.Parameter(torch.empty(shape, device=device, dtype=dtype)) if shape else None
                self.register_parameter(name, parameter)
        self.reset_parameters()

    @property
    def output_size(self) -> int:
        """The size of h, the output of one direction."""
        return self.proj_size or self.hidden_size

    @property
    def state_sizes(self) -> tuple[int, ...]:
        """The sizes of the tensors in a state; the first is h."""
        return (self.output_size,)

    def _names(self, index: int) -> list[str]:
        """Return the parameter names of one layer and direction, in the order of ``Weights``."""
        layer, direction = divmod(index, self.directions)
        return [f"{field}_l{layer}{'_reverse' if direction else ''}" for field in Weights._fields]

    def _shapes(self, input_size: int) -> list[tuple[int, ...] | None]:
        """Return the shapes of one layer's parameters, in the order of ``Weights``; None if it has no such one."""
        rows = self.gates * self.hidden_size
        bias = (rows,) if self.bias else None
        projection = (self.proj_size, self.hidden_size) if self.proj_size else None
        return [(rows, input_size), (rows, self.output_size), bias, bias, projection]

    def reset_parameters(self) -> None:
        """Sample all parameters from U(-r, r), r = 1/√hidden_size, in torch's order."""
        bound = 1 / math.sqrt(self.hidden_size)
        for parameter in self.parameters():
            nn.init.uniform_(parameter, -bound, bound)

    def flatten_parameters(self) -> None:
        """Do nothing. torch's modules rearrange their parameters for cuDNN here; these modules do not use cuDNN."""

    def project(self, x: Tensor, params: Weights) -> Tensor:
        """Return the input's contribution to the gates at all steps, (T, B, gates·H), by one matrix product."""
        weight, _, bias_ih, bias_hh, _ = params
        return F.linear(x, weight, None if bias_ih is None or bias_hh is None else bias_ih + bias_hh)

    @abstractmethod
    def step(self, projected: Tensor, state: State, params: Weights) -> State:
        """Return the state after one step. ``projected``: result of ``project`` at this step, (B, gates·H)."""

    def forward(
        self,
        input: Tensor | PackedSequence,
        hx: Tensor | State | None = None,
        *,
        lengths: Tensor | None = None,
    ) -> tuple[Tensor | PackedSequence, Tensor | State]:
        if isinstance(input, PackedSequence):
            return self._forward_packed(input, hx, lengths)
        x = self._time_first(input)
        batched = input.dim() == 3
        states = self._initial_states(x, hx, batched)
        if lengths is None:
            x, states = self._run_layers(x, states, None)
        else:
            running = self._running(x, lengths)
            # padding may contain anything: a nan would reach the gradients of the weights as 0 · nan
            x, states = self._run_layers(x.masked_fill(~running, 0.0), states, running)
            x = x.masked_fill(~running, 0.0)
        final = tuple(torch.stack(parts) for parts in zip(*states, strict=True))
        if not batched:
            x, final = x.squeeze(1), tuple(part.squeeze(1) for part in final)
        elif self.batch_first:
            x = x.transpose(0, 1)
        return x, final[0] if len(final) == 1 else final

    def _forward_packed(
        self, packed: PackedSequence, hx: Tensor | State | None, lengths: Tensor | None
    ) -> tuple[PackedSequence, Tensor | State]:
        if lengths is not None:
            raise UserError("a PackedSequence has its own lengths: leave lengths out")
        padded, lengths = pad_packed_sequence(packed, self.batch_first)
        output, final = self(padded, hx, lengths=lengths)
        in_order = packed.sorted_indices is None
        return pack_padded_sequence(output, lengths, self.batch_first, enforce_sorted=in_order), final

    def _run_layers(self, x: Tensor, states: list[State], running: Tensor | None) -> tuple[Tensor, list[State]]:
        """Run all layers on x (T, B, I); return the output (T, B, D·H) and the final states."""
        final = []
        for layer in range(self.num_layers):
            if layer and self.dropout:
                x = F.dropout(x, self.dropout, self.training)
            outputs = []
            for index in range(layer * self.directions, (layer + 1) * self.directions):
                output, state = self._run(index, x, states[index], running)
                outputs.append(output)
                final.append(state)
            x = torch.cat(outputs, -1) if self.bidirectional else outputs[0]
        return x, final

    def _run(self, index: int, x: Tensor, state: State, running: Tensor | None) -> tuple[Tensor, State]:
        """Run one layer in one direction on x (T, B, I); return the outputs (T, B, H) and the final state.

        At steps where a sequence is not ``running``, its state stays the same; in reverse these steps come first.
        """
        weights = Weights(*(getattr(self, name) for name in self._names(index)))
        order = -1 if index % self.directions else 1
        projected = self.project(x, weights).unbind(0)[::order]
        masks = [None] * len(projected) if running is None else running.unbind(0)[::order]
        outputs = []
        for now, mask in zip(projected, masks, strict=True):
            new = self.step(now, state, weights)
            if mask is not None:
                new = tuple(torch.where(mask, *pair) for pair in zip(new, state, strict=True))
            state = new
            outputs.append(state[0])
        return torch.stack(outputs[::order]), state

    def _time_first(self, input: Tensor) -> Tensor:
        """Return the input as (T, B, I); raise UserError if it is invalid."""
        name = type(self).__name__
        if not isinstance(input, Tensor):
            raise UserError(f"{name} takes a tensor or a PackedSequence, got {type(input).__name__}")
        if input.dim() not in (2, 3) or input.shape[-1] != self.input_size:
            expected = "(B, T, {0}) or (T, {0})" if self.batch_first else "(T, B, {0}) or (T, {0})"
            raise UserError(
                f"{name} takes input of shape {expected.format(self.input_size)}, got {tuple(input.shape)}"
            )
        x = input.unsqueeze(1) if input.dim() == 2 else input.transpose(0, 1) if self.batch_first else input
        if not len(x):
            raise UserError(f"{name} takes sequences of 1 step or more, got shape {tuple(input.shape)}")
        return x

    def _initial_states(self, x: Tensor, hx: Tensor | State | None, batched: bool) -> list[State]:
        """Return the initial state of each layer and direction."""
        count = self.num_layers * self.directions
        if hx is None:
            return [tuple(x.new_zeros(x.shape[1], size) for size in self.state_sizes)] * count
        parts = (hx,) if isinstance(hx, Tensor) else tuple(hx)
        batch = (x.shape[1],) if batched else ()
        expected = [(count, *batch, size) for size in self.state_sizes]
        if [part.shape for part in parts] != expected:
            got, right = (", ".join(str(tuple(s)) for s in each) for each in ([p.shape for p in parts], expected))
            raise UserError(f"{type(self).__name__} takes hx of shape {right}, got {got}")
        return list(zip(*(part if batched else part.unsqueeze(1) for part in parts), strict=True))

    def _running(self, x: Tensor, lengths: Tensor) -> Tensor:
        """Return bool (T, B, 1): whether step t is before the end of each sequence."""
        steps, batch = x.shape[:2]
        if lengths.shape != (batch,) or lengths.dtype != torch.int64:
            raise UserError(f"lengths must be int64 of shape ({batch},), got {lengths.dtype} {tuple(lengths.shape)}")
        # values are not accessible in a transform; on a GPU reading them would wait for the device
        readable = lengths.device.type == "cpu" and not torch._C._are_functorch_transforms_active()
        if readable and not torch.compiler.is_compiling() and not ((lengths >= 0) & (lengths <= steps)).all():
            raise UserError(f"lengths must be from 0 to the {steps} steps of the input, got {lengths.tolist()}")
        return (torch.arange(steps, device=x.device).unsqueeze(1) < lengths.to(x.device)).unsqueeze(-1)

    def extra_repr(self) -> str:
        options = {name: getattr(self, name) for name in OPTIONS}
        changed = [f"{name}={value}" for name, value in options.items() if value != OPTIONS[name]]
        return ", ".join([str(self.input_size), str(self.hidden_size), *changed])
