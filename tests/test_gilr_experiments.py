"""The long-dependency task, and what the experiments around linear recurrences measure and claim."""

import json
from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extrapolate.experiments import EXPERIMENTS, run
from extrapolate.experiments.gilr_long_memory.models import KINDS
from extrapolate.experiments.recurrence._timed_layers import LAYERS, with_loop
from extrapolate.experiments.recurrence.gilr_speed import gilr_speed
from extrapolate.tasks import LongDependency
from silent import Silent

MEMORY = EXPERIMENTS["gilr-long-memory"]


def carried_out(experiment: Any, folder: Path, **changes: Any) -> Any:
    settings = replace(experiment.presets["smoke"], **changes)
    return run(
        experiment, settings, preset="smoke", folder=folder, command="extrapolate run", display=Silent()
    )


# ------------------------------------------------------------------------------------------- the task


@given(st.integers(0, 2**31 - 1), st.integers(1, 40), st.integers(1, 130))
def test_first_element_is_a_sign_and_later_ones_are_any_dimension(
    seed: int, length: int, symbols: int
) -> None:
    uniform = torch.rand(50, length, generator=torch.Generator().manual_seed(seed))
    elements, positive = LongDependency(length, symbols).sequences(uniform)
    assert elements.shape == (50, length)
    assert torch.equal(elements[:, 0] == 0, positive)
    assert torch.equal(elements[:, 0] == symbols, ~positive)
    assert bool(((elements[:, 1:] >= 0) & (elements[:, 1:] < symbols)).all())


def test_both_signs_and_all_symbols_are_equally_frequent() -> None:
    uniform = torch.rand(4_000, 11, generator=torch.Generator().manual_seed(0))
    elements, positive = LongDependency(11, 8).sequences(uniform)
    assert abs(float(positive.float().mean()) - 0.5) < 0.03
    assert torch.bincount(elements[:, 1:].flatten(), minlength=8).div(40_000).sub(1 / 8).abs().max() < 0.01


def test_minus_one_is_seen_as_plus_one_negated() -> None:
    seen = LongDependency(3, 5).one_hot(torch.tensor([[5, 2, 0]]))
    assert seen.tolist() == [[[-1, 0, 0, 0, 0], [0, 0, 1, 0, 0], [1, 0, 0, 0, 0]]]


def test_both_networks_begin_with_the_same_memories() -> None:
    ours, theirs = (KINDS[name](9, 6, 1_000.0) for name in ("GILR-LSTM", "LSTM"))
    for depth, layer in enumerate(ours.layers):  # type: ignore[arg-type]
        bias = getattr(theirs, f"bias_ih_l{depth}") + getattr(theirs, f"bias_hh_l{depth}")
        torch.testing.assert_close(bias[6:12], layer.input.bias[:6])
        others = torch.cat([bias[:6], bias[12:]])
        assert not others.any()


# -------------------------------------------------------------------------------------- gilr-long-memory


def test_a_short_dependency_is_learned_and_the_training_ends_there(tmp_path: Path) -> None:
    found = carried_out(
        MEMORY,
        tmp_path,
        models=("GILR-LSTM",),
        lengths=(8,),
        seeds=1,
        iterations=600,
        hidden=16,
        batch=8,
        longest=16,
    )
    row = found.results.filter(pl.col("length") == 8).row(0, named=True)
    assert row["solved"]
    assert row["error"] == 0
    assert row["solved_at"] == row["steps"] < 600
    assert row["seconds"] > 0
    assert row["peak_mib"] > 0


def test_smoke_says_that_it_judges_nothing(tmp_path: Path) -> None:
    claims = {each.id: each for each in carried_out(MEMORY, tmp_path).claims}
    assert claims["32/sooner"].holds is None
    assert "not judged" in str(claims["32/sooner"].why)
    assert claims["GILR-LSTM/64/peak-mib"].measured is not None
    assert {each["preset"] for each in json.loads((tmp_path / "claims.json").read_text())} == {"smoke"}


def memory_rows(model: str, length: int, seconds: list[float], solved: bool) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "unit": model,
            "operation": "remembering the first symbol",
            "range": f"{length:,} steps",
            "seed": range(len(seconds)),
            "length": length,
            "solved": solved,
            "solved_at": [100 if solved else None] * len(seconds),
            "seconds": seconds,
            "seconds_an_iteration": [s / 100 for s in seconds],
            "peak_mib": 100.0,
            "batch": 8,
            "limit": MEMORY.presets["laptop"].iterations,
            "steps": 100,
        },
        schema_overrides={"solved_at": pl.Int64},
    )


@pytest.mark.parametrize(
    ("linear", "solved", "holds"), [(1.0, True, True), (9.0, True, False), (1.0, False, False)]
)
def test_less_time_is_claimed_only_where_it_was_measured(linear: float, solved: bool, holds: bool) -> None:
    times = [1.0, 1.1, 0.9, 1.05, 1.0]
    results = pl.concat(
        [
            memory_rows("GILR-LSTM", 1_024, [linear * t for t in times], solved),
            memory_rows("LSTM", 1_024, [4 * t for t in reversed(times)], False),
        ]
    )
    claims = {each.id: each for each in MEMORY.claims(results, MEMORY.presets["laptop"])}
    found = claims["1024/sooner"]
    assert found.holds is holds
    assert found.measured == pytest.approx(4 / linear)
    assert f"{0 if solved else 5} of 5 GILR-LSTMs and 5 of 5 LSTMs had not converged" in str(found.why)


# ------------------------------------------------------------------------------------------- gilr-speed


@pytest.mark.parametrize("name", LAYERS)
def test_a_layer_with_a_loop_computes_the_same(name: str) -> None:
    torch.manual_seed(1)
    ours = LAYERS[name](8)
    theirs = LAYERS[name](8)
    theirs.load_state_dict(ours.state_dict())
    theirs = with_loop(theirs)
    results = []
    for layers in (ours, theirs):
        x = torch.randn(3, 20, 4, generator=torch.Generator().manual_seed(2)).requires_grad_()
        y = layers(x)[0]
        results.append((y, torch.autograd.grad(y.square().sum(), [x, *layers.parameters()])))
    (y, slopes), (z, others) = results
    torch.testing.assert_close(y, z, atol=1e-5, rtol=1e-4)
    torch.testing.assert_close(slopes, others, atol=1e-4, rtol=1e-4)


def speed_rows(unit: str, length: int, loop_ms: list[float], lstm_ms: list[float]) -> pl.DataFrame:
    """Our side took 1 ms in each repetition."""
    seeds = range(len(loop_ms))
    return pl.DataFrame(
        {
            "unit": unit,
            "length": length,
            "seed": seeds,
            "ours_ms": 1.0,
            "loop_ms": loop_ms,
            "lstm_ms": lstm_ms,
        }
    )


def test_a_layer_is_faster_where_the_interval_lies_above_one() -> None:
    results = pl.concat(
        [
            speed_rows("SRU", 65_536, [8.0, 9.0, 8.0], [2.0, 2.0, 2.0]),
            speed_rows("GILR-LSTM", 65_536, [8.0, 0.1, 8.0], [2.0, 8.0, 4.0]),
            speed_rows("GILR-LSTM", 256, [1.0, 1.0, 4.0], [1.0, 1.0, 1.0]),
        ]
    )
    claims = {each.id: each for each in gilr_speed.claims(results, gilr_speed.presets["laptop"])}
    assert claims["SRU/faster"].holds is True
    assert claims["GILR-LSTM/faster"].holds is False
    assert claims["GILR-LSTM/faster-than-LSTM"].measured == pytest.approx(4)  # the geometric mean
    assert claims["GILR-LSTM/256/over-loop"].measured == pytest.approx(4 ** (1 / 3))
    assert claims["GILR-LSTM/256/over-loop"].published == 0.91  # table 2
    assert "QRNN-2/faster" not in claims
    shorter = replace(gilr_speed.presets["laptop"], lengths=(16, 256))
    assert {each.holds for each in gilr_speed.claims(results, shorter)} == {None}
