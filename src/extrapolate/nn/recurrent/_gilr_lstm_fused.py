"""A fused GILR-LSTM layer for CPUs. It processes time in pieces so small that the gates stay in the caches.

The forward pass stores only the states between pieces. The backward pass goes through the pieces from the last to the
first and computes the gates of each piece again. A training step therefore needs memory for the input, the output and
one piece per group. Threads share the sequences, in groups that do not depend on the number of threads.
"""

from functools import partial, reduce

import torch
from torch import Tensor

from extrapolate._runtime.threads import at_once
from extrapolate.nn._fused import Definition, gradient, groups

#: Minimum size of a piece: rows (steps times sequences), and gate values (6 H per row, 2 MB in all: fits the caches).
ROWS, GATES = 512, 2**19

#: Speed of one thread, per nanosecond: multiplications and additions in a matrix product, and sigmoids.
OPERATIONS, SIGMOIDS = 80.0, 2.5


class _Weights:
    """The layer's weights, scaled so that every gate and tanh is one sigmoid.

    tanh(v) = 2 σ(2 v) - 1, and 1 - σ(v) = σ(-v), which is accurate near 0.
    """

    def __init__(
        self,
        surrogate: Tensor,
        surrogate_bias: Tensor,
        entering: Tensor,
        entering_bias: Tensor,
        recurrent: Tensor,
    ) -> None:
        self.width = width = recurrent.shape[1]
        self.scale = recurrent.new_tensor([-1.0, 2.0]).repeat_interleave(width)
        self.scale4 = recurrent.new_tensor([1.0, 1.0, 1.0, 2.0]).repeat_interleave(width)
        self.surrogate, self.surrogate_bias = surrogate * self.scale[:, None], surrogate_bias * self.scale
        self.entering, self.entering_bias = entering * self.scale4[:, None], entering_bias * self.scale4
        self.recurrent = recurrent * self.scale4[:, None]

    def nanoseconds(self) -> float:
        """Return the time that one thread needs for one step of one sequence."""
        products = (each.numel() for each in (self.surrogate, self.entering, self.recurrent))
        return 2 * sum(products) / OPERATIONS + 6 * self.width / SIGMOIDS

    def zeros(self) -> list[Tensor]:
        """Return zeros to sum gradients in: of surrogate, its bias, entering, its bias, recurrent."""
        parameters = (self.surrogate, self.surrogate_bias, self.entering, self.entering_bias, self.recurrent)
        return [torch.zeros_like(each) for each in parameters]

    def unscaled(self, gradients: list[Tensor]) -> list[Tensor]:
        """Convert gradients of the scaled weights to gradients of the layer's weights."""
        scales = (self.scale, self.scale, self.scale4, self.scale4, self.scale4)
        return [
            each * (scale[:, None] if each.dim() == 2 else scale)
            for each, scale in zip(gradients, scales, strict=True)
        ]


class _Pieces:
    """A group of sequences (B, T, I) in pieces of time, and the buffers that all pieces share."""

    def __init__(self, x: Tensor, params: _Weights) -> None:
        self.x, self.params, self.count, width = x, params, x.shape[0], params.width
        self.steps = max(1, max(ROWS, GATES // (6 * width)) // self.count)
        rows = self.count * min(self.steps, x.shape[1])
        self.gates, self.gates4, self.out = (x.new_empty(rows * n * width) for n in (2, 4, 1))

    def spans(self) -> list[tuple[int, int]]:
        length = self.x.shape[1]
        return [(start, min(start + self.steps, length)) for start in range(0, length, self.steps)]

    def run(self, begin: int, end: int, s0: Tensor, c0: Tensor) -> tuple[Tensor, ...]:
        """Return input rows, gates, states (B, steps + 1, H) and output of one piece."""
        from extrapolate.nn.recurrent import _gilr_lstm_kernels as kernels

        weights, count, width, steps = self.params, self.count, self.params.width, end - begin
        rows = self.x[:, begin:end].reshape(count * steps, -1)
        gates = self.gates[: len(rows) * 2 * width].view(len(rows), 2 * width)
        gates4 = self.gates4[: len(rows) * 4 * width].view(len(rows), 4 * width)
        out = self.out[: len(rows) * width].view(count, steps, width)
        s, c = (self.x.new_empty(count, steps + 1, width) for _ in range(2))
        s[:, 0], c[:, 0] = s0, c0
        torch.addmm(weights.surrogate_bias, rows, weights.surrogate.T, out=gates).sigmoid_()
        kernels.surrogate(gates.view(count, steps, -1).numpy(), s.numpy())
        torch.addmm(weights.entering_bias, rows, weights.entering.T, out=gates4)
        gates4.addmm_(s[:, :-1].reshape(len(rows), width), weights.recurrent.T).sigmoid_()
        kernels.cell(gates4.view(count, steps, -1).numpy(), c.numpy(), out.numpy())
        return rows, gates, gates4, s, c, out

    def forward(self, s: Tensor, c: Tensor, y: Tensor) -> list[tuple[Tensor, Tensor]]:
        """Write the output to y, overwrite s and c with the final states; return the states before each piece."""
        borders = []
        for start, end in self.spans():
            borders.append((s.clone(), c.clone()))
            *_, states, cells, y[:, start:end] = self.run(start, end, s, c)
            s.copy_(states[:, -1])
            c.copy_(cells[:, -1])
        return borders

    def backward(
        self,
        borders: list[tuple[Tensor, Tensor]],
        dy: Tensor,
        ds: Tensor,
        dc: Tensor,
        dx: Tensor | None,
        into: list[Tensor],
    ) -> None:
        """Write the gradient of x to dx, and add those of the weights to ``into``.

        ds and dc hold the gradients of the final states, and then those of the initial states.
        """
        from extrapolate.nn.recurrent import _gilr_lstm_kernels as kernels

        weights = self.params
        for (start, end), (s0, c0) in zip(reversed(self.spans()), reversed(borders), strict=True):
            rows, gates, gates4, s, c, _ = self.run(start, end, s0, c0)
            by_step = (self.count, end - start, -1)
            error = dy[:, start:end].contiguous().numpy()
            kernels.cell_adjoint(gates4.view(by_step).numpy(), c.numpy(), error, dc.numpy())
            to_state = (gates4 @ weights.recurrent).view(by_step)
            kernels.surrogate_adjoint(gates.view(by_step).numpy(), s.numpy(), to_state.numpy(), ds.numpy())
            if dx is not None:
                back = torch.addmm(gates4 @ weights.entering, gates, weights.surrogate)
                dx[:, start:end] = back.view(by_step)
            into[0].addmm_(gates.T, rows)
            into[1] += gates.sum(0)
            into[2].addmm_(gates4.T, rows)
            into[3] += gates4.sum(0)
            into[4].addmm_(gates4.T, s[:, :-1].reshape(len(rows), -1))


class _GILRLSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx, definition, x, s0, c0, *parameters):
        weights = _Weights(*parameters)
        y, s, c = x.new_empty(*x.shape[:2], weights.width), s0.clone(), c0.clone()
        ctx.groups = groups(len(x), ROWS / x.shape[1], x.shape[1] * weights.nanoseconds())
        ctx.borders, ctx.definition = {}, definition
        ctx.save_for_backward(x, s0, c0, *parameters)

        def walk(group: slice) -> None:
            ctx.borders[group.start] = _Pieces(x[group], weights).forward(s[group], c[group], y[group])

        at_once([partial(walk, group) for group in ctx.groups])
        return y, s, c

    @staticmethod
    def backward(ctx, dy, ds, dc):  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():  # the gradient itself will be differentiated
            return None, *gradient(ctx.definition, ctx.saved_tensors, (dy, ds, dc))
        x, _, _, *parameters = ctx.saved_tensors
        weights = _Weights(*parameters)
        ds, dc = ds.contiguous().clone(), dc.contiguous().clone()
        dx = torch.empty_like(x, memory_format=torch.contiguous_format) if ctx.needs_input_grad[1] else None
        into = [weights.zeros() for _ in ctx.groups]

        def walk(group: slice, into: list[Tensor]) -> None:
            _Pieces(x[group], weights).backward(
                ctx.borders[group.start],
                *(dy[group], ds[group], dc[group], None if dx is None else dx[group], into),
            )

        with torch.autocast("cpu", enabled=False):  # the kernels take float32
            at_once([partial(walk, *each) for each in zip(ctx.groups, into, strict=True)])
        totals = [reduce(torch.add, each) for each in zip(*into, strict=True)]
        return None, dx, ds, dc, *weights.unscaled(totals)


def gilr_lstm(definition: Definition, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """Return ``definition(*inputs)``, computed in pieces; second-order gradients use the definition itself."""
    return _GILRLSTM.apply(definition, *inputs)  # pyright: ignore[reportReturnType]
