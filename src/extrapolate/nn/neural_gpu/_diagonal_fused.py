"""All steps of the diagonal Neural GPU, fused for CPUs, with a hand-written backward pass.

A step is two convolutions and elementwise passes. The slope of every nonlinearity is 0 or a constant. The saturation
needs no tensor: its slope is added to that of the preactivation. The backward pass computes r ⊙ s and the inputs of
the products again, so that a step stores 4¼ float32 values per value of its state. Threads share the sequences.
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
    NO_TREATMENT,
    RESET_OPEN,
    UPDATE_OPEN,
    Treatment,
    Weights,
    diagonal_steps,
)

#: What a step stores for the backward pass: state, preactivations of gates and of candidate, dropout mask.
_Trace = tuple[Tensor, Tensor, Tensor, Tensor]

#: Time that one thread needs in a step for one value of the state.
NANOSECONDS = 12.0

#: Minimum time of a group's step, in nanoseconds: much longer than the overhead of its kernel calls.
STEP = 250_000


def usable(x: Tensor) -> bool:
    """Return whether the kernels support this state: as ``_fused.usable``, and outside CPU autocast."""
    return _fused.usable(x) and not torch.is_autocast_enabled("cpu")


class _Cell:
    """A step with prepared weights, for states of the shape of ``like``."""

    def __init__(
        self, like: Tensor, params: Weights, span: Tensor, cost_weight: Tensor, treatment: Treatment
    ) -> None:
        from extrapolate.nn.neural_gpu import _diagonal_kernels as kernels

        gates, gates_bias, candidate, candidate_bias = (each.detach() for each in params)
        opened = gates_bias.new_tensor([RESET_OPEN, UPDATE_OPEN]).repeat_interleave(len(candidate_bias))
        self.gates = Convolution(gates, gates_bias + opened, like.shape)
        self.candidate = Convolution(candidate, candidate_bias, like.shape)
        self.inside, self.cost_weight = (each.float().contiguous().numpy() for each in (span, cost_weight))
        self.kernels, self.scale = kernels, np.float32(1 / treatment.probability)
        grid = treatment.grid
        self.grid = None if grid is None else (np.float32(grid.quantization_levels), np.float32(grid.share))
        self.passed = torch.empty_like(like)

    def step(self, trace: _Trace, after: Tensor) -> float:
        """Write the preactivations to ``trace`` and the next state to ``after``; return the saturation.

        The state and the dropout mask in ``trace`` are inputs.
        """
        state, gates, new, _ = trace
        s, x, a, mask, out = (each.numpy() for each in (*trace, after))
        self.gates(state, gates)
        total = self.kernels.reset(x, s, self.cost_weight, self.passed.numpy())
        self.candidate(self.passed, new)
        total += self.kernels.mix(x, a, mask, self.scale, s, self.inside, self.cost_weight, out)
        if self.grid is not None:
            self.kernels.round_to_grid(out, *self.grid)
        return total


class _Adjoint:
    """Gradients of a cell's steps; ``pull``: the gradient of the saturation."""

    def __init__(self, cell: _Cell, pull: Tensor) -> None:
        self.cell, self.pull = cell, np.float32(pull)
        self.gates, self.candidate = Gradients(cell.gates), Gradients(cell.candidate)
        self.dgates, self.dnew = _empty_preactivations(cell.passed)

    def step(self, trace: _Trace, error: Tensor, dstate: Tensor) -> None:
        """Write the gradient of a step's state to ``dstate``, from that of the next state, ``error``.

        ``error`` is overwritten.
        """
        cell, kernels, passed = self.cell, self.cell.kernels, self.cell.passed
        s, x, a, mask, e = (each.numpy() for each in (*trace, error))
        dx, da, p = self.dgates.numpy(), self.dnew.numpy(), passed.numpy()
        kernels.mix_adjoint(x, a, mask, cell.scale, s, cell.inside, cell.cost_weight, e, self.pull, dx, da)
        kernels.reset(x, s, cell.cost_weight, p)
        self.candidate(self.dnew, passed, passed)
        kernels.reset_adjoint(x, s, p, self.pull, cell.cost_weight, dx)
        self.gates(self.dgates, trace[0], dstate)
        kernels.state_adjoint(x, e, p, dstate.numpy())


def _empty_preactivations(state: Tensor) -> tuple[Tensor, Tensor]:
    """Return empty tensors for the preactivations of gates and candidate."""
    return state.new_empty(*state.shape[:-1], 2 * state.shape[-1]), torch.empty_like(state)


def _advance(cell: _Cell, state: Tensor, masks: Sequence[Tensor]) -> tuple[Tensor, float]:
    """Return the final state and the total saturation; all steps use the same buffers."""
    total, (gates, new) = 0.0, _empty_preactivations(state)
    buffers = cycle((torch.empty_like(state), torch.empty_like(state)))
    for mask in masks:
        after = next(buffers)
        total += cell.step((state, gates, new, mask), after)
        state = after
    return state, total


def _record(cell: _Cell, state: Tensor, masks: Sequence[Tensor]) -> tuple[Tensor, float, list[_Trace]]:
    """Return the final state, the total saturation, and the trace of each step."""
    total, traces = 0.0, []
    for mask in masks:
        trace, after = (state, *_empty_preactivations(state), mask), torch.empty_like(state)
        total += cell.step(trace, after)
        traces.append(trace)
        state = after
    return state, total, traces


def _dropout_masks(state: Tensor, steps: range, treatment: Treatment) -> list[Tensor]:
    """Return the dropout mask of each step, bool (B, n, m)."""
    if treatment.dropout_mask is None:
        return [torch.ones(state.shape, dtype=torch.bool)] * len(steps)
    return [treatment.dropout_mask(state, step) for step in steps]


def _groups(state: Tensor, steps: int) -> list[slice]:
    """Return groups of sequences; each group is computed independently, through all steps."""
    count, length, width = state.shape
    per_step = length * width * NANOSECONDS
    return groups(count, STEP / per_step, steps * per_step)


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, state, gates, gates_bias, candidate, candidate_bias, span, cost_weight, steps, treatment):
        weights = (gates, gates_bias, candidate, candidate_bias)
        ctx.save_for_backward(state, *weights)
        start = state.detach().contiguous()
        masks, last = _dropout_masks(start, steps, treatment), torch.empty_like(start)
        ctx.groups, ctx.traces, totals = _groups(start, len(steps)), {}, {}

        def walk(group: slice) -> None:
            cell = _Cell(start[group], weights, span[group], cost_weight[group], treatment)
            recorded = _record(cell, start[group], [each[group] for each in masks])
            last[group], totals[group.start], ctx.traces[group.start] = recorded

        at_once([partial(walk, group) for group in ctx.groups])
        ctx.settings = span, cost_weight, treatment
        if treatment.dropout_mask is not None:  # the definition uses the same masks
            treatment = replace(treatment, dropout_mask=lambda like, step: masks[steps.index(step)])
        ctx.definition = partial(_definition, span, cost_weight, steps, treatment)
        return last, state.new_tensor(sum(totals[group.start] for group in ctx.groups))

    @staticmethod
    def backward(ctx, error, pull):  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():  # the gradient itself will be differentiated
            return *gradient(ctx.definition, ctx.saved_tensors, (error, pull)), *[None] * 4
        error, adjoints = error.clone(memory_format=torch.contiguous_format), {}
        (span, cost_weight, treatment), weights = ctx.settings, ctx.saved_tensors[1:]

        def walk(group: slice) -> None:
            current = error[group]
            adjoint = _Adjoint(_Cell(current, weights, span[group], cost_weight[group], treatment), pull)
            buffer = torch.empty_like(current)
            for trace in reversed(ctx.traces[group.start]):
                adjoint.step(trace, current, buffer)
                current, buffer = buffer, current
            error[group] = current
            adjoints[group.start] = (*adjoint.gates.sums(), *adjoint.candidate.sums())

        with torch.autocast("cpu", enabled=False):  # as in the forward pass
            at_once([partial(walk, group) for group in ctx.groups])
        parts = zip(*(adjoints[group.start] for group in ctx.groups), strict=True)
        return error, *(reduce(torch.add, part) for part in parts), *[None] * 4


def _definition(span, cost_weight, steps, treatment, state, *params):
    return diagonal_steps(state, params, span, cost_weight, steps, treatment)


def run(
    state: Tensor,
    params: Weights,
    span: Tensor,
    cost_weight: Tensor,
    steps: range,
    treatment: Treatment = NO_TREATMENT,
) -> tuple[Tensor, Tensor]:
    """Return ``diagonal_steps`` of the same arguments; second-order gradients use ``diagonal_steps`` itself."""
    if torch.is_grad_enabled():
        return _Steps.apply(state, *params, span, cost_weight, steps, treatment)  # pyright: ignore[reportReturnType]
    state, totals = state.contiguous(), {}
    masks, last = _dropout_masks(state, steps, treatment), torch.empty_like(state)

    def walk(group: slice) -> None:
        cell = _Cell(state[group], params, span[group], cost_weight[group], treatment)
        last[group], totals[group.start] = _advance(cell, state[group], [each[group] for each in masks])

    all_groups = _groups(state, len(steps))
    at_once([partial(walk, group) for group in all_groups])
    return last, state.new_tensor(sum(totals[group.start] for group in all_groups))
