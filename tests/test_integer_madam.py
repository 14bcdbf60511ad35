"""IntegerMadam: weights that are integers, moved by additions, kept in few bytes and never turned into floats."""

import io
import math
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import safetensors.torch
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor, nn

from extrapolate.optim import IntegerMadam, Madam, _codes, float_weights, integer_weights
from extrapolate.optim._words import keys, words

all_bits = pytest.mark.parametrize("bits", [8, 10, 12, 16])


def steps(optimizer: torch.optim.Optimizer, params: Sequence[Tensor], gradients: Sequence[Any]) -> None:
    """A step with each of ``gradients``: a list of one gradient a parameter."""
    for each in gradients:
        for parameter, gradient in zip(params, each, strict=True):
            parameter.grad = gradient
        optimizer.step()


def exponents(optimizer: IntegerMadam, parameter: Tensor) -> Tensor:
    """The integers k of an unstacked parameter's weights."""
    bits = optimizer.param_groups[0]["bits"]
    unpacked = _codes.unpack(optimizer.state[parameter]["codes"][None], bits, parameter.numel())
    return (unpacked & (_codes.levels(bits) - 1)).reshape(parameter.shape)


@given(
    bits=st.sampled_from([8, 10, 12, 16]),
    rows=st.integers(1, 3),
    count=st.integers(1, 40),
    seed=st.integers(0, 2**32),
)
def test_packing_loses_nothing_and_wastes_nothing(bits: int, rows: int, count: int, seed: int) -> None:
    drawn = torch.randint(0, 1 << bits, (rows, count), generator=torch.Generator().manual_seed(seed))
    packed = _codes.pack(drawn, bits)
    assert packed.dtype == torch.uint8
    assert packed.shape == (rows, _codes.packed_length(count, bits))
    assert packed.shape[1] * 8 - count * bits < 40
    assert torch.equal(_codes.unpack(packed, bits, count), drawn)


@pytest.mark.parametrize(("bits", "stored"), [(8, 8), (10, 10), (12, 12), (16, 16)])
def test_packed_weights_take_their_bits(bits: int, stored: int) -> None:
    weight = torch.randn(40, 10)
    optimizer = IntegerMadam([weight], bits=bits)
    optimizer.pack()
    assert optimizer.state[weight]["codes"].numel() * 8 == stored * 400
    assert weight.untyped_storage().nbytes() == 4


@given(
    bits=st.sampled_from([8, 10, 12, 16]),
    span=st.floats(5.0, 1e6),
    lr=st.floats(1e-3, 0.05),
    maximize=st.booleans(),
    seed=st.integers(0, 2**32),
)
def test_integers_move_as_published(bits: int, span: float, lr: float, maximize: bool, seed: int) -> None:
    """Nearest rounding, against float64, from the second moment that is kept."""
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


def test_first_moves_are_exact() -> None:
    weight = torch.tensor([1.0, -1.0, 1.0, -1.0])
    optimizer = IntegerMadam([weight], lr=0.01, bits=12, rounding="nearest")
    optimizer.pack()
    before = exponents(optimizer, weight)
    steps(optimizer, [weight], [[torch.tensor([3.0, 3.0, -1e-6, -1e-6])]])
    level = round(0.01 / (math.log(60) / 2047))
    assert (exponents(optimizer, weight) - before).tolist() == [level, -level, -level, level]


@all_bits
def test_start_takes_the_nearest_level_and_keeps_signs(bits: int) -> None:
    weight = torch.randn(500)
    bound = 3 * weight.square().mean().sqrt()
    start = torch.where(weight.abs() < bound / 60, bound / 60, weight.abs()).clamp_max(bound) * weight.sign()
    optimizer = IntegerMadam([weight], bits=bits)
    optimizer.pack()
    with optimizer.unpacked():
        half = math.log(60) / (2 ** (bits - 1) - 1) / 2
        assert ((weight / start).log().abs() <= half * 1.01).all()


@all_bits
@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
def test_weights_stay_on_their_levels_in_their_box_with_their_signs(bits: int, rounding: str) -> None:
    weight = torch.randn(300)
    signs, bound = weight.sign(), 3 * weight.square().mean().sqrt()
    optimizer = IntegerMadam([weight], 0.3, bits, rounding=rounding)
    steps(optimizer, [weight], [[torch.randn(300)] for _ in range(30)])
    assert torch.equal(weight.sign(), signs)
    expected = bound * torch.exp(-exponents(optimizer, weight) * (math.log(60) / (2 ** (bits - 1) - 1)))
    torch.testing.assert_close(weight.abs(), expected)
    assert weight.abs().max() <= bound * (1 + 1e-6)


def test_random_rounding_moves_by_less_than_a_level_on_average() -> None:
    weight = torch.ones(20_000)
    optimizer = IntegerMadam([weight], lr=0.004, bits=8)  # a level is 3.2 %
    steps(optimizer, [weight], [[torch.ones(20_000)]] * 10)
    assert weight.log().mean() == pytest.approx(-0.04 + math.log(weight.max().item()), abs=0.005)
    nearest = torch.ones(20)
    optimizer = IntegerMadam([nearest], lr=0.004, bits=8, rounding="nearest")
    steps(optimizer, [nearest], [[torch.ones(20)]])
    start = nearest.clone()
    steps(optimizer, [nearest], [[torch.ones(20)]] * 10)
    assert torch.equal(nearest, start)


def test_short_second_moment_is_right_on_average_and_decays() -> None:
    draws = words(keys(torch.tensor([0]), 0, torch.tensor([0])), 50_000)[0]
    values = torch.full((50_000,), 0.7123)
    assert _codes.lengthen(_codes.shorten(values, draws)).mean() == pytest.approx(0.7123, rel=1e-4)
    weight = torch.ones(4000)
    optimizer = IntegerMadam([weight])
    steps(optimizer, [weight], [[torch.ones(4000)]] + [[torch.zeros(4000)]] * 500)
    second = _codes.lengthen(optimizer.state[weight]["second_moment"])
    assert second.mean() == pytest.approx(0.001 * 0.999**500, rel=0.01)


def test_random_words_are_even_and_differ_by_seed_stream_and_step() -> None:
    drawn = [
        words(keys(torch.tensor([seed]), stream, torch.tensor([step])), 4096)[0]
        for seed, stream, step in [(0, 0, 0), (1, 0, 0), (0, 1, 0), (0, 0, 1)]
    ]
    for each in drawn:
        assert (each / 2.0**32).mean() == pytest.approx(0.5, abs=0.02)
        assert ((each[:, None] >> torch.arange(32)) & 1).double().mean(0).sub(0.5).abs().max() < 0.04
    together = torch.stack(drawn).double()
    assert torch.corrcoef(together).fill_diagonal_(0).abs().max() < 0.06
    assert len(torch.stack(drawn).unique()) > 4 * 4096 - 3


@all_bits
@pytest.mark.parametrize("rounding", ["stochastic", "nearest"])
@pytest.mark.parametrize("packed", [False, True])
def test_kernel_equals_its_definition(bits: int, rounding: str, packed: bool) -> None:
    """But for ties: one sum in the second moment may be rounded once or twice."""
    start, gradients = torch.randn(2, 3001), torch.randn(5, 2, 3001)
    gradients[2, 1, 5] = math.nan
    sides = []
    for fused in (True, False):
        weight = start.clone()
        optimizer = IntegerMadam([weight], bits=bits, rounding=rounding, replica_dims=1, seed=3, fused=fused)
        if packed:
            optimizer.pack()
        with pytest.warns(RuntimeWarning, match="1 of 2 models"):
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


def test_small_network_learns_as_with_floats() -> None:
    x = torch.randn(256, 4)
    y = (x @ torch.tensor([[1.0], [-2.0], [0.5], [0.3]])).tanh()
    losses = {}
    for name, make in {
        "float": lambda params: Madam(params),
        "integer": lambda params: IntegerMadam(params, bits=12),
    }.items():
        torch.manual_seed(1)
        model = nn.Sequential(nn.Linear(4, 16), nn.Tanh(), nn.Linear(16, 1))
        optimizer = make(model.parameters())
        for _ in range(200):
            optimizer.zero_grad()
            loss = (model(x) - y).square().mean()
            loss.backward()
            optimizer.step()
        losses[name] = (model(x) - y).square().mean().item()
    assert losses["integer"] < 2 * losses["float"] + 1e-3


def test_packed_training_equals_training_with_floats_at_hand() -> None:
    def trained(packed: bool) -> list[Tensor]:
        torch.manual_seed(0)
        model = nn.Linear(5, 3)
        optimizer = IntegerMadam(model.named_parameters(), bits=10)
        optimizer.pack()
        x = torch.randn(8, 5)
        for _ in range(5):
            if packed:
                with optimizer.unpacked():
                    model(x).square().mean().backward()
            else:
                optimizer.unpack()
                model(x).square().mean().backward()
            optimizer.step()
            optimizer.zero_grad()
        optimizer.unpack()
        return [each.detach().clone() for each in model.parameters()]

    for a, b in zip(trained(True), trained(False), strict=True):
        assert torch.equal(a, b)


def test_packed_parameters_read_as_nan_and_keep_3_5_bytes_a_weight() -> None:
    weight = torch.randn(1000, 10)
    optimizer = IntegerMadam([weight], bits=12)
    optimizer.pack()
    assert weight.isnan().all()
    kept = [weight, *optimizer.state[weight].values()]
    assert sum(each.untyped_storage().nbytes() for each in kept) < 3.51 * 10_000
    with optimizer.unpacked():
        assert weight.isfinite().all()
    assert weight.isnan().all()


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@all_bits
def test_resumed_optimizer_goes_on_bit_for_bit_with_integers(bits: int) -> None:
    params = [torch.randn(8, 3), torch.randn(3)]
    gradients = [[torch.randn(8, 3), torch.randn(3)] for _ in range(10)]
    first = IntegerMadam(params, bits=bits, seed=7)
    steps(first, params, gradients[:5])
    saved = through_a_file(first.state_dict())
    copies = [each.clone() for each in params]
    second = IntegerMadam(copies)
    second.load_state_dict(saved)
    for name, dtype in {"codes": torch.uint8, "second_moment": torch.int16, "skipped": torch.int64}.items():
        assert saved["state"][0][name].dtype == second.state[copies[0]][name].dtype == dtype
    steps(first, params, gradients[5:])
    steps(second, copies, gradients[5:])
    for a, b in zip(params, copies, strict=True):
        assert torch.equal(a, b)


def test_packed_optimizer_is_loaded_packed() -> None:
    weight, other = torch.randn(6), torch.randn(6)
    first, second = IntegerMadam([weight]), IntegerMadam([other])
    first.pack()
    second.pack()
    second.load_state_dict(through_a_file(first.state_dict()))
    with first.unpacked(), second.unpacked():
        assert torch.equal(weight, other)


def test_weights_loaded_into_floats_are_the_integers() -> None:
    weight, other = torch.randn(6), torch.randn(6)
    first, second = IntegerMadam([weight]), IntegerMadam([other])
    steps(first, [weight], [[torch.randn(6)]])
    second.load_state_dict(first.state_dict())
    assert torch.equal(weight, other)


def test_state_of_other_shapes_is_refused() -> None:
    first, second = IntegerMadam([torch.ones(3)]), IntegerMadam([torch.ones(4)])
    first.pack()
    with pytest.raises(ValueError, match=r"parameter 0 .* needs"):
        second.load_state_dict(first.state_dict())


def test_weights_are_written_to_safetensors_as_integers(tmp_path: Path) -> None:
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
    with optimizer.unpacked():
        for a, b in zip(model.parameters(), other.parameters(), strict=True):
            assert torch.equal(a, b)
    del read["0.bias.bound"]
    with pytest.raises(ValueError, match=r"'0.bias' lack bound"):
        float_weights(read)


@all_bits
def test_model_among_others_moves_as_alone_bit_for_bit(bits: int) -> None:
    stacked = torch.randn(3, 7) * torch.tensor([[1e-3], [1.0], [50.0]])
    alone = [row.clone() for row in stacked]
    gradients = torch.randn(12, 3, 7)
    gradients[5, 1, 0] = math.inf
    together = IntegerMadam([stacked], bits=bits, replica_dims=1, seed=[4, 9, 2])
    with pytest.warns(RuntimeWarning, match="1 of 3 models"):
        steps(together, [stacked], [[each] for each in gradients])
    for seed, index in ((4, 0), (2, 2)):
        row = alone[index]
        steps(IntegerMadam([row], bits=bits, seed=seed), [row], [[each[index]] for each in gradients])
        assert torch.equal(stacked[index], row)
    assert together.state[stacked]["skipped"].tolist() == [0, 1, 0]


@pytest.mark.parametrize("fused", [True, False])
def test_models_may_have_a_learning_rate_each(fused: bool) -> None:
    stacked = torch.randn(2, 7)
    alone = [row.clone() for row in stacked]
    gradients = torch.randn(6, 2, 7)
    rates = [0.01, 0.05]
    together = IntegerMadam([stacked], torch.tensor(rates), replica_dims=1, fused=fused)
    steps(together, [stacked], [[each] for each in gradients])
    for index, row in enumerate(alone):
        own = IntegerMadam([row], rates[index], seed=index, fused=fused)
        steps(own, [row], [[each[index]] for each in gradients])
        torch.testing.assert_close(stacked[index], row, rtol=0.003, atol=0)


@pytest.mark.parametrize("bad", [math.nan, math.inf, 1e30])
def test_step_with_an_unusable_gradient_changes_nothing_but_a_count(bad: float) -> None:
    disturbed, undisturbed = torch.randn(20), torch.empty(20)
    undisturbed.copy_(disturbed)
    first, second = IntegerMadam([disturbed]), IntegerMadam([undisturbed])
    gradients = [[torch.randn(20)] for _ in range(6)]
    broken = torch.ones(20)
    broken[7] = bad
    steps(second, [undisturbed], gradients)
    steps(first, [disturbed], gradients[:3])
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(first, [disturbed], [[broken]])
    steps(first, [disturbed], gradients[3:])
    assert torch.equal(disturbed, undisturbed)


def test_gradient_whose_square_vanishes_does_not_move_weights() -> None:
    weight = torch.ones(5)
    optimizer = IntegerMadam([weight], rounding="nearest")
    steps(optimizer, [weight], [[torch.zeros(5)]])
    start = weight.clone()
    steps(optimizer, [weight], [[torch.full((5,), 1e-23)]] * 3)
    assert torch.equal(weight, start)


def test_zeros_are_refused_or_frozen() -> None:
    bias = torch.zeros(3)
    with pytest.raises(ValueError, match=r"no word for zero.*\(3,\)"):
        steps(IntegerMadam([bias]), [bias], [[torch.ones(3)]])
    steps(IntegerMadam([bias], zeros="freeze"), [bias], [[torch.ones(3)]])
    assert torch.equal(bias, torch.zeros(3))
    mixed = torch.tensor([0.0, 1.0])
    steps(IntegerMadam([mixed], zeros="freeze"), [mixed], [[torch.zeros(2)]])
    assert 0 < mixed[0] < 0.05


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.0},
        {"bits": 9},
        {"span": 1.0},
        {"span": math.inf},
        {"scale_bound": -1.0},
        {"beta": 1.0},
        {"rounding": "up"},
        {"zeros": "additive"},
        {"replica_dims": 1, "seed": [1, 2]},
    ],
)
def test_setting_out_of_range_is_refused_by_name(settings: dict[str, Any]) -> None:
    with pytest.raises(ValueError, match=f"Invalid {list(settings)[-1]}"):
        IntegerMadam([torch.ones(3)], **settings)


def test_parameters_of_other_types_are_refused() -> None:
    with pytest.raises(TypeError, match="float32"):
        IntegerMadam([torch.ones(3, dtype=torch.float64)])
