"""The Neural GPUs: equations against loops over positions, steps and spans, fused steps against plain ones."""

import gc
import math
import weakref
from collections.abc import Callable
from typing import Any, TypeVar

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

from bits import assert_equal
from extrapolate import nn
from extrapolate.nn.arithmetic._hard import cutoff_sigmoid, hard_sigmoid, hard_tanh, saturation
from extrapolate.nn.neural_gpu import _diagonal_fused
from extrapolate.nn.neural_gpu._neural_gpu import scale_to_length
from extrapolate.training import Replicas

KEY = torch.tensor([3, 1, 7])


SYMBOLS = torch.randint(1, 5, (2, 7), generator=torch.Generator().manual_seed(0))
Model = TypeVar("Model", bound=torch.nn.Module)


def with_biases(model: Model) -> Model:
    """Set nonzero biases, so that a test notices a missing one."""
    for parameter in model.parameters():
        if parameter.dim() == 1:
            torch.nn.init.normal_(parameter, std=0.2)
    return model


def carrying(model: nn.DiagonalNeuralGPU) -> nn.DiagonalNeuralGPU:
    """Set u = 1: the cell carries the whole state."""
    torch.nn.init.zeros_(model.cell.gates.weight)
    torch.nn.init.constant_(model.cell.gates.bias, 1.0)
    return model


def test_hard_functions_reach_their_limits_exactly() -> None:
    x = torch.tensor([-3.0, -1.0, -0.5, 0.0, 0.5, 1.0, 3.0])
    assert hard_tanh(x).tolist() == [-1, -1, -0.5, 0, 0.5, 1, 1]
    assert hard_sigmoid(x).tolist() == [0, 0, 0.25, 0.5, 0.75, 1, 1]
    assert saturation(x).item() == pytest.approx(2.1 + 0.1 + 0.1 + 2.1)
    ends = torch.tensor([-math.log(11) - 1e-3, math.log(11) + 1e-3])
    assert cutoff_sigmoid(ends).tolist() == [0.0, 1.0]


def test_cutoff_sigmoid_has_published_values() -> None:
    assert cutoff_sigmoid(torch.tensor(1.0)).item() == pytest.approx(0.777, abs=5e-4)
    slope = torch.func.grad(cutoff_sigmoid)(torch.tensor(0.0))
    assert slope.item() == pytest.approx(0.3)


def sigma(x: np.ndarray) -> np.ndarray:
    return np.clip((x + 1) / 2, 0, 1)


def expected_diagonal(state: np.ndarray, cell: nn.DiagonalCGRU) -> np.ndarray:
    """Compute the published equations for one sequence (n, m), position by position."""
    gates, gates_bias, new, new_bias = (each.detach().double().numpy() for each in cell.tensors())
    n, m = state.shape
    third = m // 3

    def around(rows: np.ndarray, i: int) -> np.ndarray:
        return np.concatenate([rows[k] if 0 <= k < n else np.zeros(m) for k in (i - 1, i, i + 1)])

    preactivations = np.array([gates @ around(state, i) + gates_bias for i in range(n)])
    reset, update = sigma(preactivations[:, :m] + 0.5), sigma(preactivations[:, m:] + 0.7)
    passed = reset * state
    value = np.array([np.clip(new @ around(passed, i) + new_bias, -1, 1) for i in range(n)])
    carried = state.copy()
    for i in range(n):
        carried[i, m - 2 * third : m - third] = state[i - 1, m - 2 * third : m - third] if i else 0
        carried[i, m - third :] = state[i + 1, m - third :] if i + 1 < n else 0
    return update * carried + (1 - update) * value


@pytest.mark.parametrize("channels", [1, 2, 3, 7, 8])
def test_diagonal_cell_computes_the_published_equations(channels: int) -> None:
    cell = with_biases(nn.DiagonalCGRU(channels).double())
    state = torch.randn(2, 5, channels, dtype=torch.float64)
    expected = np.stack([expected_diagonal(each, cell) for each in state.numpy()])
    np.testing.assert_allclose(cell(state).detach().numpy(), expected, rtol=1e-12, atol=1e-12)


def test_cgru_is_two_gated_convolutions() -> None:
    cell = with_biases(nn.CGRU(4))
    state = torch.randn(2, 5, 3, 4)

    def convolved(layer: torch.nn.Linear, x: Tensor) -> Tensor:
        kernel = layer.weight.view(-1, 3, 3, 4).permute(0, 3, 2, 1)  # (outputs, channels, along n, along w)
        out = torch.conv2d(x.permute(0, 3, 1, 2), kernel, layer.bias, padding=1)
        return out.permute(0, 2, 3, 1)

    keep, reset = cutoff_sigmoid(convolved(cell.gates, state) + 1).chunk(2, -1)
    value = torch.tanh(convolved(cell.candidate, reset * state))
    torch.testing.assert_close(cell(state), keep * state + (1 - keep) * value)


def test_number_of_parameters_is_as_published() -> None:
    assert sum(p.numel() for p in nn.DiagonalNeuralGPU(13, 3, 48).parameters()) == 21_699
    assert sum(p.numel() for p in nn.DiagonalNeuralGPU(13, 3, 96).parameters()) == 84_867
    assert sum(p.numel() for p in nn.NeuralGPU(33, 33, 24).cells.parameters()) == 31_248
    assert sum(p.numel() for p in nn.NeuralGPU(33, 33, 24, copies=6).cells.parameters()) == 6 * 31_248


KINDS = {
    "diagonal": lambda: nn.DiagonalNeuralGPU(5, 3, 6),
    "original": lambda: nn.NeuralGPU(5, 3, 6, 2),
    "relaxed": lambda: nn.NeuralGPU(5, 3, 6, 1, copies=3),
}
kinds = pytest.mark.parametrize("kind", KINDS)


@kinds
def test_padding_does_not_change_the_output(kind: str) -> None:
    """With the same number of steps and the same span."""
    model = KINDS[kind]()
    padded = torch.cat([SYMBOLS, torch.zeros(2, 3, dtype=torch.int64)], 1)
    torch.testing.assert_close(model(padded, steps=6)[:, :7], model(SYMBOLS, steps=6))


@kinds
def test_number_of_steps_per_sequence(kind: str) -> None:
    model = KINDS[kind]()
    symbols = torch.randint(1, 5, (3, 6))
    together = model(symbols, steps=torch.tensor([2, 5, 0]))
    for row, steps in enumerate((2, 5, 0)):
        torch.testing.assert_close(together[row], model(symbols[row : row + 1], steps=steps)[0])


def test_default_steps_follow_the_span_or_the_length_plus_extra_steps() -> None:
    symbols, original = torch.tensor([[1, 2, 3, 0, 0, 0]]), nn.NeuralGPU(5, 3, 6)
    torch.testing.assert_close(original(symbols), original(symbols, steps=3))
    wide = torch.ones(1, 6, dtype=torch.bool)
    torch.testing.assert_close(original(symbols, span=wide), original(symbols, steps=6, span=wide))
    for extra in (0, 3):
        diagonal = nn.DiagonalNeuralGPU(5, 3, 6, extra_steps=extra)
        assert len(list(diagonal.states(symbols))) == 1 + 6 + extra
        torch.testing.assert_close(diagonal(symbols), diagonal(symbols, steps=6 + extra))
    assert not torch.allclose(diagonal(symbols), diagonal(symbols, steps=6))


@kinds
def test_states_of_all_steps_and_the_last_gives_the_logits(kind: str) -> None:
    model = KINDS[kind]()
    states = list(model.states(SYMBOLS))
    assert len(states) == 8
    assert all(state.shape[:2] == (2, 7) for state in states)
    torch.testing.assert_close(model.read(states[-1]), model(SYMBOLS))
    torch.testing.assert_close(model.read(states[4]), model(SYMBOLS, steps=4))
    assert model(SYMBOLS).shape == (2, 7, 3)
    padded = torch.tensor([[1, 2, 0, 0]])
    assert not any(state[:, 2:].any() for state in with_biases(model).states(padded)), "outside the span"


def test_rows_of_symbols_are_columns_of_the_mental_image() -> None:
    model = nn.NeuralGPU(5, 3, 4, 3)
    symbols = torch.tensor([[[1, 2], [3, 0]]])
    begin = model.begin(symbols)
    assert begin.shape == (1, 2, 3, 4)
    torch.testing.assert_close(begin[0, 0, 1], torch.tanh(model.embedding[2]))
    assert not begin[0, 1, 1].any()
    assert not begin[0, :, 2].any()
    assert model(symbols).shape == (1, 2, 3)
    with pytest.raises(ValueError, match="at least the 2 rows of symbols, got 1"):
        nn.NeuralGPU(5, 3, 4, 1)(symbols)


def test_copies_take_turns_and_merge() -> None:
    model = nn.NeuralGPU(5, 3, 4, 1, copies=2)
    assert model.cell_at(3) is model.cells[1]
    stacked = [torch.stack(pair) for pair in zip(*(c.parameters() for c in model.cells), strict=True)]
    expected = sum(((each[0] - each[1]) ** 2 / 2).sum() for each in stacked)
    torch.testing.assert_close(model.copy_distance(), expected)
    model.merge_()
    assert model.copy_distance().item() == pytest.approx(0, abs=1e-9)
    assert nn.NeuralGPU(5, 3, 4).copy_distance().item() == 0


@pytest.mark.parametrize(
    ("kind", "sizes", "others", "message"),
    [
        (nn.NeuralGPU, (3, 3, 3), {"copies": 0}, "at least 1"),
        (nn.DiagonalNeuralGPU, (3, 3, 3), {"dropout": 1.0}, "below 1"),
        (nn.DiagonalNeuralGPU, (3, 3, 3), {"extra_steps": -1}, "extra_steps=-1"),
        *[(nn.NeuralGPU, sizes, {}, "at least 1") for sizes in ((0, 3, 4), (3, 0, 4), (3, 3, 0))],
        *[(nn.DiagonalNeuralGPU, sizes, {}, "at least 1") for sizes in ((0, 3, 4), (3, 0, 4), (3, 3, 0))],
    ],
)
def test_sizes_out_of_range_are_refused(kind: Any, sizes: Any, others: dict[str, Any], message: str) -> None:
    with pytest.raises(ValueError, match=message):
        kind(*sizes, **others)


def test_dropout_is_a_function_of_the_key_and_only_in_training_mode() -> None:
    for model in (nn.DiagonalNeuralGPU(5, 3, 6, dropout=0.5), nn.NeuralGPU(5, 3, 6, dropout=0.5)):
        model.key = KEY
        first = model(SYMBOLS)
        assert torch.equal(model(SYMBOLS), first)
        model.key = KEY + 1
        assert not torch.equal(model(SYMBOLS), first)
        assert not torch.equal(model.eval()(SYMBOLS), first)


def test_original_has_less_dropout_for_longer_sequences() -> None:
    probabilities = [round(scale_to_length(0.15, n), 3) for n in (4, 8, 20, 41)]
    assert probabilities == [0.15, 0.15, 0.06, 0.029]


def test_diagonal_drops_the_candidate_and_not_the_carried_state() -> None:
    states = list(carrying(nn.DiagonalNeuralGPU(5, 3, 6, dropout=0.5)).states(SYMBOLS))
    torch.testing.assert_close(states[5][..., :2], states[0][..., :2])


@pytest.mark.parametrize("levels", [1, 2, 5])
def test_rounded_states_stay_on_the_grid_and_pass_gradients(levels: int) -> None:
    model = with_biases(nn.DiagonalNeuralGPU(5, 3, 6, quantization_levels=levels))
    for state in model.states(SYMBOLS):
        steps = (state * levels).detach()
        torch.testing.assert_close(steps, steps.round(), rtol=0, atol=1e-5)
    model(SYMBOLS).square().sum().backward()
    assert all(p.grad is not None and bool(p.grad.any()) for p in model.parameters())


def test_rounding_of_zero_equals_the_published_network() -> None:
    plain, rounded = nn.DiagonalNeuralGPU(5, 3, 6), nn.DiagonalNeuralGPU(5, 3, 6, quantization_levels=1)
    rounded.load_state_dict(plain.state_dict())
    torch.testing.assert_close(rounded.measure_saturation(SYMBOLS, rounding=0.0), plain.measure_saturation(SYMBOLS))
    assert not torch.allclose(rounded(SYMBOLS), plain(SYMBOLS))


def both(answer: Callable[[], Any]) -> list[Any]:
    """Return ``answer()`` by fused steps, then by plain steps."""
    results = []
    for fused in (True, False):
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr(_diagonal_fused, "usable", lambda state, fused=fused: fused)
            results.append(answer())
    return results


def training_step(model: nn.DiagonalNeuralGPU, symbols: Tensor, steps: int | None = None) -> list[Tensor]:
    """Return logits, saturation and gradients."""
    model.key = KEY
    logits, cost = model.measure_saturation(symbols, steps, rounding=0.7)
    loss = logits.square().mean() + cost
    return [logits.detach(), cost.detach(), *torch.autograd.grad(loss, list(model.parameters()))]


@given(
    count=st.integers(1, 5),
    length=st.integers(1, 12),
    channels=st.integers(1, 20),
    steps=st.integers(1, 9),
    dropout=st.sampled_from([0.0, 0.5]),
    levels=st.sampled_from([None, 1, 3]),
    seed=st.integers(0, 2**20),
)
def test_fused_steps_equal_the_plain_ones(
    count: int, length: int, channels: int, steps: int, dropout: float, levels: int | None, seed: int
) -> None:
    torch.manual_seed(seed)
    model = with_biases(nn.DiagonalNeuralGPU(5, 3, channels, dropout=dropout, quantization_levels=levels))
    symbols = torch.randint(0, 5, (count, length))
    torch.testing.assert_close(*both(lambda: training_step(model, symbols, steps)), rtol=1e-5, atol=1e-5)


def test_fused_training_step_of_full_size_equals_the_plain_one() -> None:
    model, symbols = nn.DiagonalNeuralGPU(13, 3, 48, dropout=0.5), torch.randint(1, 4, (8, 41))
    for fused, plain in zip(*both(lambda: training_step(model, symbols)), strict=True):
        assert (fused - plain).abs().max() <= 1e-5 * plain.abs().max()


@pytest.mark.usefixtures("shared_work")
def test_fused_steps_give_the_same_result_on_one_and_two_threads(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(_diagonal_fused, "STEP", 1.0)
    model, symbols = nn.DiagonalNeuralGPU(5, 3, 6, dropout=0.5), torch.randint(1, 5, (5, 7))
    on_two, plain = both(lambda: training_step(model, symbols))
    torch.set_num_threads(1)
    torch.testing.assert_close(both(lambda: training_step(model, symbols))[0], on_two, rtol=1e-5, atol=1e-6)
    torch.testing.assert_close(on_two, plain, rtol=1e-5, atol=1e-5)


def test_fused_gradient_can_be_differentiated_again() -> None:
    model = nn.DiagonalNeuralGPU(5, 3, 4)
    weight = model.cell.candidate.weight

    def second() -> Tensor:
        logits, cost = model.measure_saturation(torch.tensor([[1, 2, 3, 4]]))
        (slope,) = torch.autograd.grad(logits.square().sum() + cost, weight, create_graph=True)
        return torch.autograd.grad(slope.square().sum(), weight)[0]

    torch.testing.assert_close(*both(second))


def test_fused_steps_store_no_traces_without_gradients(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[object] = []
    monkeypatch.setattr(_diagonal_fused._Steps, "apply", lambda *inputs: calls.append(inputs))
    with torch.no_grad():
        nn.DiagonalNeuralGPU(5, 3, 4)(torch.tensor([[1, 2, 3, 4]]))
    assert not calls


def test_autocast_uses_the_plain_steps() -> None:
    model = nn.DiagonalNeuralGPU(5, 3, 6)
    state, span = torch.rand(2, 4, 6), torch.ones(2, 4, dtype=torch.bool)
    with torch.no_grad():
        exact = model.advance_steps(state, span, range(3))
        with torch.autocast("cpu", dtype=torch.bfloat16):
            lower = model.advance_steps(state, span, range(3))
    assert 0 < (lower - exact).abs().max() < 0.05


def test_gradients_are_the_same_a_second_time_under_autocast() -> None:
    """The forward pass was not under autocast."""
    model, span = nn.DiagonalNeuralGPU(5, 3, 6), torch.ones(2, 4, dtype=torch.bool)
    parameters = list(model.cell.parameters())
    loss = model.advance_steps(torch.rand(2, 4, 6), span, range(3)).square().sum()
    once = torch.autograd.grad(loss, parameters, retain_graph=True)
    with torch.autocast("cpu", dtype=torch.bfloat16):
        again = torch.autograd.grad(loss, parameters)
    assert_equal(once, again)


def test_traces_are_freed_with_the_outputs(monkeypatch: pytest.MonkeyPatch) -> None:
    """Also with 0 steps between the ends of two batches of one length, and without the garbage collector."""
    model, references = nn.DiagonalNeuralGPU(5, 3, 6), []
    record = _diagonal_fused._record

    def record_references(cell: _diagonal_fused._Cell, state: Tensor, masks: list[Tensor]):
        last, total, traces = record(cell, state, masks)
        references.extend(weakref.ref(each) for trace in traces for each in trace)
        return last, total, traces

    monkeypatch.setattr(_diagonal_fused, "_record", record_references)
    gc.disable()
    try:
        logits, cost = model.measure_saturations([(SYMBOLS, SYMBOLS > 0)] * 2)
        torch.testing.assert_close(*logits)
        assert any(each() is not None for each in references)
        del logits, cost
        assert not any(each() is not None for each in references)
    finally:
        gc.enable()


@given(
    lengths=st.lists(st.integers(1, 9), min_size=1, max_size=4),
    extra_steps=st.integers(0, 4),
    levels=st.sampled_from([None, 3]),
    seed=st.integers(0, 2**20),
)
def test_several_batches_together_equal_each_alone(
    lengths: list[int], extra_steps: int, levels: int | None, seed: int
) -> None:
    torch.manual_seed(seed)
    model = with_biases(nn.DiagonalNeuralGPU(5, 3, 7, quantization_levels=levels, extra_steps=extra_steps))
    batches = []
    for length in lengths:
        symbols = torch.randint(1, 5, (2, length))
        symbols[1, length - length // 3 :] = 0
        batches.append((symbols, symbols != 0))
    logits, cost = model.measure_saturations(batches)
    expected, costs = zip(*(model.measure_saturation(symbols, span=span) for symbols, span in batches), strict=True)
    sides = (tuple(logits), cost), (expected, torch.stack(costs).mean())
    torch.testing.assert_close(*sides)
    ours, theirs = (
        torch.autograd.grad(cost + sum(each.square().sum() for each in answers), list(model.parameters()))
        for answers, cost in sides
    )
    torch.testing.assert_close(ours, theirs, rtol=1e-4, atol=1e-4)


@pytest.mark.parametrize("counts", [(), (2, 3)])
def test_batches_need_the_same_number_of_sequences(counts: tuple[int, ...]) -> None:
    batches = [(torch.ones(count, 4, dtype=torch.int64), torch.ones(count, 4).bool()) for count in counts]
    with pytest.raises(ValueError, match="same number of sequences"):
        nn.DiagonalNeuralGPU(5, 3, 6).measure_saturations(batches)


def test_replicas_equal_the_single_networks() -> None:
    replicas = Replicas.build(lambda: nn.DiagonalNeuralGPU(5, 3, 6), range(2))
    symbols = torch.randint(1, 5, (2, 3, 5))
    expected = torch.stack([replicas[i].eval()(symbols[i]) for i in range(2)])
    torch.testing.assert_close(replicas(symbols), expected)


def test_saturation_is_normalised_as_published() -> None:
    """Σ over steps and positions of max(0, |x| - 0.9), that of the embedding n times, divided by n² B."""
    model = nn.DiagonalNeuralGPU(2, 3, 1)
    for parameter in model.parameters():
        torch.nn.init.zeros_(parameter)
    torch.nn.init.constant_(model.embedding.bias, 2.0)  # the embedding: 1.1 per position
    torch.nn.init.constant_(model.cell.candidate.bias, 1.5)  # each step: 0.6 per position
    symbols = torch.ones(3, 5, dtype=torch.int64)
    _, cost = model.measure_saturation(symbols)
    assert cost.item() == pytest.approx((5 * 1.1 * 15 + 5 * 0.6 * 15) / (25 * 3))
