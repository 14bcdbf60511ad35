"""All steps of the diagonal Neural GPU on a CPU, with a hand-written backward pass.

A step is two convolutions and passes over the numbers. Forward, torch's convolution is its fastest product on a CPU
where maps lie innermost; its gradients are quicker as products of matrices.
Every nonlinearity's slope is 0 or constant, and the saturation needs no tensor of its own: its slope is added to the
preactivation's.

Under ``torch.autocast`` the convolutions multiply its numbers, forward and backward, which takes little more than
half the time where the processor has them; states, sums of gradients and everything else stay float32.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor
from torch.nn import functional as F

from extrapolate.nn import _fused
from extrapolate.nn._diagonal_cell import (
    AS_IT_IS,
    RESET_OPEN,
    UPDATE_OPEN,
    Treatment,
    Weights,
    diagonal_steps,
)
from extrapolate.nn._fused import gradient

#: What a step leaves for the backward pass: its state, gates' and candidate's preactivations, what dropout kept.
_Trace = tuple[Tensor, Tensor, Tensor, Tensor]


def usable(x: Tensor) -> bool:
    """Whether the kernels take this state, and nothing wants to look inside the computation."""
    return _fused.usable(x)


def _product_dtype() -> torch.dtype:
    """Of the numbers that convolutions multiply."""
    return torch.get_autocast_dtype("cpu") if torch.is_autocast_enabled("cpu") else torch.float32


class _Convolution:
    """A convolution over three places of (B, n, m), and its gradients, which add up in ``dweight`` and ``dbias``."""

    def __init__(self, weight: Tensor, bias: Tensor, dtype: torch.dtype) -> None:
        from extrapolate.nn import _diagonal_kernels as kernels

        self.weight, self.bias, self.kernels = weight.to(dtype), bias.to(dtype), kernels
        kernel = self.weight.view(len(weight), 3, -1)[:, None].permute(0, 3, 1, 2)  # (outputs, m, 1, 3)
        self.kernel = kernel.contiguous(memory_format=torch.channels_last)
        self.dweight, self.dbias = torch.zeros_like(weight), torch.zeros_like(bias)

    def __call__(self, x: Tensor) -> Tensor:
        image = x.to(self.kernel.dtype)[:, None].permute(0, 3, 1, 2)  # (B, m, 1, n), maps innermost
        places = torch.conv2d(image, self.kernel, self.bias, padding=(0, 1))
        return places.permute(0, 2, 3, 1)[:, 0].float().contiguous()

    def back(self, error: Tensor, x: Tensor) -> Tensor:
        """The gradient of ``x`` from that of the output."""
        rows, dtype = error.flatten(0, 1), self.weight.dtype
        three, dx = _neighbourhoods(x.to(dtype)), torch.empty_like(x)
        self.dweight += rows.to(dtype).T @ three
        self.dbias += rows.sum(0)
        dthree = (rows.to(dtype) @ self.weight).float().view(*x.shape[:-1], -1)
        self.kernels.gathered(dthree.numpy(), dx.numpy())
        return dx


def _neighbourhoods(x: Tensor) -> Tensor:
    """(B, n, m) to (B n, 3 m): each place's left neighbour, itself and its right one; zeros beyond the ends."""
    count, length, width = x.shape
    strides = ((length + 2) * width, width, 1)  # the three lie side by side in memory
    return F.pad(x, (0, 0, 1, 1)).as_strided((count, length, 3 * width), strides).reshape(-1, 3 * width)


class _Cell:
    """A step and its adjoint on prepared weights."""

    def __init__(
        self, weights: Weights, span: Tensor, worth: Tensor, treatment: Treatment, dtype: torch.dtype
    ) -> None:
        from extrapolate.nn import _diagonal_kernels as kernels

        gates, gates_bias, candidate, candidate_bias = (each.detach() for each in weights)
        opened = gates_bias.new_tensor([RESET_OPEN, UPDATE_OPEN]).repeat_interleave(len(candidate_bias))
        self.gates = _Convolution(gates, gates_bias + opened, dtype)
        self.candidate = _Convolution(candidate, candidate_bias, dtype)
        self.inside, self.everywhere = span.float().contiguous().numpy(), bool(span.all())
        self.worth = worth.float().contiguous().numpy()
        self.kernels, self.scale = kernels, np.float32(1 / treatment.probability)
        grid = treatment.grid
        self.grid = None if grid is None else (np.float32(grid.levels), np.float32(grid.share))

    def step(self, state: Tensor, kept: Tensor) -> tuple[Tensor, float, _Trace]:
        """The next state, this step's saturation, and its trace."""
        gates, passed, after = self.gates(state), torch.empty_like(state), torch.empty_like(state)
        x, s, p, out = (each.numpy() for each in (gates, state, passed, after))
        total = self.kernels.reset(x, s, self.worth, p)
        new = self.candidate(passed)
        total += self.kernels.candidate(new.numpy(), kept.numpy(), self.scale, self.worth, out)
        self.kernels.carry(s, p)
        total += self.kernels.mix(x, p, self.inside, self.worth, out)
        if self.grid is not None:
            self.kernels.rounded(out, *self.grid)
        return after, total, (state, gates, new, kept)

    def adjoint(self, error: Tensor, pull: np.float32, trace: _Trace) -> Tensor:
        """The gradient of a step's state, from those of the next one (written over) and of the saturation."""
        kernels, worth, (state, gates, new, kept) = self.kernels, self.worth, trace
        dgates, dnew, dstate, passed = (torch.empty_like(each) for each in (gates, new, state, state))
        s, x, a, left, e = (each.numpy() for each in (state, gates, new, kept, error))
        dx, da, ds, p = (each.numpy() for each in (dgates, dnew, dstate, passed))
        if not self.everywhere:
            kernels.masked(e, self.inside)
        kernels.carry(s, p)
        kernels.candidate(a, left, self.scale, worth, ds)
        kernels.update_adjoint(x, p, ds, e, pull, worth, dx)
        kernels.candidate_adjoint(x, a, left, self.scale, e, pull, worth, da)
        kernels.held(x, e)
        kernels.carry_back(e, ds)
        kernels.reset(x, s, worth, p)
        dpassed = self.candidate.back(dnew, passed)
        kernels.reset_adjoint(x, s, dpassed.numpy(), pull, worth, dx)
        kernels.passed_on(x, dpassed.numpy(), self.gates.back(dgates, state).numpy(), ds)
        return dstate


def _forward(
    cell: _Cell, state: Tensor, steps: range, treatment: Treatment, traces: list[_Trace] | None
) -> tuple[Tensor, Tensor]:
    """The last state and all saturation; each step's trace goes to ``traces``."""
    state, total = state.detach().contiguous(), 0.0
    everything, kept = torch.ones(state.shape, dtype=torch.bool), treatment.kept
    for step in steps:
        state, more, trace = cell.step(state, everything if kept is None else kept(state, step))
        total += more
        if traces is not None:
            traces.append(trace)
    return state, state.new_tensor(total)


class _Steps(torch.autograd.Function):
    @staticmethod
    def forward(ctx, state, gates, gates_bias, candidate, candidate_bias, span, worth, steps, treatment):
        weights = (gates, gates_bias, candidate, candidate_bias)
        ctx.save_for_backward(state, *weights)
        ctx.prepare = lambda weights: _Cell(weights, span, worth, treatment, dtype)
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
        for trace in reversed(ctx.traces):
            error = cell.adjoint(error, weight, trace)
        parts = (cell.gates, cell.candidate)
        return error, *(each for part in parts for each in (part.dweight, part.dbias)), *[None] * 4


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
        cell = _Cell(weights, span, worth, treatment, _product_dtype())
        return _forward(cell, state, steps, treatment, None)
    return _Steps.apply(state, *weights, span, worth, steps, treatment)  # pyright: ignore[reportReturnType]
