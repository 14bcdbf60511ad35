"""All steps of the diagonal Neural GPU on a CPU, with a hand-written backward pass.

A step is two convolutions and passes over the numbers. Every nonlinearity's slope is 0 or constant, and the
saturation needs no tensor of its own: its slope is added to the preactivation's. The backward pass computes r ⊙ s and
what convolutions multiply again: a step leaves 4¼ numbers for each of its state's.

Under ``torch.autocast`` the convolutions multiply its numbers, forward and backward, which takes little more than
half the time where the processor has them; states, sums of gradients and everything else stay float32.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

from extrapolate.nn import _fused
from extrapolate.nn._convolution import convolution
from extrapolate.nn._diagonal_cell import (
    AS_IT_IS,
    RESET_OPEN,
    UPDATE_OPEN,
    Treatment,
    Weights,
    diagonal_steps,
)
from extrapolate.nn._fused import gradient

#: What a step leaves for the backward pass: its state, gates' and candidate's preactivations, what dropout keeps.
_Trace = tuple[Tensor, Tensor, Tensor, Tensor]


def usable(x: Tensor) -> bool:
    """Whether the kernels take this state, and nothing wants to look inside the computation."""
    return _fused.usable(x)


def _product_dtype() -> torch.dtype:
    """Of the numbers that convolutions multiply."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32


class _Cell:
    """A step and its adjoint on prepared weights, of states like ``state``."""

    def __init__(
        self,
        state: Tensor,
        weights: Weights,
        span: Tensor,
        worth: Tensor,
        treatment: Treatment,
        dtype: torch.dtype,
    ) -> None:
        from extrapolate.nn import _diagonal_kernels as kernels

        gates, gates_bias, candidate, candidate_bias = (each.detach() for each in weights)
        opened = gates_bias.new_tensor([RESET_OPEN, UPDATE_OPEN]).repeat_interleave(len(candidate_bias))
        self.gates = convolution(gates, gates_bias + opened, state.shape, dtype)
        self.candidate = convolution(candidate, candidate_bias, state.shape, dtype)
        self.inside, self.worth = (each.float().contiguous().numpy() for each in (span, worth))
        self.kernels, self.scale = kernels, np.float32(1 / treatment.probability)
        grid = treatment.grid
        self.grid = None if grid is None else (np.float32(grid.levels), np.float32(grid.share))
        self.passed, self.gradients = torch.empty_like(state), _preactivations(state)

    def step(self, trace: _Trace, after: Tensor) -> float:
        """Fills the trace, whose state and dropout are given, and the state after; returns the saturation."""
        state, gates, new, _ = trace
        s, x, a, left, out = (each.numpy() for each in (*trace, after))
        self.gates(state, gates)
        total = self.kernels.reset(x, s, self.worth, self.passed.numpy())
        self.candidate(self.passed, new)
        total += self.kernels.mix(x, a, left, self.scale, s, self.inside, self.worth, out)
        if self.grid is not None:
            self.kernels.rounded(out, *self.grid)
        return total

    def adjoint(self, trace: _Trace, error: Tensor, pull: np.float32, dstate: Tensor) -> None:
        """Fills the gradient of a step's state, from those of the next (written over) and of the saturation."""
        kernels, (dgates, dnew) = self.kernels, self.gradients
        s, x, a, left, e, ds, dx, da = (each.numpy() for each in (*trace, error, dstate, dgates, dnew))
        kernels.mix_adjoint(x, a, left, self.scale, s, self.inside, self.worth, e, pull, dx, da)
        kernels.reset(x, s, self.worth, self.passed.numpy())
        self.candidate.back(dnew, self.passed, self.passed)
        kernels.reset_adjoint(x, s, self.passed.numpy(), pull, self.worth, dx)
        self.gates.back(dgates, trace[0], dstate)
        kernels.state_adjoint(x, e, self.passed.numpy(), ds)


def _preactivations(state: Tensor) -> tuple[Tensor, Tensor]:
    """Room for those of gates and candidate."""
    return state.new_empty(*state.shape[:-1], 2 * state.shape[-1]), torch.empty_like(state)


def _forward(
    cell: _Cell, state: Tensor, steps: range, treatment: Treatment, traces: list[_Trace] | None
) -> tuple[Tensor, Tensor]:
    """The last state and all saturation; each step's trace goes to ``traces``."""
    everything, total = torch.ones(state.shape, dtype=torch.bool), 0.0
    after, spare = torch.empty_like(state), torch.empty_like(state)
    gates, new = _preactivations(state)
    for step in steps:
        kept = everything if treatment.kept is None else treatment.kept(state, step)
        total += cell.step((state, gates, new, kept), after)
        if traces is None:
            state, after, spare = after, spare, after
        else:
            traces.append((state, gates, new, kept))
            state, after, (gates, new) = after, torch.empty_like(state), _preactivations(state)
    return state, state.new_tensor(total)


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, state, gates, gates_bias, candidate, candidate_bias, span, worth, steps, treatment):
        weights = (gates, gates_bias, candidate, candidate_bias)
        ctx.save_for_backward(state, *weights)
        state = state.detach().contiguous()
        ctx.prepare = lambda weights: _Cell(state, weights, span, worth, treatment, dtype)
        ctx.traces, dtype = [], _product_dtype()
        last = _forward(ctx.prepare(weights), state, steps, treatment, ctx.traces)
        if treatment.kept is not None:  # the same again
            left = [trace[-1] for trace in ctx.traces]
            treatment = replace(treatment, kept=lambda like, step: left[steps.index(step)])
        ctx.definition = partial(_definition, span, worth, steps, treatment)
        return last

    @staticmethod
    def backward(ctx, error, pull):  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself
            return *gradient(ctx.definition, ctx.saved_tensors, (error, pull)), *[None] * 4
        error, weight = error.clone(memory_format=torch.contiguous_format), np.float32(pull)
        cell = ctx.prepare(ctx.saved_tensors[1:])
        dstate = torch.empty_like(error)
        for trace in reversed(ctx.traces):
            cell.adjoint(trace, error, weight, dstate)
            error, dstate = dstate, error
        return error, *cell.gates.gradients(), *cell.candidate.gradients(), *[None] * 4


def _definition(span, worth, steps, treatment, state, *weights):
    return diagonal_steps(state, weights, span, worth, steps, treatment)


def run(
    state: Tensor,
    weights: Weights,
    span: Tensor,
    worth: Tensor,
    steps: range,
    treatment: Treatment = AS_IT_IS,
) -> tuple[Tensor, Tensor]:
    """``diagonal_steps`` of the same arguments, which is used where a gradient is differentiated again."""
    if not torch.is_grad_enabled():
        state = state.contiguous()
        return _forward(
            _Cell(state, weights, span, worth, treatment, _product_dtype()), state, steps, treatment, None
        )
    return _Steps.apply(state, *weights, span, worth, steps, treatment)  # pyright: ignore[reportReturnType]
