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
    """Return the module with the kernels for a device; ``scan`` if their compiler is missing."""
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
    if dtype in (torch.float16, torch.bfloat16):  # accumulate in float32, round once
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
    """The operator with its gradient. A Function, since torch.func.grad does not support ``register_autograd``."""

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
    """The adjoint with its gradient.

    The adjoint is a recurrence for G = db, in the opposite direction, with the gates of one step later. With p the
    states one step before, da = G p and dh0 = a_first G_first. So its gradient is an adjoint again.
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
        zero = torch.zeros_like(h[:, :1])
        before = scan.earlier(h, zero if h0 is None else h0.unsqueeze(1), reverse)
        keep = None if reset is None else ~reset.unsqueeze(-1)
        if keep is not None:
            before, u = torch.where(keep, before, 0.0), torch.where(keep, u, 0.0)
            w = torch.where(keep[:, start].squeeze(1), w, 0.0)
        at_start = (a[:, start] * w.unsqueeze(1), total[:, start] * w.unsqueeze(1))
        rest = torch.zeros_like(h[:, 1:])
        into_total, into_gate = (
            torch.cat([rest, each] if reverse else [each, rest], 1) if h.shape[1] else rest for each in at_start
        )
        later_gate = scan.earlier(a, zero, not reverse)
        later_reset = None if reset is None else scan.earlier(reset, torch.zeros_like(reset[:, :1]), not reverse)
        d_later, dg, _ = _Adjoint.apply(
            u * before + v + into_total, later_gate, total, None, later_reset, not reverse
        )
        da = scan.earlier(d_later, zero, reverse) + into_gate
        d_before = u * total
        dh = scan.earlier(d_before, zero, not reverse)
        dh0 = None if h0 is None else d_before[:, start].sum(1)
        return dg, da, dh, dh0, None, None


def _fold(info, in_dims, tensors) -> list[Tensor | None]:
    """Merge the mapped axis of each tensor into the batch; expand a tensor without one, as a view if possible."""
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
            raise UserError(f"linear_recurrence: {name} must be a floating-point tensor, got {x.dtype}: convert it")
        if x is not None and x.device != b.device:
            raise UserError(f"linear_recurrence: b is on {b.device} but {name} on {x.device}: move one of them")
    if b.dim() != 3:
        raise UserError(f"linear_recurrence: b must be (batch, time, channels), got {shape(b)}")
    if a.dim() > 3 or any(n not in (1, m) for n, m in zip(a.shape[::-1], b.shape[::-1], strict=False)):
        raise UserError(f"linear_recurrence: a must broadcast to b {shape(b)}, got {shape(a)}")
    row = (b.shape[0], b.shape[2])
    if h0 is not None and tuple(h0.shape) != row:
        raise UserError(f"linear_recurrence: h0 must be {row} for b {shape(b)}, got {shape(h0)}")
    if reset is not None and (reset.dtype != torch.bool or reset.shape != b.shape[:2]):
        expected = f"bool {tuple(b.shape[:2])}"
        raise UserError(
            f"linear_recurrence: reset must be {expected} for b {shape(b)}, got {reset.dtype} {shape(reset)}"
        )
    if reset is not None and reset.device != b.device:
        raise UserError(f"linear_recurrence: b is on {b.device} but reset on {reset.device}: move one of them")


def linear_recurrence(
    a: Tensor, b: Tensor, h0: Tensor | None = None, *, reverse: bool = False, reset: Tensor | None = None
) -> Tensor:
    """Return all states h (B, T, D) of h_t = a_t * h_{t-1} + b_t, for every channel; the final one is ``h[:, -1]``.

    Args:
        a: gates, (B, T, D) or a shape that broadcasts to it; values may be negative, or larger than 1.
        b: inputs, (B, T, D), float16, bfloat16 (both accumulated in float32), float32 or float64. Different dtypes
            of a, b and h0 follow torch's type promotion. A tensor is copied if the stride of its last axis is not 1.
        h0: the state before the first step, (B, D). None: 0.
        reverse: run from the last step to the first: h_t = a_t * h_{t+1} + b_t, where h0 is the state after the last.
        reset: bool (B, T); where True, the previous state counts as 0, for example where a new document starts.

    The result is differentiable with respect to a, b and h0, any number of times. A NaN spreads only within its own
    channel of its own sequence. Results are the same to the bit for any number of threads.

    Raises:
        UserError: shapes do not match, a tensor is not floating-point, or tensors are on different devices.

    Source: Martin & Cundy 2018, "Parallelizing Linear Recurrent Neural Nets Over Sequence Length".
    """
    _check(a, b, h0, reset)
    dtype = torch.promote_types(a.dtype, b.dtype)
    dtype = dtype if h0 is None else torch.promote_types(dtype, h0.dtype)
    gates = a.to(dtype).expand(b.shape)
    start = None if h0 is None else h0.to(dtype)
    return _Recurrence.apply(gates, b.to(dtype), start, reset, reverse)  # pyright: ignore[reportReturnType]
