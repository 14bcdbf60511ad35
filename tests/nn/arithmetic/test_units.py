"""The NAC, NALU, NAU and NMU families: equations, initialisation of all units, noise."""

import math
from collections.abc import Callable

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor

import reference
from extrapolate import nn, ops
from reference import Array, Parameters
from unit_cases import NOISY, UNITS, set_, values

REFERENCES = {
    "NAC": reference.nac,
    "NACMul": reference.nac_mul,
    "NALU": reference.nalu,
    "NAU": reference.nau,
    "NMU": reference.nmu,
    "StochasticNMU": reference.nmu,
    "BatchStochasticNMU": reference.nmu,
    "MLP": reference.mlp,
}

every_unit = pytest.mark.parametrize("name", REFERENCES)
noisy_unit = pytest.mark.parametrize("name", NOISY)
batch_shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
seeds = st.integers(0, 2**31)


def build(name: str, *sizes: int, dtype: torch.dtype = torch.float64, device: str = "cpu") -> torch.nn.Module:
    return UNITS[name](*sizes, dtype=dtype, device=device)


def inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    """Positive, negative and zero inputs of ``shape``."""
    x = torch.empty(shape, dtype=dtype).uniform_(-3, 3)
    return torch.where(torch.rand(shape) < 0.1, torch.zeros((), dtype=dtype), x)


def assert_is(actual: Tensor, answer: Callable[[Parameters, Array], Array], p: Parameters, x: Array) -> None:
    """Check ``actual`` against the reference, up to the rounding of its intermediate values."""
    expected = answer(p, x)
    magnitude = 1 + answer({name: abs(value) for name, value in p.items()}, abs(x))
    assert actual.shape == expected.shape
    error = np.abs(actual.detach().cpu().double().numpy() - expected)
    eps = torch.finfo(actual.dtype).eps
    assert (error <= 500 * eps * (np.abs(expected) + magnitude)).all()


@noisy_unit
@given(
    batch=batch_shapes,
    in_features=st.integers(1, 100),
    high=st.floats(1.001, 1000),
    spread=st.sampled_from([0.01, 1.0, 20.0]),
    seed=seeds,
)
def test_training_noise_divides_out_as_published(
    name: str, batch: tuple[int, ...], in_features: int, high: float, spread: float, seed: int
) -> None:
    """The noise range is the unit's ``high``, or follows from the standard deviation of the batch."""
    torch.manual_seed(seed)
    x = inputs((*batch, in_features))
    if name == "StochasticNMU":
        unit = nn.StochasticNMU(in_features, 2, high=high, dtype=torch.float64)
    else:
        assume(x.numel() >= 2)
        unit, x = build(name, in_features, 2), 3 + spread * (x + torch.linspace(0, 1, in_features))
        assume(float(x.std()) > 0)
        high = 1 + 1 / float(np.std(x.numpy(), ddof=1))
    unit.key = torch.tensor([seed, 1, seed % 5])
    noise = 1 + (high - 1) * ops.uniform_like(unit.key, x).numpy()
    assert_is(unit(x), lambda p, z: reference.stochastic_nmu(p, z, noise), values(unit), x.numpy())


@every_unit
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_every_dtype_is_computed_in_its_own_precision(name: str, dtype: torch.dtype, device: str) -> None:
    unit, x = build(name, 3, 2, dtype=dtype, device=device).eval(), inputs((20, 3), dtype)
    y = unit(x.to(device))
    assert y.dtype == dtype
    assert y.device.type == device
    assert_is(y, REFERENCES[name], values(unit), x.double().numpy())
    y.sum().backward()
    assert all(value.grad is not None and value.grad.dtype == dtype for value in unit.parameters())


@pytest.mark.parametrize("in_features", [1, 2, 3, 7, 8, 9, 100])
def test_zero_factors_have_exact_gradients_at_every_width(in_features: int) -> None:
    unit = nn.NMU(in_features, 1, dtype=torch.float64)
    torch.nn.init.ones_(unit.weight)
    x = torch.linspace(0.9, 1.1, in_features, dtype=torch.float64)
    x[0] = 0.0
    x.requires_grad_()
    unit(x).sum().backward()
    assert x.grad is not None
    others = float(np.prod(x.detach().numpy()[1:]))
    assert x.grad[0].item() == pytest.approx(others, rel=1e-12)
    assert (x.grad[1:] == 0).all()


def test_standard_deviation_of_the_batch_has_no_gradient() -> None:
    unit = nn.BatchStochasticNMU(2, 1, dtype=torch.float64)
    unit.key = torch.tensor([3, 1, 0])
    x = inputs((6, 2)).requires_grad_()
    noise = unit.sample_noise(x.detach())
    (slope,) = torch.autograd.grad(unit(x).sum(), x)
    plain = nn.NMU(2, 1, dtype=torch.float64)
    plain.load_state_dict(unit.state_dict())
    (expected,) = torch.autograd.grad((plain(x * noise) / plain(noise)).sum(), x)
    torch.testing.assert_close(slope, expected)


def assert_uniform(values: Tensor, low: float, high: float) -> None:
    """Check that values are inside [low, high] and uniform by a Kolmogorov-Smirnov test."""
    array = values.detach().double().numpy().ravel()
    width = high - low
    assert array.min() >= low - 1e-7 * width
    assert array.max() <= high + 1e-7 * width
    assert stats.kstest(array, stats.uniform(low, width).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("in_features", "out_features"), [(2, 1), (1, 1), (10, 3), (100, 2), (150, 100)])
@pytest.mark.parametrize("unit_class", [nn.NAC, nn.NACMul, nn.NALU])
def test_nac_weights_are_initialised_as_published(
    unit_class: type[torch.nn.Module], in_features: int, out_features: int
) -> None:
    r = reference.nac_range(in_features, out_features)
    hats: dict[str, list[Tensor]] = {}
    for _ in range(max(1, 3000 // (in_features * out_features))):
        for name, value in unit_class(in_features, out_features).named_parameters():
            hats.setdefault(name, []).append(value.flatten())
    gate_range = math.sqrt(6 / (in_features + out_features))  # Xavier, gain 1
    for name, samples in hats.items():
        reach = gate_range if name == "gate" else r
        assert_uniform(torch.cat(samples), -reach, reach)


@pytest.mark.parametrize(
    ("name", "in_features", "out_features", "reach"),
    [
        *[(name, 2, 1, 0.5) for name in ("NAU", "NRU", "ModifiedRealNPU")],
        ("NAU", 20, 4, 0.5),
        ("NAU", 100, 2, math.sqrt(6 / 102)),  # Xavier
        ("NAU", 150, 100, math.sqrt(6 / 250)),
        ("NRU", 150, 150, math.sqrt(6 / 300)),
        *[(name, 2, 1, math.sqrt(6 / 3)) for name in ("RealNPU", "NPU")],
        ("MNAC", 2, 1, math.sqrt(3) / 2),
        *[(name, 2, 1, None) for name in ("NMRU", "GatedNMRU")],
        *[(name, size, 20, None) for name in ("NMU", *NOISY) for size in (2, 100)],
    ],
)
def test_weights_are_initialised_in_the_published_range(
    name: str, in_features: int, out_features: int, reach: float | None
) -> None:
    ends = (-reach, reach) if reach else (0.25, 0.75)
    weight = "w_hat" if name == "MNAC" else "weight"
    units = [UNITS[name](in_features, out_features) for _ in range(2000 // (in_features * out_features) + 1)]
    assert_uniform(torch.cat([unit.get_parameter(weight).flatten() for unit in units]), *ends)


numbers = st.floats(-1e6, 1e6, allow_nan=False, width=64)


@pytest.mark.parametrize(
    ("unit", "parameters", "answers"),
    [
        (nn.NMU, {"weight": [[1, 1], [1, 0], [0, 0]]}, lambda a, b: [a * b, a, 1]),
        (nn.NAU, {"weight": [[1, 1], [1, -1], [0, -1]]}, lambda a, b: [a + b, a - b, -b]),
        (nn.NAC, {"w_hat": [[40, 40], [40, -40], [0, -40]], "m_hat": 40}, lambda a, b: [a + b, a - b, -b]),
    ],
)
@given(a=numbers, b=numbers)
def test_exact_weights_give_exact_answers(
    unit: type[torch.nn.Module], parameters: dict, answers: Callable, a: float, b: float
) -> None:
    module = set_(unit(2, 3, dtype=torch.float64), **parameters)
    assert module(torch.tensor([a, b], dtype=torch.float64)).tolist() == answers(a, b)


@pytest.mark.parametrize("others", [1, 8, 98])
def test_exact_zeros_ignore_any_number_of_inputs(others: int) -> None:
    x = torch.cat([torch.tensor([1e6, -3e-6]), torch.empty(others).uniform_(-1e6, 1e6)]).double()
    weight = [[1.0, 1.0, *[0.0] * others]]
    assert set_(nn.NMU(2 + others, 1, dtype=torch.float64), weight=weight)(x) == x[0] * x[1]
    assert set_(nn.NAU(2 + others, 1, dtype=torch.float64), weight=weight)(x) == x[0] + x[1]


@pytest.mark.parametrize(("sign", "answer"), [(1, lambda a, b: a * b), (-1, lambda a, b: a / b)])
def test_saturated_log_space_accumulator_multiplies_and_divides(
    sign: int, answer: Callable[[Tensor, Tensor], Tensor]
) -> None:
    unit = set_(nn.NACMul(2, 1, dtype=torch.float64), w_hat=[[40.0, sign * 40.0]], m_hat=40.0)
    x = torch.empty(100, 2, dtype=torch.float64).uniform_(1, 1e6)
    torch.testing.assert_close(unit(x)[:, 0], answer(x[:, 0], x[:, 1]), rtol=1e-6, atol=0)
    # the sign is lost, as documented
    torch.testing.assert_close(unit(-x), unit(x))


@noisy_unit
@given(a=numbers, b=numbers, seed=seeds)
def test_noise_cancels_to_rounding_at_exact_weights(name: str, a: float, b: float, seed: int) -> None:
    unit = set_(build(name, 2, 1), weight=1.0).train()
    unit.key, x = torch.tensor([seed, 1, 0]), torch.tensor([a, b], dtype=torch.float64)
    assert unit(x).item() == pytest.approx(a * b, rel=8 * torch.finfo(torch.float64).eps, abs=1e-300)


@noisy_unit
@pytest.mark.parametrize("key", [torch.tensor([5, 1, 0]), None])
def test_noisy_unit_does_not_modify_its_input(name: str, key: Tensor | None) -> None:
    unit, x = build(name, 3, 2), inputs((5, 3))
    unit.key = key  # pyright: ignore[reportArgumentType]
    before, version = x.clone(), x._version
    unit(x).sum().backward()
    assert torch.equal(x, before)
    assert x._version == version


@pytest.mark.parametrize("with_key", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("high", [5.0, 1.5, 100.0])
def test_noise_fills_its_range(high: float, dtype: torch.dtype, with_key: bool, device: str) -> None:
    unit = nn.StochasticNMU(3, 1, high=high, dtype=dtype, device=device)
    if with_key:
        unit.key = torch.tensor([11, 1, 4], device=device)
    x = torch.zeros(4000, 3, dtype=dtype, device=device)
    noise = unit.sample_noise(x)
    assert noise.shape == x.shape
    assert noise.dtype == dtype
    assert noise.min() >= 1
    assert noise.max() <= high
    if dtype != torch.bfloat16:  # where numbers just below ``high`` round to it
        assert noise.max() < high
        assert_uniform(noise.cpu(), 1, high)
        assert noise.unique().numel() > 0.99 * noise.numel()


@pytest.mark.parametrize("shape", [(4, 2), (2,), (1,), (0, 2)])
def test_batch_of_equal_elements_gets_the_widest_noise(shape: tuple[int, ...]) -> None:
    unit = nn.BatchStochasticNMU(shape[-1], 1)
    x = torch.full(shape, 2.0)
    noise = unit.sample_noise(x)
    assert noise.shape == shape
    assert torch.isfinite(noise).all()
    assert float(unit.noise_high(x)) == pytest.approx(1 + 1e6)
    assert torch.isfinite(unit(x)).all()


@noisy_unit
def test_noise_without_a_key_comes_from_the_global_generator(name: str) -> None:
    unit, x = build(name, 2, 1), inputs((30, 2))
    torch.manual_seed(1)
    first, second = unit(x), unit(x)
    torch.manual_seed(1)
    assert torch.equal(unit(x), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("high", [1.0, 0.5, -3.0, math.inf, math.nan])
def test_invalid_noise_range_is_refused(high: float) -> None:
    with pytest.raises(ValueError, match="high must be a finite number above 1"):
        nn.StochasticNMU(2, 1, high=high)
