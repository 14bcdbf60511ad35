"""The long-dependency task, and the measurements and claims of the experiments on linear recurrences."""

from collections.abc import Sequence
from dataclasses import replace

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extrapolate.experiments.recurrence import gilr_long_memory as module
from extrapolate.experiments.recurrence.gilr_long_memory import KINDS, MINIBATCHES, gilr_long_memory
from extrapolate.experiments.recurrence.gilr_speed import LAYERS, gilr_speed, with_loop
from extrapolate.tasks import LongDependency
from extrapolate.training.loop import run_training
from made_up import judged

MEMORY, SPEED = gilr_long_memory.presets["laptop"], gilr_speed.presets["laptop"]


@given(st.integers(0, 2**31 - 1), st.integers(1, 40), st.integers(1, 130))
def test_first_element_is_a_sign_and_later_ones_are_symbols(seed: int, length: int, symbols: int) -> None:
    uniform = torch.rand(50, length, generator=torch.Generator().manual_seed(seed))
    elements, positive = LongDependency(length, symbols).sequences(uniform)
    assert elements.shape == (50, length)
    assert torch.equal(elements[:, 0] == 0, positive == 1)
    assert torch.equal(elements[:, 0] == symbols, positive == 0)
    assert bool(((elements[:, 1:] >= 0) & (elements[:, 1:] < symbols)).all())


def test_both_signs_and_all_symbols_are_equally_frequent() -> None:
    elements, positive = LongDependency(11, 8).sequences(torch.rand(4_000, 11))
    assert abs(float(positive.mean()) - 0.5) < 0.03
    assert torch.bincount(elements[:, 1:].flatten(), minlength=8).div(40_000).sub(1 / 8).abs().max() < 0.01


def test_minus_one_is_encoded_as_plus_one_negated() -> None:
    encoding = LongDependency(3, 5).one_hot(torch.tensor([[5, 2, 0]]))
    assert encoding.tolist() == [[[-1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0]]]


def test_both_networks_start_with_the_same_forget_gates() -> None:
    ours, theirs = (KINDS[name](9, 6, 1_000.0) for name in ("GILR-LSTM", "LSTM"))
    for depth, layer in enumerate(ours.layers):  # type: ignore[arg-type]
        bias = getattr(theirs, f"bias_ih_l{depth}") + getattr(theirs, f"bias_hh_l{depth}")
        torch.testing.assert_close(bias[6:12], layer.input.bias[:6])
        assert not bias.view(4, 6)[[0, 2, 3]].any()


def test_the_training_ends_when_a_short_dependency_is_learned() -> None:
    training = module.train_reader(replace(MEMORY, hidden_alone=16, rate_alone=0.003), "GILR-LSTM", 8, 0)
    assert training.train is not None
    history = run_training(training.replicas(), training.train)
    assert module.has_converged(history)
    assert MINIBATCHES <= int(history.steps[-1]) < 600


def memory_rows(model: str, length: int, seconds: Sequence[float], solved: Sequence[bool]) -> pl.DataFrame:
    rows = {"model": model, "length": length, "seconds": seconds, "solved": solved}
    solved_at = pl.when("solved").then(100)
    return pl.DataFrame(rows).with_columns(solved_at=solved_at, seed=pl.int_range(pl.len()))


@pytest.mark.parametrize(("linear", "solved", "holds"), [(1.0, True, True), (9.0, True, False), (1.0, False, False)])
def test_less_time_is_claimed_only_if_it_was_measured(linear: float, solved: bool, holds: bool) -> None:
    times = [1.0, 1.1, 0.9, 1.05, 1.0]
    ours = memory_rows("GILR-LSTM", 1_024, [linear * t for t in times], [solved] * 5)
    theirs = memory_rows("LSTM", 1_024, [4 * t for t in reversed(times)], [False] * 5)
    claims = judged(gilr_long_memory, pl.concat([ours, theirs]))
    found = claims["1024/sooner"]
    assert (found.holds, found.measured) == (holds, pytest.approx(4 / linear))
    assert f"{0 if solved else 5} of 5 GILR-LSTMs and 5 of 5 LSTMs had not converged" in str(found.why)
    assert ("GILR-LSTM/1024/iterations" in claims) is solved
    assert "LSTM/1024/iterations" not in claims  # no LSTM converged


@pytest.mark.parametrize("solved", [True, False])
def test_at_lengths_without_the_lstm_every_seed_must_converge(solved: bool) -> None:
    rows = memory_rows("GILR-LSTM", 65_536, [1.0, 1.0], [True, solved])
    claim, iterations, _ = gilr_long_memory.claims(rows, MEMORY)
    assert (claim.id, claim.measured, claim.holds) == ("65536/converges", 1.0 if solved else 0.5, solved)
    assert (iterations.published, iterations.why) == (None, None)  # nothing to compare with at this length


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_with_a_loop_computes_the_same_outputs_and_gradients(name: str) -> None:
    ours, theirs = LAYERS[name](8), with_loop(LAYERS[name](8))
    theirs.load_state_dict(ours.state_dict())
    values, results = torch.randn(3, 20, 4), []
    for layers in (ours, theirs):
        x = values.clone().requires_grad_()
        y = layers(x)[0]
        results.append((y, torch.autograd.grad(y.square().sum(), [x, *layers.parameters()])))
    (y, slopes), (z, others) = results
    torch.testing.assert_close(y, z, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(slopes, others, atol=1e-4, rtol=1e-4)


def test_a_layer_is_faster_if_the_interval_is_above_one() -> None:
    rows = [
        {"model": unit, "length": length, "seed": seed, "ours_ms": 1.0, "loop_ms": loop, "lstm_ms": lstm}
        for unit, length, loops, lstms in (
            ("SRU", 65_536, [8.0, 9.0, 8.0], [2.0, 2.0, 2.0]),
            ("GILR-LSTM", 65_536, [8.0, 0.1, 8.0], [2.0, 8.0, 4.0]),
            ("GILR-LSTM", 256, [1.0, 1.0, 4.0], [1.0, 1.0, 1.0]),
        )
        for seed, (loop, lstm) in enumerate(zip(loops, lstms, strict=True))
    ]
    results = pl.DataFrame(rows)
    claims = judged(gilr_speed, results)
    assert (claims["SRU/faster"].holds, claims["GILR-LSTM/faster"].holds) == (True, False)
    assert claims["GILR-LSTM/faster-than-LSTM"].measured == pytest.approx(4)  # the geometric mean
    over_loop = claims["GILR-LSTM/256/over-loop"]
    assert (over_loop.measured, over_loop.published) == (pytest.approx(4 ** (1 / 3)), 0.91)  # table 2
    assert "QRNN-2/faster" not in claims
    shorter = judged(gilr_speed, results, replace(SPEED, lengths=(16, 256)))
    assert {each.holds for each in shorter.values()} == {None}
