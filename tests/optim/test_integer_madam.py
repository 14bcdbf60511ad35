"""IntegerMadam: integer weights that are updated by additions and stored in few bytes."""

import math
from contextlib import nullcontext
from functools import partial
from pathlib import Path

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from bits import assert_equal
from extrapolate.optim import IntegerMadam, Madam, _codes, float_weights, integer_weights
from extrapolate.optim._words import keys, words
from stepping import moved, steps, through_a_file

all_bits = pytest.mark.parametrize("bits", [8, 10, 12, 16])


def exponents(optimizer: IntegerMadam, parameter: Tensor) -> Tensor:
    """Return the integers k of the weights of a parameter without replicas."""
    bits = optimizer.param_groups[0]["bits"]
    unpacked = _codes.unpack(optimizer.state[parameter]["codes"][None], bits, parameter.numel())
    return (unpacked & (_codes.count_codes(bits) - 1)).reshape(parameter.shape)


@given(
    bits=st.sampled_from([8, 10, 12, 16]),
    rows=st.integers(1, 3),
    count=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
def test_packing_is_lossless_and_compact(bits: int, rows: int, count: int, seed: int) -> None:
    original = torch.randint(0, 1 << bits, (rows, count), generator=torch.Generator().manual_seed(seed))
    packed = _codes.pack(original, bits)
    assert packed.dtype == torch.uint8
    assert packed.shape == (rows, _codes.packed_length(count, bits))
    assert packed.shape[1] * 8 - count * bits < 40
    assert torch.equal(_codes.unpack(packed, bits, count), original)


@given(
    bits=st.sampled_from([8, 10, 12, 16]),
    span=st.floats(5.0, 1e6),
    lr=st.floats(1e-3, 0.05),
    maximize=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_integers_are_updated_as_published(bits: int, span: float, lr: float, maximize: bool, seed: int) -> None:
    """Compare nearest rounding with float64, from the stored second moment."""
    torch.manual_seed(seed)
    weight = torch.randn(60)
    sign = weight.sign().double().numpy()
    optimizer = IntegerMadam([weight], lr, bits, span, rounding="nearest", maximize=maximize)
    optimizer.pack()
    top = 2 ** (bits - 1)
    base = math.log(span) / (top - 1)
    for t in range(1, 6):
        gradient = torch.randn(60)
        g = gradient.double().numpy()
        k = exponents(optimizer, weight).numpy()
        v = _codes.lengthen(optimizer.state[weight]["second_moment"]).double().numpy()
        steps(optimizer, [weight], [[gradient]])
        direction = np.clip(g / np.sqrt((0.999 * v + 0.001 * g * g) / (1 - 0.999**t)), -10, 10)
        exact = direction * lr / base * (-1 if maximize else 1)
        clear = np.abs(exact - np.floor(exact) - 0.5) > 1e-6 * (10 + np.abs(exact))  # not a tie in float32
        expected = np.clip(k + np.round(exact) * sign, 0, top - 1)
        np.testing.assert_array_equal(exponents(optimizer, weight).numpy()[clear], expected[clear])
        assert clear.mean() > 0.5


@all_bits
def test_initial_weights_are_rounded_to_the_nearest_level_with_their_signs(bits: int) -> None:
    weight = torch.randn(500)
    bound = 3 * weight.square().mean().sqrt()
    start = torch.where(weight.abs() < bound / 60, bound / 60, weight.abs()).clamp_max(bound) * weight.sign()
    optimizer = IntegerMadam([weight], bits=bits)
    optimizer.pack()
    with optimizer.unpack_state():
        half = math.log(60) / (2 ** (bits - 1) - 1) / 2
        assert ((weight / start).log().abs() <= half * 1.01).all()


@all_bits
@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
def test_weights_are_on_levels_within_bounds_with_their_signs(bits: int, rounding: str) -> None:
    weight = torch.randn(300)
    signs, bound = weight.sign(), 3 * weight.square().mean().sqrt()
    optimizer = IntegerMadam([weight], 0.3, bits, rounding=rounding)
    steps(optimizer, [weight], [[torch.randn(300)] for _ in range(30)])
    assert torch.equal(weight.sign(), signs)
    expected = bound * torch.exp(-exponents(optimizer, weight) * (math.log(60) / (2 ** (bits - 1) - 1)))
    torch.testing.assert_close(weight.abs(), expected)
    assert weight.abs().max() <= bound * (1 + 1e-6)


def test_stochastic_rounding_allows_steps_below_a_level_on_average() -> None:
    weight = torch.ones(20_000)
    optimizer = IntegerMadam([weight], lr=0.004, bits=8)  # a level is 3.2 %
    steps(optimizer, [weight], [[torch.ones(20_000)]] * 10)
    assert weight.log().mean() == pytest.approx(-0.04 + math.log(weight.max().item()), abs=0.005)
    nearest, ones = partial(IntegerMadam, lr=0.004, bits=8, rounding="nearest"), torch.ones(20)
    assert torch.equal(moved(nearest, ones, [ones] * 11), moved(nearest, ones, [ones]))


def test_short_second_moment_is_correct_on_average_and_decays() -> None:
    random_words = words(keys(torch.tensor([0]), 0, torch.tensor([0])), 50_000)[0]
    values = torch.full((50_000,), 0.7123)
    assert _codes.lengthen(_codes.shorten(values, random_words)).mean() == pytest.approx(0.7123, rel=1e-4)
    weight = torch.ones(4000)
    optimizer = IntegerMadam([weight])
    steps(optimizer, [weight], [[torch.ones(4000)]] + [[torch.zeros(4000)]] * 500)
    second = _codes.lengthen(optimizer.state[weight]["second_moment"])
    assert second.mean() == pytest.approx(0.001 * 0.999**500, rel=0.01)


def test_random_words_are_uniform_and_differ_by_seed_stream_and_step() -> None:
    samples = [
        words(keys(torch.tensor([seed]), stream, torch.tensor([step])), 4096)[0]
        for seed, stream, step in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ]
    for each in samples:
        assert (each / 2.0**32).mean() == pytest.approx(0.5, abs=0.02)
        assert ((each[:, None] >> torch.arange(32)) & 1).double().mean(0).sub(0.5).abs().max() < 0.04
    together = torch.stack(samples).double()
    assert torch.corrcoef(together).fill_diagonal_(0).abs().max() < 0.06
    assert len(torch.stack(samples).unique()) > 4 * 4096 - 3


@all_bits
@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
@pytest.mark.parametrize("packed", [False, True])
def test_kernel_equals_its_definition(bits: int, rounding: str, packed: bool) -> None:
    """Except for ties: a sum in the second moment is rounded once or twice."""
    start, gradients = torch.randn(2, 3001), torch.randn(5, 2, 3001)
    gradients[2, 1, 5] = math.nan
    sides = []
    for fused in (True, False):
        weight = start.clone()
        optimizer = IntegerMadam([weight], bits=bits, rounding=rounding, replica_dims=1, seed=3, fused=fused)
        if packed:
            optimizer.pack()
        with pytest.warns(RuntimeWarning, match="1 of 2 replicas"):
            steps(optimizer, [weight], [[each] for each in gradients])
        optimizer.unpack()
        codes = _codes.unpack(optimizer.state[weight]["codes"], bits, 3001)
        sides.append((weight, codes, _codes.lengthen(optimizer.state[weight]["second_moment"])))
    (weight, codes, second), (other_weight, other_codes, other_second) = sides
    assert (codes - other_codes).abs().max() <= 1
    assert (codes != other_codes).double().mean() < 1e-3
    torch.testing.assert_close(second, other_second, rtol=2**-7, atol=0)
    same = codes == other_codes
    torch.testing.assert_close(weight[same], other_weight[same])


def test_small_network_learns_as_well_as_with_floats() -> None:
    x, losses = torch.randn(256, 4), []
    y = (x @ torch.tensor([[1.0], [-2.0], [0.5], [0.3]])).tanh()
    for make in (Madam, partial(IntegerMadam, bits=12)):
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = make(model.parameters())
        for _ in range(201):
            optimizer.zero_grad()
            (model(x) - y).square().mean().backward()
            optimizer.step()
        losses.append((model(x) - y).square().mean().item())
    assert losses[1] < 2 * losses[0] + 1e-3


def test_packed_training_equals_unpacked_training() -> None:
    ends = []
    for packed in (True, False):
        torch.manual_seed(0)
        model, x = nn.Linear(5, 3), torch.randn(8, 5)
        optimizer = IntegerMadam(model.named_parameters(), bits=10)
        optimizer.pack()
        for _ in range(5):
            optimizer.unpack()
            with optimizer.unpack_state() if packed else nullcontext():
                model(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        optimizer.unpack()
        ends.append(model.state_dict())
    assert_equal(*ends)


@all_bits
def test_packed_parameters_read_as_nan_and_have_the_documented_size(bits: int) -> None:
    weight = torch.randn(1000, 10)
    optimizer = IntegerMadam([weight], bits=bits)
    optimizer.pack()
    assert weight.isnan().all()
    assert weight.untyped_storage().nbytes() == 4
    assert optimizer.state[weight]["codes"].numel() * 8 == bits * 10_000
    stored = [weight, *optimizer.state[weight].values()]
    assert sum(each.untyped_storage().nbytes() for each in stored) < (bits / 8 + 2.01) * 10_000
    with optimizer.unpack_state():
        assert weight.isfinite().all()
    assert weight.isnan().all()


@pytest.mark.parametrize("packed", [False, True])
def test_loading_a_state_loads_the_integer_weights(packed: bool) -> None:
    weight, other = torch.randn(6), torch.randn(6)
    first, second = IntegerMadam([weight]), IntegerMadam([other])
    steps(first, [weight], [[torch.randn(6)]])
    if packed:
        first.pack()
        second.pack()
    second.load_state_dict(through_a_file(first.state_dict()))
    with first.unpack_state(), second.unpack_state():
        assert torch.equal(weight, other)


def test_packed_state_of_other_shapes_is_refused() -> None:
    first, second = IntegerMadam([torch.ones(3)]), IntegerMadam([torch.ones(4)])
    first.pack()
    with pytest.raises(ValueError, match=r"parameter 0 .* needs"):
        second.load_state_dict(first.state_dict())


def test_weights_are_saved_to_safetensors_as_integers(tmp_path: Path) -> None:
    model = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 2))
    optimizer = IntegerMadam(model.named_parameters(), bits=10)
    optimizer.pack()
    path = tmp_path / "weights.safetensors"
    safetensors.torch.save_file(integer_weights(optimizer), path)
    read = safetensors.torch.load_file(path)
    assert read["0.weight.codes"].dtype == torch.uint8
    assert read["0.weight.codes"].numel() == 600 * 10 // 8
    other = nn.Sequential(nn.Linear(30, 20), nn.Linear(20, 2))
    other.load_state_dict(float_weights(read))
    with optimizer.unpack_state():
        assert_equal(other.state_dict(), model.state_dict())
    del read["0.bias.bound"]
    with pytest.raises(ValueError, match=r"'0.bias' lack bound"):
        float_weights(read)


def test_zeros_are_refused_or_frozen() -> None:
    zeros, ones, freezing = torch.zeros(3), torch.ones(3), partial(IntegerMadam, zeros="freeze")
    with pytest.raises(ValueError, match=r"cannot represent zero.*\(3,\)"):
        moved(IntegerMadam, zeros, [ones])
    assert torch.equal(moved(freezing, zeros, [ones]), zeros)
    mixed = moved(freezing, torch.tensor([0.0, 1.0]), [torch.zeros(2)])
    assert 0 < mixed[0] < 0.05
