"""The CUDA kernels, in Triton. A program computes one piece of time of one sequence, for a block of channels.

If sequences and channels are enough to fill the GPU, one piece is the whole sequence: every element is read once and
written once. Otherwise time is cut into pieces of ``PIECE`` steps. A first kernel reduces each piece to a pair
(P, R), which maps the state at its start to P state + R, the state at its end. These pairs are a recurrence as well;
it gives the state at the start of each piece. This method reads the inputs twice.

The kernels accumulate in the dtype of their inputs, float32 or float64.
"""

# pyright: reportIndexIssue=false, reportCallIssue=false, reportArgumentType=false, reportMissingImports=false
# (Triton's decorated functions carry no useful static types)

import torch
import triton
import triton.language as tl
from torch import Tensor

from extrapolate.ops.linear_recurrence.scan import earlier

#: Steps per piece and channels per block: constants, so that results do not depend on the GPU.
PIECE = 256
BLOCK = 64
#: With fewer programs the GPU is not full, and time is cut into pieces.
ENOUGH_PROGRAMS = 2048


@triton.jit
def _locate(length, width, pieces, piece, block: tl.constexpr):
    """Return the sequence, first step, number of steps and channels of this program, and which channels exist."""
    sequence = (tl.program_id(0) // pieces).to(tl.int64)
    begin = (tl.program_id(0) % pieces).to(tl.int64) * piece
    steps = tl.minimum(length - begin, piece)
    channel = tl.program_id(1) * block + tl.arange(0, block)
    return sequence, begin, steps, channel, channel < width


@triton.jit
def _reduce(
    a, an, at, b, bn, bt, reset, products, rests, forgets, length, width, pieces,
    adjoint: tl.constexpr, has_reset: tl.constexpr, down: tl.constexpr,
    piece, block: tl.constexpr,
):  # fmt: skip
    sequence, begin, steps, channel, inside = _locate(length, width, pieces, piece, block)
    product = tl.full((block,), 1.0, products.dtype.element_ty)
    rest = tl.zeros((block,), products.dtype.element_ty)
    forgot = 0
    for i in range(steps):
        t = begin + (steps - 1 - i if down else i)
        gate = tl.load(a + sequence * an + t * at + channel, inside, 0.0)
        token = tl.load(b + sequence * bn + t * bt + channel, inside, 0.0)
        if adjoint:  # carry = a (carry + g), reset after the step
            rest = gate * (rest + token)
            product = product * gate
        if has_reset:
            here = tl.load(reset + sequence * length + t).to(tl.int32)
            rest = tl.where(here != 0, 0.0, rest)
            product = tl.where(here != 0, 0.0, product)
            forgot = tl.maximum(forgot, here)
        if not adjoint:
            rest = gate * rest + token
            product = product * gate
    at_piece = tl.program_id(0).to(tl.int64)
    tl.store(products + at_piece * width + channel, product, inside)
    tl.store(rests + at_piece * width + channel, rest, inside)
    if has_reset:
        tl.store(forgets + at_piece, forgot.to(tl.int8))  # pyright: ignore[reportAttributeAccessIssue]


@triton.jit
def _scan(
    a, an, at, b, bn, bt, starts, reset, out, length, width, pieces,
    has_reset: tl.constexpr, down: tl.constexpr, piece, block: tl.constexpr,
):  # fmt: skip
    sequence, begin, steps, channel, inside = _locate(length, width, pieces, piece, block)
    state = tl.load(starts + tl.program_id(0).to(tl.int64) * width + channel, inside, 0.0)
    for i in range(steps):
        t = begin + (steps - 1 - i if down else i)
        if has_reset:
            state = tl.where(tl.load(reset + sequence * length + t) != 0, 0.0, state)
        gate = tl.load(a + sequence * an + t * at + channel, inside, 0.0)
        state = gate * state + tl.load(b + sequence * bn + t * bt + channel, inside, 0.0)
        tl.store(out + (sequence * length + t) * width + channel, state, inside)


@triton.jit
def _adjoint(
    g, gn, gt, a, an, at, h, hn, ht, h0, carries, reset, da, db, dh0, length, width, pieces,
    has_reset: tl.constexpr, down: tl.constexpr, piece, block: tl.constexpr,
):  # fmt: skip
    sequence, begin, steps, channel, inside = _locate(length, width, pieces, piece, block)
    carry = tl.load(carries + tl.program_id(0).to(tl.int64) * width + channel, inside, 0.0)
    for i in range(steps):
        t = begin + (steps - 1 - i if down else i)
        total = carry + tl.load(g + sequence * gn + t * gt + channel, inside, 0.0)
        ahead = t - 1 if down else t + 1
        last = channel < tl.where(t == (0 if down else length - 1), width, 0)  # all channels, or none
        before = tl.load(h + sequence * hn + ahead * ht + channel, inside & ~last, 0.0)
        before += tl.load(h0 + sequence * width + channel, last, 0.0)
        carry = tl.load(a + sequence * an + t * at + channel, inside, 0.0) * total
        if has_reset:
            here = tl.load(reset + sequence * length + t) != 0
            before = tl.where(here, 0.0, before)
            carry = tl.where(here, 0.0, carry)
        offset = (sequence * length + t) * width + channel
        tl.store(db + offset, total, inside)
        tl.store(da + offset, total * before, inside)
        tl.store(dh0 + sequence * width + channel, carry, last)


def _ready(x: Tensor) -> tuple[Tensor, int, int]:
    x = x if x.stride(-1) == 1 or x.shape[-1] == 1 else x.contiguous()
    return x, x.stride(0), x.stride(1)


def _pieces(shape: torch.Size) -> int:
    count, length, width = shape
    programs = count * triton.cdiv(width, BLOCK)
    return 1 if programs >= ENOUGH_PROGRAMS or length < 4 * PIECE else triton.cdiv(length, PIECE)


def _steps(length: int, pieces: int) -> int:
    return length if pieces == 1 else PIECE


def _starts(
    a: Tensor, b: Tensor, h0: Tensor, reset: Tensor | None, down: bool, is_adjoint: bool, pieces: int
) -> Tensor:
    """Return the initial state of each piece, (N, pieces, D)."""
    if pieces == 1:
        return h0.unsqueeze(1).contiguous()
    count, length, width = b.shape
    products, rests = (b.new_empty(count, pieces, width) for _ in range(2))
    forgets = torch.empty(count, pieces, dtype=torch.int8, device=b.device)
    _reduce[count * pieces, triton.cdiv(width, BLOCK)](
        *(*_ready(a), *_ready(b), b if reset is None else reset.view(torch.int8), products, rests, forgets),
        *(length, width, pieces, is_adjoint, reset is not None, down, _steps(length, pieces), BLOCK),
    )
    ends = forward(products, rests, h0, None if reset is None else forgets.bool(), down)
    return earlier(ends, h0.unsqueeze(1), down).contiguous()


def forward(a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> Tensor:
    out = torch.empty_like(b, memory_format=torch.contiguous_format)
    if out.numel() == 0:
        return out
    count, length, width = b.shape
    pieces = _pieces(b.shape)
    h0 = b.new_zeros(count, width) if h0 is None else h0
    reset = None if reset is None else reset.contiguous()
    with torch.cuda.device(b.device):
        starts = _starts(a, b, h0, reset, reverse, False, pieces)
        _scan[count * pieces, triton.cdiv(width, BLOCK)](
            *(*_ready(a), *_ready(b), starts, b if reset is None else reset.view(torch.int8), out),
            *(length, width, pieces, reset is not None, reverse, _steps(length, pieces), BLOCK),
        )
    return out


def adjoint(
    g: Tensor, a: Tensor, h: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    da, db = (torch.empty_like(h, memory_format=torch.contiguous_format) for _ in range(2))
    dh0 = h.new_zeros(h.shape[0], h.shape[2])
    if h.numel() == 0:
        return da, db, dh0
    count, length, width = h.shape
    pieces = _pieces(h.shape)
    reset = None if reset is None else reset.contiguous()
    before = torch.zeros_like(dh0) if h0 is None else h0.contiguous()
    with torch.cuda.device(h.device):
        carries = _starts(a, g, torch.zeros_like(dh0), reset, not reverse, True, pieces)
        _adjoint[count * pieces, triton.cdiv(width, BLOCK)](
            *(*_ready(g), *_ready(a), *_ready(h), before, carries),
            *(g if reset is None else reset.view(torch.int8), da, db, dh0),
            *(length, width, pieces, reset is not None, not reverse, _steps(length, pieces), BLOCK),
        )
    return da, db, dh0
