"""All steps of the diagonal Neural GPU on a CPU, with a hand-written backward pass.

A step is two convolutions and passes over the numbers. Every nonlinearity's slope is 0 or constant, and the
saturation needs no tensor of its own: its slope is added to the preactivation's. The backward pass computes r ⊙ s and
what convolutions multiply again: a step leaves 4¼ numbers for each of its state's. Threads share the sequences.
"""

from collections.abc import Sequence
from dataclasses import replace
from functools import partial, reduce
from itertools import cycle

import numpy as np
import torch
from torch import Tensor

from extrapolate._runtime.threads import at_once
from extrapolate.nn import _fused
from extrapolate.nn._fused import gradient, groups
from extrapolate.nn.neural_gpu._convolution import Convolution, Gradients
from extrapolate.nn.neural_gpu._diagonal_cell import (
    AS_IT_IS,
    RESET_OPEN,
    UPDATE_OPEN,
    Treatment,
    Weights,
    diagonal_steps,
)

#: What a step leaves for the backward pass: its state, gates' and candidate's preactivations, what dropout keeps.
_Trace = tuple[Tensor, Tensor, Tensor, Tensor]

#: What a number of the state costs one thread in a step.
NANOSECONDS = 12.0

#: Nanoseconds of a group's step at the least: long beside the calls of the kernels that make it up.
STEP = 250_000


def usable(x: Tensor) -> bool:
    """Whether the kernels take this state, in float32, and nothing wants to look inside the computation."""
    return _fused.usable(x) and not torch.is_autocast_enabled("cpu")


class _Cell:
    """A step on prepared weights, of states like ``like``."""

    def __init__(self, like: Tensor, params: Weights, span: Tensor, worth: Tensor, treatment: Treatment) -> None:
        from extrapolate.nn.neural_gpu import _diagonal_kernels as kernels

        gates, gates_bias, candidate, candidate_bias = (each.detach() for each in params)
        opened = gates_bias.new_tensor([RESET_OPEN, UPDATE_OPEN]).repeat_interleave(len(candidate_bias))
        self.gates = Convolution(gates, gates_bias + opened, like.shape)
        self.candidate = Convolution(candidate, candidate_bias, like.shape)
        self.inside, self.worth = (each.float().contiguous().numpy() for each in (span, worth))
        self.kernels, self.scale = kernels, np.float32(1 / treatment.probability)
        grid = treatment.grid
        self.grid = None if grid is None else (np.float32(grid.quantization_levels), np.float32(grid.share))
        self.passed = torch.empty_like(like)

    def step(self, trace: _Trace, after: Tensor) -> float:
        """Fills the trace, whose state and dropout are given, and the state after; returns the saturation."""
        state, gates, new, _ = trace
        s, x, a, left, out = (each.numpy() for each in (*trace, after))
        self.gates(state, gates)
        total = self.kernels.reset(x, s, self.worth, self.passed.numpy())
        self.candidate(self.passed, new)
        total += self.kernels.mix(x, a, left, self.scale, s, self.inside, self.worth, out)
        if self.grid is not None:
            self.kernels.round_to_grid(out, *self.grid)
        return total


class _Adjoint:
    """The gradients of a cell's steps; ``pull``: that of the saturation."""

    def __init__(self, cell: _Cell, pull: Tensor) -> None:
        self.cell, self.pull = cell, np.float32(pull)
        self.gates, self.candidate = Gradients(cell.gates), Gradients(cell.candidate)
        self.dgates, self.dnew = _preactivations(cell.passed)

    def step(self, trace: _Trace, error: Tensor, dstate: Tensor) -> None:
        """dstate ← the gradient of a step's state, from that of the next one, which is written over."""
        cell, kernels, passed = self.cell, self.cell.kernels, self.cell.passed
        s, x, a, left, e = (each.numpy() for each in (*trace, error))
        dx, da, p = self.dgates.numpy(), self.dnew.numpy(), passed.numpy()
        kernels.mix_adjoint(x, a, left, cell.scale, s, cell.inside, cell.worth, e, self.pull, dx, da)
        kernels.reset(x, s, cell.worth, p)
        self.candidate(self.dnew, passed, passed)
        kernels.reset_adjoint(x, s, p, self.pull, cell.worth, dx)
        self.gates(self.dgates, trace[0], dstate)
        kernels.state_adjoint(x, e, p, dstate.numpy())


def _preactivations(state: Tensor) -> tuple[Tensor, Tensor]:
    """Room for those of gates and candidate."""
    return state.new_empty(*state.shape[:-1], 2 * state.shape[-1]), torch.empty_like(state)


def _answer(cell: _Cell, state: Tensor, masks: Sequence[Tensor]) -> tuple[Tensor, float]:
    """The last state and all saturation; what a step leaves is written over by the next one."""
    total, (gates, new) = 0.0, _preactivations(state)
    rooms = cycle((torch.empty_like(state), torch.empty_like(state)))
    for left in masks:
        after = next(rooms)
        total += cell.step((state, gates, new, left), after)
        state = after
    return state, total


def _record(cell: _Cell, state: Tensor, masks: Sequence[Tensor]) -> tuple[Tensor, float, list[_Trace]]:
    """The last state, all saturation, and what each step leaves."""
    total, traces = 0.0, []
    for left in masks:
        trace, after = (state, *_preactivations(state), left), torch.empty_like(state)
        total += cell.step(trace, after)
        traces.append(trace)
        state = after
    return state, total, traces


def _dropout_masks(state: Tensor, steps: range, treatment: Treatment) -> list[Tensor]:
    """bool (B, n, m) of each step, what dropout leaves."""
    if treatment.dropout_mask is None:
        return [torch.ones(state.shape, dtype=torch.bool)] * len(steps)
    return [treatment.dropout_mask(state, step) for step in steps]


def _groups(state: Tensor, steps: int) -> list[slice]:
    """Groups of sequences; each walks through all steps by itself."""
    count, length, width = state.shape
    a_step = length * width * NANOSECONDS
    return groups(count, STEP / a_step, steps * a_step)


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, state, gates, gates_bias, candidate, candidate_bias, span, worth, steps, treatment):
        weights = (gates, gates_bias, candidate, candidate_bias)
        ctx.save_for_backward(state, *weights)
        begun = state.detach().contiguous()
        masks, last = _dropout_masks(begun, steps, treatment), torch.empty_like(begun)
        ctx.groups, ctx.traces, totals = _groups(begun, len(steps)), {}, {}

        def walk(group: slice) -> None:
            cell = _Cell(begun[group], weights, span[group], worth[group], treatment)
            found = _record(cell, begun[group], [each[group] for each in masks])
            last[group], totals[group.start], ctx.traces[group.start] = found

        at_once([partial(walk, group) for group in ctx.groups])
        ctx.settings = span, worth, treatment
        if treatment.dropout_mask is not None:  # the same again
            treatment = replace(treatment, dropout_mask=lambda like, step: masks[steps.index(step)])
        ctx.definition = partial(_definition, span, worth, steps, treatment)
        return last, state.new_tensor(sum(totals[group.start] for group in ctx.groups))

    @staticmethod
    def backward(ctx, error, pull):  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself
            return *gradient(ctx.definition, ctx.saved_tensors, (error, pull)), *[None] * 4
        error, adjoints = error.clone(memory_format=torch.contiguous_format), {}
        (span, worth, treatment), weights = ctx.settings, ctx.saved_tensors[1:]

        def walk(group: slice) -> None:
            mine = error[group]
            adjoint = _Adjoint(_Cell(mine, weights, span[group], worth[group], treatment), pull)
            other = torch.empty_like(mine)
            for trace in reversed(ctx.traces[group.start]):
                adjoint.step(trace, mine, other)
                mine, other = other, mine
            error[group] = mine
            adjoints[group.start] = (*adjoint.gates.sums(), *adjoint.candidate.sums())

        with torch.autocast("cpu", enabled=False):  # as in the forward pass
            at_once([partial(walk, group) for group in ctx.groups])
        parts = zip(*(adjoints[group.start] for group in ctx.groups), strict=True)
        return error, *(reduce(torch.add, part) for part in parts), *[None] * 4


def _definition(span, worth, steps, treatment, state, *params):
    return diagonal_steps(state, params, span, worth, steps, treatment)


def run(
    state: Tensor,
    params: Weights,
    span: Tensor,
    worth: Tensor,
    steps: range,
    treatment: Treatment = AS_IT_IS,
) -> tuple[Tensor, Tensor]:
    """``diagonal_steps`` of the same arguments, which is used where a gradient is differentiated again."""
    if torch.is_grad_enabled():
        return _Steps.apply(state, *params, span, worth, steps, treatment)  # pyright: ignore[reportReturnType]
    state, totals = state.contiguous(), {}
    masks, last = _dropout_masks(state, steps, treatment), torch.empty_like(state)

    def walk(group: slice) -> None:
        cell = _Cell(state[group], params, span[group], worth[group], treatment)
        last[group], totals[group.start] = _answer(cell, state[group], [each[group] for each in masks])

    shared = _groups(state, len(steps))
    at_once([partial(walk, group) for group in shared])
    return last, state.new_tensor(sum(totals[group.start] for group in shared))
