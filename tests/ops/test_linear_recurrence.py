"""h_t = a_t h_{t-1} + b_t: the fast operator against its definition, for any shape, stride and direction."""

import re
from collections.abc import Callable
from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bits import assert_equal
from extrapolate._runtime.errors import UserError
from extrapolate.ops import linear_recurrence
from extrapolate.ops.linear_recurrence import cpu, op, reference, scan

Inputs = tuple[Tensor, Tensor, Tensor]


def inputs(n: int, length: int, width: int, dtype: torch.dtype = torch.float64) -> Inputs:
    a, b, h0 = torch.randn(n, length, width), torch.randn(n, length, width), torch.randn(n, width)
    return a.to(dtype), b.to(dtype), h0.to(dtype)


def passes(
    kernels: Any, a: Tensor, b: Tensor, h0: Tensor, reset: Tensor | None = None, reverse: bool = False
) -> tuple[Tensor, ...]:
    """Return the states, and the gradients of their product with ``b``."""
    h = kernels.forward(a, b, h0, reset, reverse)
    return h, *kernels.adjoint(b, a, h, h0, reset, reverse)


@given(
    n=st.integers(0, 3), length=st.integers(0, 20), width=st.integers(0, 40), reverse=st.booleans(),
    resets=st.booleans(), starts=st.booleans(), dtype=st.sampled_from([torch.float32, torch.float64]),
)  # fmt: skip
def test_kernel_equals_the_loop_bit_for_bit(
    n: int, length: int, width: int, reverse: bool, resets: bool, starts: bool, dtype: torch.dtype
) -> None:
    a, b, h0 = inputs(n, length, width, dtype)
    state, reset = h0 if starts else None, torch.rand(n, length) < 0.3 if resets else None
    fast = linear_recurrence(a, b, state, reverse=reverse, reset=reset)
    slow = reference.linear_recurrence(a, b, state, reverse=reverse, reset=reset)
    assert_equal(fast, slow)


@given(n=st.integers(0, 3), length=st.integers(0, 20), reverse=st.booleans(), resets=st.booleans())
def test_plain_scan_and_its_adjoint_equal_the_kernels(n: int, length: int, reverse: bool, resets: bool) -> None:
    tensors, reset = inputs(n, length, 5), torch.rand(n, length) < 0.3 if resets else None
    torch.testing.assert_close(passes(scan, *tensors, reset, reverse), passes(cpu, *tensors, reset, reverse))


@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("resets", [False, True])
@pytest.mark.parametrize("width", [3, 17])
def test_gradients_of_both_orders(reverse: bool, resets: bool, width: int) -> None:
    tensors = inputs(2, 4, width)
    tensors[0][0, 1, 0], tensors[0][0, 2, 1] = 0.0, 1.0
    reset = torch.rand(2, 4) < 0.3 if resets else None

    def recur(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        return linear_recurrence(a, b, h0, reverse=reverse, reset=reset)

    arguments = tuple(each.requires_grad_() for each in tensors)
    assert torch.autograd.gradcheck(recur, arguments, fast_mode=width > 3)
    assert torch.autograd.gradgradcheck(recur, arguments, fast_mode=width > 3)


@pytest.mark.parametrize("length", [0, 1])
def test_gradients_of_empty_and_single_steps(length: int) -> None:
    a, b, h0 = (each.requires_grad_() for each in inputs(2, length, 3))
    slopes = torch.autograd.grad(linear_recurrence(a, b, h0).sum(), (a, b, h0))
    expected = h0.unsqueeze(1).expand(2, length, 3), torch.ones_like(b), a.sum(1)
    torch.testing.assert_close(slopes, expected)


@pytest.mark.parametrize("shape", [(2, 9, 1), (1, 9, 5), (9, 5), (2, 1, 5), (5,), ()])
def test_gates_broadcast_and_their_gradient_is_the_sum(shape: tuple[int, ...]) -> None:
    small = torch.randn(shape, dtype=torch.float64, requires_grad=True)
    _, b, _ = inputs(2, 9, 5)
    fast, slow = linear_recurrence(small, b), reference.linear_recurrence(small.expand(2, 9, 5), b)
    torch.testing.assert_close(fast, slow)
    (actual,), (expected,) = (torch.autograd.grad(h.square().sum(), small) for h in (fast, slow))
    torch.testing.assert_close(actual, expected)


STRIDES: dict[str, Callable[[Tensor], Tensor]] = {
    "time first": lambda x: x.transpose(0, 1).contiguous().transpose(0, 1),
    "channels first": lambda x: x.transpose(1, 2).contiguous().transpose(1, 2),
    "part of a wider one": lambda x: torch.cat([x, x, x], -1)[..., x.shape[-1] : 2 * x.shape[-1]],
    "every second step": lambda x: x.repeat_interleave(2, 1)[:, ::2],
    "every second channel": lambda x: x.repeat_interleave(2, 2)[..., ::2],
}


@pytest.mark.parametrize("name", STRIDES)
def test_any_strides(name: str) -> None:
    a, b, h0 = inputs(3, 7, 18)
    expected = linear_recurrence(a, b, h0)
    moved = [STRIDES[name](each).requires_grad_() for each in (a, b)]
    h = linear_recurrence(moved[0], moved[1], h0)
    assert_equal(h, expected)
    g = STRIDES[name](torch.randn_like(h))
    plain = [each.requires_grad_() for each in (a, b)]
    expected = torch.autograd.grad(linear_recurrence(plain[0], plain[1], h0), plain, g)
    torch.testing.assert_close(torch.autograd.grad(h, moved, g), expected)


def test_sixteen_bits_accumulate_in_float32_and_dtypes_promote_as_in_arithmetic() -> None:
    a, b, h0 = inputs(2, 500, 16, torch.bfloat16)
    a = torch.sigmoid(a)
    h = linear_recurrence(a, b, h0)
    assert h.dtype == torch.bfloat16
    assert_equal(h, linear_recurrence(a.float(), b.float(), h0.float()).bfloat16())
    assert linear_recurrence(a, b.float()).dtype == torch.float32
    assert linear_recurrence(a.float(), b.float(), h0.double()).dtype == torch.float64


def test_long_sequence_keeps_its_digits() -> None:
    a, b, _ = inputs(1, 100_000, 4, torch.float32)
    a = torch.sigmoid(a)
    exact = linear_recurrence(a.double(), b.double())
    error = (linear_recurrence(a, b).double() - exact).abs().max() / exact.abs().max()
    assert error < 1e-6


def test_nan_stays_in_its_channel_and_a_reset_ends_it() -> None:
    a, b, h0 = inputs(2, 8, 20)
    a[0, 3, 17] = torch.nan
    bad = linear_recurrence(a, b, h0).isnan()
    assert bad[0, 3:, 17].all()
    assert bad.sum() == 5
    reset = torch.arange(16).view(2, 8) == 6
    for kernels in (cpu, scan):
        assert kernels.forward(a, b, h0, reset, False).isnan().sum() == 3


@pytest.mark.usefixtures("shared_work")
@pytest.mark.parametrize(("n", "width", "parts"), [(3, 100, 3), (1, 300, 4), (1, 100, 1)])
def test_threads_change_no_bit(n: int, width: int, parts: int, monkeypatch: pytest.MonkeyPatch) -> None:
    """Threads share the sequences, and channels if there are enough threads."""
    tensors, results = inputs(n, 50, width, torch.float32), []
    for threads in (1, 2, 3, 7):
        monkeypatch.setattr(torch, "get_num_threads", lambda threads=threads: threads)
        results.append(passes(cpu, *tensors))
    assert len(list(cpu._parts(tensors[1].shape))) == parts
    for other in results[1:]:
        assert_equal(other, results[0])


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("width", [16, 48, 20])
def test_results_that_bypass_the_caches_are_the_same_bits(
    dtype: torch.dtype, reverse: bool, width: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    tensors, reset, results = inputs(3, 50, width, dtype), torch.rand(3, 50) < 0.1, []
    for limit in (2**60, 0):
        monkeypatch.setattr(cpu, "STREAMED", limit)
        results.append(passes(cpu, *tensors, reset, reverse))
    assert cpu._streams(results[1][0]) == (width != 20)
    assert not cpu._streams(torch.zeros(1 + 5 * 16)[1:].view(1, 5, 16)), "begins within a cache line"
    assert_equal(*results)


def test_vmap_over_all_arguments_and_through_gradients() -> None:
    a, b, h0 = (torch.randn(4, *each.shape, dtype=torch.float64) for each in inputs(2, 5, 3))
    expected = torch.stack([linear_recurrence(*each) for each in zip(a, b, h0, strict=True)])
    torch.testing.assert_close(torch.vmap(linear_recurrence)(a, b, h0), expected)
    shared = torch.vmap(linear_recurrence, in_dims=(None, 1))(a[0], b.movedim(0, 1))
    torch.testing.assert_close(shared, torch.stack([linear_recurrence(a[0], each) for each in b]))

    def loss(a: Tensor, b: Tensor) -> Tensor:
        return linear_recurrence(a, b).square().sum()

    alone = torch.stack([torch.func.grad(loss)(*each) for each in zip(a, b, strict=True)])
    torch.testing.assert_close(torch.vmap(torch.func.grad(loss))(a, b), alone)


# torch's tracer instantiates autograd.Function, and torch warns about that
@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.slow
def test_compiles_whole_with_gradients() -> None:
    tensors = [each.requires_grad_() for each in inputs(2, 6, 4, torch.float32)]

    def fused(a: Tensor, b: Tensor, h0: Tensor) -> Tensor:
        return linear_recurrence(torch.sigmoid(a), torch.tanh(b), h0, reverse=True).square().sum()

    actual = torch.autograd.grad(torch.compile(fused, fullgraph=True)(*tensors), tensors)
    torch.testing.assert_close(actual, torch.autograd.grad(fused(*tensors), tensors))


@pytest.mark.slow
def test_operator_keeps_torchs_own_rules() -> None:
    a, b, h0 = inputs(2, 5, 3)
    torch.library.opcheck(op._forward, (a, b, h0, None, False))
    torch.library.opcheck(op._adjoint, (b, a, b.clone(), h0, torch.rand(2, 5) < 0.3, True))


def test_without_a_kernel_the_plain_scan_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    a, b, h0 = (each.requires_grad_() for each in inputs(2, 5, 3))
    expected = torch.autograd.grad(linear_recurrence(a, b, h0).square().sum(), (a, b, h0))
    monkeypatch.setattr(op, "_kernels", lambda device: scan)
    actual = torch.autograd.grad(linear_recurrence(a, b, h0).square().sum(), (a, b, h0))
    torch.testing.assert_close(actual, expected)


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
@pytest.mark.parametrize("shape", [(1, 1, 1), (2, 300, 7), (3, 64, 130), (1, 5000, 65), (2, 4097, 16)])
@pytest.mark.parametrize("reverse", [False, True])
@pytest.mark.parametrize("resets", [False, True])
def test_cuda_equals_cpu(shape: tuple[int, int, int], reverse: bool, resets: bool) -> None:
    a, b, h0 = inputs(*shape)
    a, g = torch.sigmoid(a), torch.randn_like(b)
    reset = torch.rand(shape[:2]) < 0.3 if resets else None
    answers = []
    for device in ("cpu", "cuda"):
        moved = [each.to(device).requires_grad_() for each in (a, b, h0)]
        h = linear_recurrence(*moved, reverse=reverse, reset=None if reset is None else reset.to(device))
        answers.append((h, *torch.autograd.grad(h, moved, g.to(device))))
    for slow, fast in zip(*answers, strict=True):
        torch.testing.assert_close(fast.cpu(), slow)


REFUSED: dict[str, Callable[[Tensor, Tensor], Tensor]] = {
    "a must broadcast to b (2, 5, 3), got (2, 4, 3)": lambda a, b: linear_recurrence(a[:, :4], b),
    "h0 must be (2, 3) for b (2, 5, 3), got (3, 3)": lambda a, b: linear_recurrence(a, b, torch.zeros(3, 3)),
    "b must be a floating-point tensor, got torch.int64": lambda a, b: linear_recurrence(a, b.long()),
    "(batch, time, channels), got (5, 3)": lambda a, b: linear_recurrence(a[0], b[0]),
    "reset must be bool (2, 5)": lambda a, b: linear_recurrence(a, b, reset=torch.zeros(2, 5)),
    "b is on cpu but a on meta": lambda a, b: linear_recurrence(a.to("meta"), b),
}


@pytest.mark.parametrize("message", REFUSED)
def test_invalid_input_is_refused(message: str) -> None:
    a, b, _ = inputs(2, 5, 3)
    with pytest.raises(UserError, match=re.escape(message)):
        REFUSED[message](a, b)
