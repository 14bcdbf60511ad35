"""The registered operator: one call under eager, ``torch.compile`` and ``vmap``, on any device."""

from types import ModuleType

import torch
from torch import Tensor

from extrapolate._runtime.compiler import numba_is_installed
from extrapolate._runtime.errors import UserError
from extrapolate.ops.linear_recurrence import scan

_library = torch.library.Library("extrapolate", "FRAGMENT")
_library.define(
    "linear_recurrence(Tensor a, Tensor b, Tensor? h0, Tensor? reset, bool reverse) -> Tensor",
    tags=(torch.Tag.pt2_compliant_tag,),
)
# da, db, dh0 in one pass over g, a and h
_library.define(
    "linear_recurrence_adjoint(Tensor g, Tensor a, Tensor h, Tensor? h0, Tensor? reset, bool reverse)"
    " -> (Tensor, Tensor, Tensor)",
    tags=(torch.Tag.pt2_compliant_tag,),
)
_forward = torch.ops.extrapolate.linear_recurrence
_adjoint = torch.ops.extrapolate.linear_recurrence_adjoint


def _kernels(device: torch.device) -> ModuleType:
    """Where this device's kernels are; plain tensor operations where their compiler is missing."""
    try:
        if device.type == "cpu" and numba_is_installed():
            from extrapolate.ops.linear_recurrence import cpu as kernels
        elif device.type == "cuda":
            from extrapolate.ops.linear_recurrence import cuda as kernels
        else:
            return scan
    except ImportError:
        return scan
    return kernels


def _forward_kernel(a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> Tensor:
    dtype = b.dtype
    if dtype in (torch.float16, torch.bfloat16):  # accumulated in float32, rounded once
        a, b, h0 = a.float(), b.float(), None if h0 is None else h0.float()
    return _kernels(b.device).forward(a, b, h0, reset, reverse).to(dtype)


def _adjoint_kernel(
    g: Tensor, a: Tensor, h: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool
) -> tuple[Tensor, ...]:
    dtype = h.dtype
    if dtype in (torch.float16, torch.bfloat16):
        g, a, h, h0 = g.float(), a.float(), h.float(), None if h0 is None else h0.float()
    return tuple(each.to(dtype) for each in _kernels(h.device).adjoint(g, a, h, h0, reset, reverse))


_library.impl("linear_recurrence", _forward_kernel, "CompositeExplicitAutograd")
_library.impl("linear_recurrence_adjoint", _adjoint_kernel, "CompositeExplicitAutograd")


@torch.library.register_fake("extrapolate::linear_recurrence", lib=_library)
def _forward_fake(a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> Tensor:
    return b.new_empty(b.shape)


@torch.library.register_fake("extrapolate::linear_recurrence_adjoint", lib=_library)
def _adjoint_fake(
    g: Tensor, a: Tensor, h: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool
) -> tuple[Tensor, Tensor, Tensor]:
    return h.new_empty(h.shape), h.new_empty(h.shape), h.new_empty(h.shape[0], h.shape[2])


class _Recurrence(torch.autograd.Function):
    """The gradient of the operator, as a Function: torch.func.grad refuses what ``register_autograd`` makes."""

    generate_vmap_rule = True

    @staticmethod
    def forward(a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool) -> Tensor:
        return _forward(a, b, h0, reset, reverse)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        a, _, h0, reset, ctx.reverse = inputs
        ctx.save_for_backward(a, output, h0, reset)

    @staticmethod
    def backward(ctx, g: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        a, h, h0, reset = ctx.saved_tensors
        da, db, dh0 = _Adjoint.apply(g, a, h, h0, reset, ctx.reverse)  # pyright: ignore[reportGeneralTypeIssues]
        return da, db, None if h0 is None else dh0, None, None


class _Adjoint(torch.autograd.Function):
    """The adjoint is itself a recurrence over db = G, backwards, with gates one step later: so is its gradient.

    With p the states one step before: da = G p, dh0 = a_first G_first.
    """

    generate_vmap_rule = True

    @staticmethod
    def forward(
        g: Tensor, a: Tensor, h: Tensor, h0: Tensor | None, reset: Tensor | None, reverse: bool
    ) -> tuple[Tensor, Tensor, Tensor]:
        return _adjoint(g, a, h, h0, reset, reverse)

    @staticmethod
    def setup_context(ctx, inputs, output) -> None:
        _, a, h, h0, reset, ctx.reverse = inputs
        ctx.save_for_backward(a, h, h0, reset, output[1])

    @staticmethod
    def backward(ctx, u: Tensor, v: Tensor, w: Tensor):  # pyright: ignore[reportIncompatibleMethodOverride]
        a, h, h0, reset, total = ctx.saved_tensors
        reverse, start = ctx.reverse, slice(-1, None) if ctx.reverse else slice(0, 1)
        nothing = torch.zeros_like(h[:, :1])
        before = scan.earlier(h, nothing if h0 is None else h0.unsqueeze(1), reverse)
        keep = None if reset is None else ~reset.unsqueeze(-1)
        if keep is not None:
            before, u = torch.where(keep, before, 0.0), torch.where(keep, u, 0.0)
            w = torch.where(keep[:, start].squeeze(1), w, 0.0)
        at_start = (a[:, start] * w.unsqueeze(1), total[:, start] * w.unsqueeze(1))
        rest = torch.zeros_like(h[:, 1:])
        into_total, into_gate = (
            torch.cat([rest, each] if reverse else [each, rest], 1) if h.shape[1] else rest for each in at_start
        )
        later_gate = scan.earlier(a, nothing, not reverse)
        later_reset = None if reset is None else scan.earlier(reset, torch.zeros_like(reset[:, :1]), not reverse)
        d_later, dg, _ = _Adjoint.apply(
            u * before + v + into_total, later_gate, total, None, later_reset, not reverse
        )
        da = scan.earlier(d_later, nothing, reverse) + into_gate
        d_before = u * total
        dh = scan.earlier(d_before, nothing, not reverse)
        dh0 = None if h0 is None else d_before[:, start].sum(1)
        return dg, da, dh, dh0, None, None


def _fold(info, in_dims, tensors) -> list[Tensor | None]:
    """The mapped axis becomes part of the batch: an operand that has none is repeated without a copy if it can."""
    folded = []
    for tensor, dim in zip(tensors, in_dims, strict=True):
        if tensor is not None:
            wide = tensor.unsqueeze(0) if dim is None else tensor.movedim(dim, 0)
            tensor = wide.expand(info.batch_size, *wide.shape[1:]).flatten(0, 1)
        folded.append(tensor)
    return folded


def _forward_vmap(info, in_dims, a, b, h0, reset, reverse):
    out = _forward(*_fold(info, in_dims[:4], (a, b, h0, reset)), reverse)
    return out.unflatten(0, (info.batch_size, out.shape[0] // info.batch_size)), 0


def _adjoint_vmap(info, in_dims, g, a, h, h0, reset, reverse):
    outs = _adjoint(*_fold(info, in_dims[:5], (g, a, h, h0, reset)), reverse)
    size = info.batch_size
    return tuple(out.unflatten(0, (size, out.shape[0] // size)) for out in outs), (0, 0, 0)


torch.library.register_vmap("extrapolate::linear_recurrence", _forward_vmap, lib=_library)
torch.library.register_vmap("extrapolate::linear_recurrence_adjoint", _adjoint_vmap, lib=_library)


def _check(a: Tensor, b: Tensor, h0: Tensor | None, reset: Tensor | None) -> None:
    def shape(x: Tensor) -> str:
        return str(tuple(x.shape))

    for name, x in (("a", a), ("b", b), ("h0", h0)):
        if x is not None and not x.is_floating_point():
            raise UserError(f"linear_recurrence takes floating-point tensors, but {name} is {x.dtype}: convert it")
        if x is not None and x.device != b.device:
            raise UserError(f"linear_recurrence: b is on {b.device} but {name} on {x.device}: move one of them")
    if b.dim() != 3:
        raise UserError(f"linear_recurrence: b must be (batch, time, channels), got {shape(b)}")
    if a.dim() > 3 or any(n not in (1, m) for n, m in zip(a.shape[::-1], b.shape[::-1], strict=False)):
        raise UserError(f"linear_recurrence: a {shape(a)} does not broadcast to b {shape(b)}")
    row = (b.shape[0], b.shape[2])
    if h0 is not None and tuple(h0.shape) != row:
        raise UserError(f"linear_recurrence: h0 must be {row} for b {shape(b)}, got {shape(h0)}")
    if reset is not None and (reset.dtype != torch.bool or reset.shape != b.shape[:2]):
        wanted = f"bool {tuple(b.shape[:2])}"
        raise UserError(
            f"linear_recurrence: reset must be {wanted} for b {shape(b)}, got {reset.dtype} {shape(reset)}"
        )
    if reset is not None and reset.device != b.device:
        raise UserError(f"linear_recurrence: b is on {b.device} but reset on {reset.device}: move one of them")


def linear_recurrence(
    a: Tensor, b: Tensor, h0: Tensor | None = None, *, reverse: bool = False, reset: Tensor | None = None
) -> Tensor:
    """h_t = a_t * h_{t-1} + b_t for every channel, t = 1...T; returns all h, (B, T, D). The last is ``h[:, -1]``.

    Args:
        a: gates, (B, T, D) or anything that broadcasts to it, of any size and sign.
        b: what is added, (B, T, D). float16, bfloat16 (accumulated in float32), float32 or float64; the three
            promote as in torch's arithmetic. Strides are free while those of the channels are 1; otherwise it is
            copied once.
        h0: the state before the first step, (B, D); None is 0.
        reverse: from the last step to the first: h_t = a_t * h_{t+1} + b_t, and h0 stands after the last.
        reset: bool (B, T); where true the incoming state is taken as 0, as where a new document begins.

    Gradients reach a, b and h0, of any order. A NaN spreads along its own channel of its own sequence only.
    The same call gives the same bits, however many threads there are.

    Raises:
        UserError: shapes that do not match, integers, or tensors on different devices.

    Source: Martin & Cundy 2018, "Parallelizing Linear Recurrent Neural Nets Over Sequence Length".
    """
    _check(a, b, h0, reset)
    dtype = torch.promote_types(a.dtype, b.dtype)
    dtype = dtype if h0 is None else torch.promote_types(dtype, h0.dtype)
    gates = a.to(dtype).expand(b.shape)
    start = None if h0 is None else h0.to(dtype)
    return _Recurrence.apply(gates, b.to(dtype), start, reset, reverse)  # pyright: ignore[reportReturnType]
