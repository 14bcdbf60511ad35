"""Linear recurrent layers: their equations, step by step in float64, and the call of ``torch.nn.LSTM``."""

import copy
from collections.abc import Callable
from typing import Any

import pytest
import torch
from torch import Tensor

from bits import assert_equal
from extrapolate import nn
from extrapolate._runtime.errors import UserError
from extrapolate.nn.recurrent import _gilr_lstm_fused
from recurrences import assert_gradients_are_exact, assert_pieces_equal_the_whole


def linear(layer: torch.nn.Module, x: Tensor) -> Tensor:
    return torch.nn.functional.linear(x, layer.weight, layer.bias)  # type: ignore[arg-type]


def recurred(forget: Tensor, value: Tensor) -> Tensor:
    """Return h = forget h + value, step by step from zero."""
    h, out = torch.zeros_like(value[:, 0]), []
    for gate, enter in zip(forget.unbind(1), value.unbind(1), strict=True):
        h = gate * h + enter
        out.append(h)
    return torch.stack(out, 1)


def gated(layer: torch.nn.Module, x: Tensor) -> Tensor:
    gate, impulse = linear(layer, x).chunk(2, -1)
    return recurred(gate.sigmoid(), (-gate).sigmoid() * impulse.tanh())


def gilr(layer: Any, x: Tensor) -> Tensor:
    return gated(layer.input, x)


def gilr_lstm(layer: Any, x: Tensor) -> Tensor:
    s = torch.nn.functional.pad(gated(layer.surrogate, x), (0, 0, 1, -1))  # s of the step before
    forget, enter, leave, value = (linear(layer.input, x) + s @ layer.recurrent.weight.T).chunk(4, -1)
    return leave.sigmoid() * recurred(forget.sigmoid(), enter.sigmoid() * value.tanh())


def sru(layer: Any, x: Tensor) -> Tensor:
    forget, read = linear(layer.gates, x).sigmoid().chunk(2, -1)
    c = recurred(forget, (1 - forget) * (x @ layer.value.weight.T))
    return read * c.tanh() + (1 - read) * layer.highway(x)


def qrnn(layer: Any, x: Tensor) -> Tensor:
    windows = torch.nn.functional.pad(x, (0, 0, layer.window - 1, 0)).unfold(1, layer.window, 1)
    gates = torch.einsum("btik,oik->bto", windows, layer.gates.weight) + layer.gates.bias
    value, forget, leave = gates.chunk(3, -1)
    return leave.sigmoid() * recurred(forget.sigmoid(), (-forget).sigmoid() * value.tanh())


EQUATIONS = {nn.GILR: gilr, nn.GILRLSTM: gilr_lstm, nn.QRNN: qrnn, nn.SRU: sru}
STACKS = list(EQUATIONS)
every_kind = pytest.mark.parametrize("kind", STACKS)


def randomised(stack: nn.LinearRNN) -> nn.LinearRNN:
    """Replace all initial parameters: with biases of zero, a missing bias would not be noticed."""
    with torch.no_grad():
        for parameter in stack.parameters():
            parameter.normal_(0, 0.5)
    return stack


@pytest.mark.parametrize(
    ("kind", "input_size", "options"),
    [
        *[(kind, input_size, {}) for kind in STACKS for input_size in (3, 4)],
        *[(nn.QRNN, 3, {"window": window}) for window in (1, 2, 5)],
    ],
)
def test_layer_computes_its_equation(kind: type[nn.LinearRNN], input_size: int, options: dict[str, Any]) -> None:
    stack = randomised(kind(input_size, 4, batch_first=True, dtype=torch.float64, **options))
    x = torch.randn(2, 9, input_size, dtype=torch.float64)
    torch.testing.assert_close(stack(x)[0], EQUATIONS[kind](stack.layers[0], x))


@pytest.mark.parametrize("batch_first", [False, True])
@pytest.mark.parametrize("bidirectional", [False, True])
@pytest.mark.parametrize("layers", [1, 3])
def test_shapes_are_those_of_torchs_lstm(batch_first: bool, bidirectional: bool, layers: int) -> None:
    ours, theirs = (
        kind(3, 4, layers, batch_first=batch_first, bidirectional=bidirectional)
        for kind in (nn.GILRLSTM, torch.nn.LSTM)
    )
    for x in (torch.randn(5, 2, 3), torch.randn(5, 3)):
        (y, (s, c)), (expected, (h0, c0)) = ours(x), theirs(x)
        assert (y.shape, s.shape, c.shape) == (expected.shape, h0.shape, c0.shape)
        assert ours(x, (s, c))[0].shape == y.shape


@every_kind
def test_one_step_at_a_time_equals_the_whole(kind: type[nn.LinearRNN]) -> None:
    assert_pieces_equal_the_whole(randomised(kind(3, 4, 2, dtype=torch.float64)), [1, 1, 0, 3, 1])


@every_kind
def test_reverse_direction_is_the_same_layer_on_reversed_time(kind: type[nn.LinearRNN]) -> None:
    stack = randomised(kind(3, 4, bidirectional=True, dtype=torch.float64))
    stack.layers[1].load_state_dict(stack.layers[0].state_dict())
    x = torch.randn(6, 2, 3, dtype=torch.float64)
    forward, backward = stack(x)[0].chunk(2, -1)
    torch.testing.assert_close(backward.flip(0), stack(x.flip(0))[0].chunk(2, -1)[0])
    assert not torch.allclose(forward, backward)


@every_kind
def test_gradients_of_both_orders(kind: type[nn.LinearRNN]) -> None:
    stack = randomised(kind(2, 2, bidirectional=True, dtype=torch.float64))
    assert_gradients_are_exact(stack, torch.randn(3, 1, 2, dtype=torch.float64))


@pytest.mark.parametrize(("rows", "steps"), [(1, 1300), (3, 400), (600, 2), (2, 1)])
@pytest.mark.parametrize("bias", [False, True])
def test_gilr_lstm_in_pieces_equals_its_definition(
    rows: int, steps: int, bias: bool, monkeypatch: pytest.MonkeyPatch
) -> None:
    """float32 on a CPU is computed in pieces of time, float64 by the definition."""
    monkeypatch.setattr(_gilr_lstm_fused, "GATES", 1)  # pieces of 512 rows
    fast = nn.GILRLSTM(5, 7, bias=bias, batch_first=True, bidirectional=True)
    slow = copy.deepcopy(fast).double()
    x, s, c = torch.randn(rows, steps, 5), torch.randn(2, rows, 7), torch.randn(2, rows, 7)
    answers = []
    for stack in (fast, slow):
        inputs = [each.to(next(stack.parameters()).dtype).requires_grad_() for each in (x, s, c)]
        y, (s1, c1) = stack(inputs[0], (inputs[1], inputs[2]))
        loss = y.square().mean() + 2 * s1.square().mean() + 3 * c1.square().mean()
        answers.append([y, s1, c1, *torch.autograd.grad(loss, [*inputs, *stack.parameters()])])
    for actual, expected in zip(*answers, strict=True):
        assert (actual - expected).abs().max() <= 1e-4 * expected.abs().max()


@pytest.mark.usefixtures("shared_work")
def test_gilr_lstm_gives_the_same_result_on_one_and_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_gilr_lstm_fused, "GATES", 1)
    stack, x = nn.GILRLSTM(3, 5, batch_first=True), torch.randn(7, 300, 3, requires_grad=True)
    results = []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        y, (s, c) = stack(x)
        results.append([y, s, c, *torch.autograd.grad(y.square().mean(), [x, *stack.parameters()])])
    torch.testing.assert_close(*results, rtol=1e-5, atol=1e-6)
    with torch.inference_mode():
        assert torch.equal(stack(x)[0], results[1][0])


def test_gilr_lstm_has_the_same_gradient_under_autocast() -> None:
    stack, x = nn.GILRLSTM(3, 5), torch.randn(6, 2, 3)
    loss = stack(x)[0].square().sum()
    once = torch.autograd.grad(loss, list(stack.parameters()), retain_graph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = torch.autograd.grad(loss, list(stack.parameters()))
    assert_equal(once, again)


def test_gilr_lstm_in_pieces_can_be_differentiated_twice() -> None:
    stack, x = nn.GILRLSTM(3, 4), torch.randn(5, 2, 3)
    exact = copy.deepcopy(stack).double()

    def second(stack: nn.LinearRNN, x: Tensor) -> Tensor:
        x.requires_grad_()
        (slope,) = torch.autograd.grad(stack(x)[0].square().sum(), x, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), x)[0]

    torch.testing.assert_close(second(stack, x).double(), second(exact, x.detach().double()), rtol=1e-3, atol=1e-5)


@every_kind
def test_vmap_over_replicas_equals_a_loop(kind: type[nn.LinearRNN]) -> None:
    stacks = [kind(3, 4, batch_first=True) for _ in range(3)]
    parameters, buffers = torch.func.stack_module_state(stacks)
    x = torch.randn(2, 5, 3)

    def run(parameters: dict[str, Tensor], buffers: dict[str, Tensor]) -> Tensor:
        return torch.func.functional_call(stacks[0], (parameters, buffers), (x,))[0]

    together = torch.vmap(run)(parameters, buffers)
    torch.testing.assert_close(together, torch.stack([stack(x)[0] for stack in stacks]))


@pytest.mark.filterwarnings("ignore:.*should not be instantiated:DeprecationWarning")
@pytest.mark.slow
@every_kind
def test_compiles_whole(kind: type[nn.LinearRNN]) -> None:
    stack, x = kind(3, 4, 2), torch.randn(5, 2, 3)
    compiled = torch.compile(stack, fullgraph=True)
    torch.testing.assert_close(compiled(x)[0], stack(x)[0])
    compiled(x)[0].sum().backward()
    assert all(parameter.grad is not None for parameter in stack.parameters())


@every_kind
def test_longest_initial_time_constant_is_memory(kind: type[nn.LinearRNN]) -> None:
    stack = kind(3, 16, memory=5000.0)
    biases = torch.cat([each.detach() for name, each in stack.named_parameters() if "bias" in name])
    longest = 1 + biases.double().exp().max()
    torch.testing.assert_close(longest.item(), 5000.0, rtol=1e-3, atol=0)


def test_learns_to_remember_the_first_of_a_hundred_inputs() -> None:
    stack, read = nn.GILRLSTM(1, 8, batch_first=True, memory=100.0), torch.nn.Linear(8, 1)
    optimizer = torch.optim.Adam([*stack.parameters(), *read.parameters()], 0.02)
    loss = torch.tensor(torch.inf)
    for _ in range(150):
        x = torch.randn(16, 100, 1) * 0.1
        x[:, 0] = torch.randn(16, 1).sign()
        loss = torch.nn.functional.soft_margin_loss(read(stack(x)[0][:, -1]), x[:, 0])
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
    assert loss.item() < 0.1


STACK = nn.GILRLSTM(3, 4, 2)


@pytest.mark.parametrize(
    ("message", "call"),
    [
        (r"takes input of shape \(T, B, 3\) or \(T, 3\), got \(5, 2, 4\)", lambda: STACK(torch.zeros(5, 2, 4))),
        (r"num_layers \* directions = 2", lambda: STACK(torch.zeros(5, 2, 3), (torch.zeros(1, 2, 4),) * 2)),
        ("pad it first", lambda: STACK(torch.nn.utils.rnn.pack_sequence([torch.zeros(5, 3)]))),
        ("window", lambda: nn.QRNN(3, 4, window=0)),
        ("1 or more", lambda: nn.SRU(3, 0)),
        ("dropout", lambda: nn.GILR(3, 4, dropout=2.0)),
        ("memory", lambda: nn.GILR(3, 4, memory=1.0)),
    ],
)
def test_invalid_input_is_refused(message: str, call: Callable[[], Any]) -> None:
    with pytest.raises(UserError, match=message):
        call()
