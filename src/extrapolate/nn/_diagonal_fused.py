"""All steps of the diagonal Neural GPU on a CPU, with a hand-written backward pass.

A step is two convolutions, torch's fastest products on a CPU where maps lie innermost, and passes over the numbers.
Every nonlinearity's slope is 0 or constant, and the saturation needs no tensor of its own: its slope is added to the
preactivation's.
"""

from dataclasses import replace
from functools import partial

import numpy as np
import torch
from torch import Tensor

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
    return not torch.is_autocast_enabled("cpu") and _fused.usable(x)


class _Convolution:
    """A convolution over three places of (B, n, m), and its gradients, which add up in ``dweight`` and ``dbias``."""

    def __init__(self, weight: Tensor, bias: Tensor) -> None:
        outputs = len(weight)
        kernel = weight.view(outputs, 3, -1)[:, None].permute(0, 3, 1, 2)  # (outputs, m, 1, 3), m innermost
        self.kernel, self.bias = kernel.contiguous(memory_format=torch.channels_last), bias
        self.dkernel, self.dbias = torch.zeros_like(self.kernel), torch.zeros_like(bias)

    def __call__(self, x: Tensor) -> Tensor:
        return _places(torch.conv2d(_image(x), self.kernel, self.bias, padding=(0, 1)))

    def back(self, error: Tensor, x: Tensor) -> Tensor:
        """The gradient of ``x`` from that of the output."""
        sizes = ([len(self.bias)], [1, 1], [0, 1], [1, 1], False, [0, 0], 1)
        wanted = [True, True, False]
        found = torch.ops.aten.convolution_backward(_image(error), _image(x), self.kernel, *sizes, wanted)
        self.dkernel += found[1]
        self.dbias += error.flatten(0, 1).sum(0)
        return _places(found[0])

    @property
    def dweight(self) -> Tensor:
        return self.dkernel.permute(0, 2, 3, 1).reshape(len(self.bias), -1)


def _image(x: Tensor) -> Tensor:
    """(B, n, m) as an image (B, m, 1, n) whose channels lie innermost."""
    return x[:, None].permute(0, 3, 1, 2)


def _places(image: Tensor) -> Tensor:
    return image.permute(0, 2, 3, 1)[:, 0].contiguous()


class _Cell:
    """A step and its adjoint on prepared weights."""

    def __init__(self, weights: Weights, span: Tensor, treatment: Treatment) -> None:
        from extrapolate.nn import _diagonal_kernels as kernels

        gates, gates_bias, candidate, candidate_bias = (each.detach() for each in weights)
        opened = gates_bias.new_tensor([RESET_OPEN, UPDATE_OPEN]).repeat_interleave(len(candidate_bias))
        self.gates = _Convolution(gates, gates_bias + opened)
        self.candidate = _Convolution(candidate, candidate_bias)
        self.inside, self.everywhere = span.float().numpy(), bool(span.all())
        self.kernels, self.scale = kernels, np.float32(1 / treatment.probability)
        grid = treatment.grid
        self.grid = None if grid is None else (np.float32(grid.levels), np.float32(grid.share))

    def step(self, state: Tensor, kept: Tensor) -> tuple[Tensor, float, _Trace]:
        """The next state, this step's saturation, and its trace."""
        gates, passed, after = self.gates(state), torch.empty_like(state), torch.empty_like(state)
        x, s, p, out = (each.numpy() for each in (gates, state, passed, after))
        total = self.kernels.reset(x, s, p)
        new = self.candidate(passed)
        total += self.kernels.candidate(new.numpy(), kept.numpy(), self.scale, out)
        self.kernels.carry(s, p)
        total += self.kernels.mix(x, p, out, self.inside)
        if self.grid is not None:
            self.kernels.rounded(out, *self.grid)
        return after, total, (state, gates, new, kept)

    def adjoint(self, error: Tensor, pull: np.float32, trace: _Trace) -> Tensor:
        """The gradient of a step's state, from those of the next one (written over) and of the saturation."""
        kernels, (state, gates, new, kept) = self.kernels, trace
        dgates, dnew, dstate, passed = (torch.empty_like(each) for each in (gates, new, state, state))
        s, x, a, left, e = (each.numpy() for each in (state, gates, new, kept, error))
        dx, da, ds, p = (each.numpy() for each in (dgates, dnew, dstate, passed))
        if not self.everywhere:
            kernels.masked(e, self.inside)
        kernels.carry(s, p)
        kernels.candidate(a, left, self.scale, ds)
        kernels.update_adjoint(x, p, ds, e, pull, dx)
        kernels.candidate_adjoint(x, a, left, self.scale, e, pull, da)
        kernels.held(x, e)
        kernels.carry_back(e, ds)
        kernels.reset(x, s, p)
        dpassed = self.candidate.back(dnew, passed)
        kernels.reset_adjoint(x, s, dpassed.numpy(), pull, dx)
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
    def forward(ctx, state, gates, gates_bias, candidate, candidate_bias, span, steps, treatment):
        weights = (gates, gates_bias, candidate, candidate_bias)
        ctx.save_for_backward(state, *weights)
        ctx.span, ctx.treatment, ctx.traces = span, treatment, []
        last = _forward(_Cell(weights, span, treatment), state, steps, treatment, ctx.traces)
        if treatment.kept is not None:  # the same again
            left = [trace[-1] for trace in ctx.traces]
            treatment = replace(treatment, kept=lambda like, step: left[steps.index(step)])
        ctx.definition = partial(_definition, span, steps, treatment)
        return last

    @staticmethod
    def backward(ctx, error, pull):  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself
            return *gradient(ctx.definition, ctx.saved_tensors, (error, pull)), *[None] * 3
        error, weight = error.clone(memory_format=torch.contiguous_format), np.float32(pull)
        cell = _Cell(ctx.saved_tensors[1:], ctx.span, ctx.treatment)
        for trace in reversed(ctx.traces):
            error = cell.adjoint(error, weight, trace)
        parts = (cell.gates, cell.candidate)
        return error, *(each for part in parts for each in (part.dweight, part.dbias)), *[None] * 3


def _definition(span, steps, treatment, state, *weights):
    return diagonal_steps(state, weights, span, steps, treatment)


def run(
    state: Tensor,
    weights: Weights,
    span: Tensor,
    steps: range,
    treatment: Treatment = AS_IT_IS,
) -> tuple[Tensor, Tensor]:
    """``diagonal_steps`` of the same arguments, which is used where a gradient is differentiated again."""
    if not torch.is_grad_enabled():
        return _forward(_Cell(weights, span, treatment), state, steps, treatment, None)
    return _Steps.apply(state, *weights, span, steps, treatment)  # pyright: ignore[reportReturnType]
