"""A GILR-LSTM layer on a CPU, a piece of time at a time: gates never leave the nearest caches.

Of the forward pass only the states between pieces are kept; the backward pass walks the pieces from the last to the
first and computes each one's gates again. So a training step needs memory for the input, the output and one piece.
"""

from collections.abc import Iterator

import torch
from torch import Tensor

from extrapolate.nn._fused import Definition, gradient

#: Rows (steps times sequences) of a piece: its gates, 6 H floats a row, stay in a second-level cache for H to 64.
PIECE_ROWS = 512

Weights = tuple[Tensor, Tensor, Tensor]


class _Pieces:
    """The layer's weights made ready, and the buffers all pieces share."""

    def __init__(self, x: Tensor, weights: Weights, biases: tuple[Tensor, Tensor]) -> None:
        # Every gate becomes one sigmoid: tanh(v) = 2 σ(2 v) - 1, and 1 - g = σ(-v), exact near 0.
        surrogate, entering, recurrent = weights
        width = recurrent.shape[1]
        self.scale = x.new_tensor([-1.0, 2.0]).repeat_interleave(width)
        self.scale4 = x.new_tensor([1.0, 1.0, 1.0, 2.0]).repeat_interleave(width)
        self.surrogate, self.surrogate_bias = surrogate * self.scale[:, None], biases[0] * self.scale
        self.entering, self.entering_bias = entering * self.scale4[:, None], biases[1] * self.scale4
        self.recurrent = recurrent * self.scale4[:, None]
        self.x, self.count, self.width = x, x.shape[0], width
        self.steps = max(1, PIECE_ROWS // self.count)
        rows = self.count * min(self.steps, x.shape[1])
        self.gates, self.gates4, self.out = (x.new_empty(rows * n * width) for n in (2, 4, 1))

    def spans(self) -> Iterator[tuple[int, int]]:
        length = self.x.shape[1]
        return ((start, min(start + self.steps, length)) for start in range(0, length, self.steps))

    def run(self, start: int, end: int, s0: Tensor, c0: Tensor) -> tuple[Tensor, ...]:
        """Input rows, gates, states (B, steps + 1, H) and output of one piece."""
        from extrapolate.nn import _gilr_lstm_kernels as kernels

        count, width, steps = self.count, self.width, end - start
        rows = self.x[:, start:end].reshape(count * steps, -1)
        gates = self.gates[: len(rows) * 2 * width].view(len(rows), 2 * width)
        gates4 = self.gates4[: len(rows) * 4 * width].view(len(rows), 4 * width)
        out = self.out[: len(rows) * width].view(count, steps, width)
        s, c = (self.x.new_empty(count, steps + 1, width) for _ in range(2))
        s[:, 0], c[:, 0] = s0, c0
        torch.addmm(self.surrogate_bias, rows, self.surrogate.T, out=gates).sigmoid_()
        kernels.surrogate(gates.view(count, steps, -1).numpy(), s.numpy())
        torch.addmm(self.entering_bias, rows, self.entering.T, out=gates4)
        gates4.addmm_(s[:, :-1].reshape(len(rows), width), self.recurrent.T).sigmoid_()
        kernels.cell(gates4.view(count, steps, -1).numpy(), c.numpy(), out.numpy())
        return rows, gates, gates4, s, c, out


class _GILRLSTM(torch.autograd.Function):
    @staticmethod
    def forward(ctx, definition, x, s0, c0, surrogate, surrogate_bias, entering, entering_bias, recurrent):
        pieces = _Pieces(x, (surrogate, entering, recurrent), (surrogate_bias, entering_bias))
        y = x.new_empty(x.shape[0], x.shape[1], pieces.width)
        ctx.save_for_backward(x, s0, c0, surrogate, surrogate_bias, entering, entering_bias, recurrent)
        borders = []
        for start, end in pieces.spans():
            borders.append((s0, c0))
            *_, s, c, y[:, start:end] = pieces.run(start, end, s0, c0)
            s0, c0 = s[:, -1].clone(), c[:, -1].clone()
        ctx.borders, ctx.definition = borders, definition
        return y, s0, c0

    @staticmethod
    def backward(ctx, dy, ds, dc):  # pyright: ignore[reportIncompatibleMethodOverride]
        if torch.is_grad_enabled():  # the gradient is to be differentiated itself
            return None, *gradient(ctx.definition, ctx.saved_tensors, (dy, ds, dc))
        from extrapolate.nn import _gilr_lstm_kernels as kernels

        x, _, _, surrogate, surrogate_bias, entering, entering_bias, recurrent = ctx.saved_tensors
        pieces = _Pieces(x, (surrogate, entering, recurrent), (surrogate_bias, entering_bias))
        ds, dc = ds.contiguous().clone(), dc.contiguous().clone()
        dx = torch.empty_like(x, memory_format=torch.contiguous_format) if ctx.needs_input_grad[1] else None
        into = [torch.zeros_like(each) for each in (surrogate, entering, recurrent)]
        into_bias = [torch.zeros_like(each) for each in (surrogate_bias, entering_bias)]
        for (start, end), (s0, c0) in zip(reversed(list(pieces.spans())), reversed(ctx.borders), strict=True):
            steps = end - start
            rows, gates, gates4, s, c, _ = pieces.run(start, end, s0, c0)
            error = dy[:, start:end].contiguous().numpy()
            kernels.cell_adjoint(gates4.view(x.shape[0], steps, -1).numpy(), c.numpy(), error, dc.numpy())
            to_state = (gates4 @ pieces.recurrent).view(x.shape[0], steps, -1)
            kernels.surrogate_adjoint(
                gates.view(x.shape[0], steps, -1).numpy(), s.numpy(), to_state.numpy(), ds.numpy()
            )
            if dx is not None:
                back = torch.addmm(gates4 @ pieces.entering, gates, pieces.surrogate)
                dx[:, start:end] = back.view(x.shape[0], steps, -1)
            into[0].addmm_(gates.T, rows)
            into[1].addmm_(gates4.T, rows)
            into[2].addmm_(gates4.T, s[:, :-1].reshape(len(rows), -1))
            into_bias[0] += gates.sum(0)
            into_bias[1] += gates4.sum(0)
        into[0] *= pieces.scale[:, None]
        into[1] *= pieces.scale4[:, None]
        into[2] *= pieces.scale4[:, None]
        into_bias = [into_bias[0] * pieces.scale, into_bias[1] * pieces.scale4]
        return None, dx, ds, dc, into[0], into_bias[0], into[1], into_bias[1], into[2]


def gilr_lstm(definition: Definition, *inputs: Tensor) -> tuple[Tensor, Tensor, Tensor]:
    """``definition(*inputs)``, in pieces. The definition itself is used where a gradient is differentiated again."""
    return _GILRLSTM.apply(definition, *inputs)  # pyright: ignore[reportReturnType]
