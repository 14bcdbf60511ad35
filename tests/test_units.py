"""The units: what they compute, how they start, how they behave in every place a torch module may stand."""

import math
from collections.abc import Callable
from dataclasses import dataclass, field

import numpy as np
import pytest
import torch
from hypothesis import assume, given
from hypothesis import strategies as st
from scipy import stats
from torch import Tensor
from torch.func import functional_call, stack_module_state, vmap

import reference
from extrapolate import nn, ops
from reference import Array, Parameters


@dataclass(frozen=True)
class Case:
    """A unit, its independent reference, and what it can be asked."""

    build: Callable[..., torch.nn.Module]
    reference: Callable[[Parameters, Array], Array]
    parameters: set[str]
    smooth_at_zero: bool = True
    options: dict[str, int] = field(default_factory=dict)

    def __call__(
        self, in_features: int, out_features: int, dtype: torch.dtype = torch.float64, device: str = "cpu"
    ) -> torch.nn.Module:
        return self.build(in_features, out_features, **self.options, dtype=dtype, device=device)


HATS = {"w_hat", "m_hat"}
UNITS = {
    "NAC": Case(nn.NAC, reference.nac, HATS),
    "NACMul": Case(nn.NACMul, reference.nac_mul, HATS, smooth_at_zero=False),
    "NALU": Case(nn.NALU, reference.nalu, {"nac.w_hat", "nac.m_hat", "gate"}, smooth_at_zero=False),
    "NAU": Case(nn.NAU, reference.nau, {"weight"}),
    "NMU": Case(nn.NMU, reference.nmu, {"weight"}),
    "StochasticNMU": Case(nn.StochasticNMU, reference.nmu, {"weight"}),
    "BatchStochasticNMU": Case(nn.BatchStochasticNMU, reference.nmu, {"weight"}),
    "MLP": Case(
        nn.MLP,
        reference.mlp,
        {"hidden.weight", "hidden.bias", "output.weight", "output.bias"},
        smooth_at_zero=False,
        options={"hidden_features": 7},
    ),
}
NOISY = ["StochasticNMU", "BatchStochasticNMU"]

every_unit = pytest.mark.parametrize("name", UNITS)
noisy_unit = pytest.mark.parametrize("name", NOISY)
batch_shapes = st.lists(st.integers(0, 3), max_size=3).map(tuple)
seeds = st.integers(0, 2**31)


def parameters_of(unit: torch.nn.Module) -> dict[str, Array]:
    return {name: value.detach().cpu().double().numpy().copy() for name, value in unit.named_parameters()}


def inputs(shape: tuple[int, ...], dtype: torch.dtype = torch.float64) -> Tensor:
    """Positive, negative and zero inputs of ``shape``."""
    x = torch.empty(shape, dtype=dtype).uniform_(-3, 3)
    return torch.where(torch.rand(shape) < 0.1, torch.zeros((), dtype=dtype), x)


def assert_is(actual: Tensor, answer: Callable[[Parameters, Array], Array], p: Parameters, x: Array) -> None:
    """``actual`` is the reference's answer up to the rounding its own intermediate values have."""
    expected = answer(p, x)
    magnitude = 1 + answer({name: abs(value) for name, value in p.items()}, abs(x))
    assert actual.shape == expected.shape
    error = np.abs(actual.detach().cpu().double().numpy() - expected)
    eps = torch.finfo(actual.dtype).eps
    assert (error <= 500 * eps * (np.abs(expected) + magnitude)).all()


def keyed(unit: torch.nn.Module, seed: int = 5, step: int = 0) -> torch.nn.Module:
    """``unit`` with its noise, where it has any, made a function of a key."""
    for part in unit.modules():
        if "key" in part._buffers:
            part.key = torch.tensor([seed, 1, step])
    return unit


# ----------------------------------------------------------------------------------- what they compute


@every_unit
@given(batch=batch_shapes, in_features=st.integers(1, 100), out_features=st.integers(1, 4), seed=seeds)
def test_forward_is_the_published_equation(
    name: str, batch: tuple[int, ...], in_features: int, out_features: int, seed: int
) -> None:
    torch.manual_seed(seed)
    unit = UNITS[name](in_features, out_features).eval()
    x = inputs((*batch, in_features))
    assert_is(unit(x), UNITS[name].reference, parameters_of(unit), x.numpy())


@given(batch=batch_shapes, in_features=st.integers(1, 100), high=st.floats(1.001, 1000), seed=seeds)
def test_training_noise_of_the_stochastic_unit_divides_out_as_published(
    batch: tuple[int, ...], in_features: int, high: float, seed: int
) -> None:
    torch.manual_seed(seed)
    unit = nn.StochasticNMU(in_features, 2, high=high, dtype=torch.float64)
    unit.key = torch.tensor([seed, 1, 0])
    x = inputs((*batch, in_features))
    noise = 1 + (high - 1) * ops.uniform_like(unit.key, x).numpy()
    assert_is(unit(x), lambda p, z: reference.stochastic_nmu(p, z, noise), parameters_of(unit), x.numpy())


@given(batch=batch_shapes, in_features=st.integers(1, 100), seed=seeds)
def test_batch_noise_follows_the_spread_of_the_batch(
    batch: tuple[int, ...], in_features: int, seed: int
) -> None:
    assume(math.prod(batch) * in_features >= 2)
    torch.manual_seed(seed)
    unit = nn.BatchStochasticNMU(in_features, 2, dtype=torch.float64)
    unit.key = torch.tensor([seed, 1, 0])
    x = inputs((*batch, in_features)) + torch.linspace(0, 1, in_features)
    assume(float(x.std()) > 0)
    high = 1 + 1 / np.std(x.numpy(), ddof=1)
    noise = 1 + (high - 1) * ops.uniform_like(unit.key, x).numpy()
    assert_is(unit(x), lambda p, z: reference.stochastic_nmu(p, z, noise), parameters_of(unit), x.numpy())


@every_unit
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_every_floating_type_is_computed_in_its_own_precision(
    name: str, dtype: torch.dtype, device: str
) -> None:
    unit = UNITS[name](3, 2, dtype=dtype, device=device).eval()
    x = inputs((20, 3), dtype)
    y = unit(x.to(device))
    assert y.dtype == dtype
    assert y.device.type == device
    assert_is(y, UNITS[name].reference, parameters_of(unit), x.double().numpy())
    y.sum().backward()
    assert all(value.grad is not None and value.grad.dtype == dtype for value in unit.parameters())


# ------------------------------------------------------------------------------------------- gradients


def gradient_inputs(case: Case) -> Tensor:
    x = torch.tensor([[1.3, -0.7, 2.1], [-0.4, 0.9, -1.6], [0.0, 0.0, 1.2]], dtype=torch.float64)
    return (x if case.smooth_at_zero else x[:2]).clone()


@every_unit
@pytest.mark.parametrize("training", [True, False])
def test_gradients_are_right_to_second_order(name: str, training: bool) -> None:
    unit = keyed(UNITS[name](3, 2)).train(training)
    names = [name for name, _ in unit.named_parameters()]
    # The batch's spread carries no gradient on purpose: there the inputs are held fixed.
    x = gradient_inputs(UNITS[name]).requires_grad_(not (training and name == "BatchStochasticNMU"))

    def answer(x: Tensor, *values: Tensor) -> Tensor:
        return functional_call(unit, dict(zip(names, values, strict=True)), (x,))

    arguments = (x, *(value.detach().clone().requires_grad_() for value in unit.parameters()))
    assert torch.autograd.gradcheck(answer, arguments)
    assert torch.autograd.gradgradcheck(answer, arguments)


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


def test_spread_of_the_batch_carries_no_gradient() -> None:
    unit = nn.BatchStochasticNMU(2, 1, dtype=torch.float64)
    unit.key = torch.tensor([3, 1, 0])
    x = inputs((6, 2)).requires_grad_()
    noise = unit.noise(x.detach())
    (slope,) = torch.autograd.grad(unit(x).sum(), x)
    plain = nn.NMU(2, 1, dtype=torch.float64)
    plain.load_state_dict(unit.state_dict())
    (expected,) = torch.autograd.grad((plain(x * noise) / plain(noise)).sum(), x)
    torch.testing.assert_close(slope, expected)


# -------------------------------------------------------------------------------------- how they start


def assert_uniform(values: Tensor, low: float, high: float) -> None:
    """Inside [low, high], and not to be told from uniform there by a Kolmogorov-Smirnov test."""
    array = values.detach().double().numpy().ravel()
    width = high - low
    assert array.min() >= low - 1e-7 * width
    assert array.max() <= high + 1e-7 * width
    assert stats.kstest(array, stats.uniform(low, width).cdf).pvalue > 1e-3


@pytest.mark.parametrize(("in_features", "out_features"), [(2, 1), (1, 1), (10, 3), (100, 2), (150, 100)])
@pytest.mark.parametrize("unit_class", [nn.NAC, nn.NACMul, nn.NALU])
def test_nac_weights_start_where_its_published_equation_says(
    unit_class: type[torch.nn.Module], in_features: int, out_features: int
) -> None:
    r = reference.nac_range(in_features, out_features)
    hats: dict[str, list[Tensor]] = {}
    for _ in range(max(1, 3000 // (in_features * out_features))):
        for name, value in unit_class(in_features, out_features).named_parameters():
            hats.setdefault(name, []).append(value.flatten())
    gate_range = math.sqrt(6 / (in_features + out_features))  # Xavier, gain 1
    for name, values in hats.items():
        reach = gate_range if name == "gate" else r
        assert_uniform(torch.cat(values), -reach, reach)


@pytest.mark.parametrize(
    ("in_features", "out_features", "r"), [(2, 1, 0.5), (20, 4, 0.5), (100, 2, None), (150, 100, None)]
)
def test_nau_weights_start_in_the_published_range(
    in_features: int, out_features: int, r: float | None
) -> None:
    r = math.sqrt(3) * math.sqrt(2 / (in_features + out_features)) if r is None else r
    draws = [nn.NAU(in_features, out_features).weight.flatten() for _ in range(2000 // in_features)]
    assert_uniform(torch.cat(draws), -r, r)


@pytest.mark.parametrize("unit_class", [nn.NMU, nn.StochasticNMU, nn.BatchStochasticNMU])
@pytest.mark.parametrize("in_features", [2, 100])
def test_nmu_weights_start_around_one_half(unit_class: type[nn.NMU], in_features: int) -> None:
    assert_uniform(unit_class(in_features, 2000 // in_features).weight, 0.25, 0.75)


@pytest.mark.parametrize("name", [name for name in UNITS if name != "MLP"])
def test_reset_draws_new_weights_from_the_same_generator(name: str) -> None:
    torch.manual_seed(3)
    unit = UNITS[name](4, 3)
    first = parameters_of(unit)
    torch.manual_seed(3)
    unit.reset_parameters()  # type: ignore[operator]
    again = parameters_of(unit)
    unit.reset_parameters()  # type: ignore[operator]
    other = parameters_of(unit)
    for each in first:
        np.testing.assert_array_equal(first[each], again[each])
        assert (first[each] != other[each]).all()


# --------------------------------------------------------------------------------------- exact weights

numbers = st.floats(-1e6, 1e6, allow_nan=False, width=64)


def with_weight(unit: torch.nn.Module, *weights: float) -> torch.nn.Module:
    with torch.no_grad():
        unit.get_parameter("weight").copy_(torch.tensor([weights]))
    return unit


@given(a=numbers, b=numbers)
def test_exact_weights_give_exact_answers(a: float, b: float) -> None:
    x = torch.tensor([a, b], dtype=torch.float64)
    nmu, nau = nn.NMU(2, 1, dtype=torch.float64), nn.NAU(2, 1, dtype=torch.float64)
    assert with_weight(nmu, 1, 1)(x).item() == a * b
    assert with_weight(nmu, 1, 0)(x).item() == a
    assert with_weight(nmu, 0, 0)(x).item() == 1
    assert with_weight(nau, 1, 1)(x).item() == a + b
    assert with_weight(nau, 1, -1)(x).item() == a - b
    assert with_weight(nau, 0, -1)(x).item() == -b


@pytest.mark.parametrize("others", [1, 8, 98])
def test_exact_zeros_ignore_any_number_of_inputs(others: int) -> None:
    x = torch.cat([torch.tensor([1e6, -3e-6]), torch.empty(others).uniform_(-1e6, 1e6)]).double()
    weights = (1.0, 1.0, *[0.0] * others)
    assert with_weight(nn.NMU(2 + others, 1, dtype=torch.float64), *weights)(x) == x[0] * x[1]
    assert with_weight(nn.NAU(2 + others, 1, dtype=torch.float64), *weights)(x) == x[0] + x[1]


@given(a=numbers, b=numbers)
def test_saturated_accumulator_adds_and_subtracts_exactly(a: float, b: float) -> None:
    unit = nn.NAC(2, 2, dtype=torch.float64)
    with torch.no_grad():
        unit.w_hat.copy_(torch.tensor([[40.0, 40.0], [40.0, -40.0]]))
        unit.m_hat.fill_(40.0)
    assert unit(torch.tensor([a, b], dtype=torch.float64)).tolist() == [a + b, a - b]


@pytest.mark.parametrize(("sign", "answer"), [(1, lambda a, b: a * b), (-1, lambda a, b: a / b)])
def test_saturated_log_space_accumulator_multiplies_and_divides(
    sign: int, answer: Callable[[Tensor, Tensor], Tensor]
) -> None:
    unit = nn.NACMul(2, 1, dtype=torch.float64)
    with torch.no_grad():
        unit.w_hat.copy_(torch.tensor([[40.0, sign * 40.0]]))
        unit.m_hat.fill_(40.0)
    x = torch.empty(100, 2, dtype=torch.float64).uniform_(1, 1e6)
    torch.testing.assert_close(unit(x)[:, 0], answer(x[:, 0], x[:, 1]), rtol=1e-6, atol=0)
    # the sign is lost, as documented
    torch.testing.assert_close(unit(-x), unit(x))


@noisy_unit
@given(a=numbers, b=numbers, seed=seeds)
def test_noise_cancels_to_rounding_at_exact_weights(name: str, a: float, b: float, seed: int) -> None:
    unit = keyed(with_weight(UNITS[name](2, 1), 1, 1), seed).train()
    x = torch.tensor([a, b], dtype=torch.float64)
    assert unit(x).item() == pytest.approx(a * b, rel=8 * torch.finfo(torch.float64).eps, abs=1e-300)


# -------------------------------------------------------------------------------------- noisy training


@noisy_unit
@pytest.mark.parametrize("with_key", [True, False])
def test_input_of_a_noisy_unit_is_never_written_to(name: str, with_key: bool) -> None:
    unit = UNITS[name](3, 2)
    if with_key:
        keyed(unit)
    x = inputs((5, 3))
    before, version = x.clone(), x._version
    unit(x).sum().backward()
    assert torch.equal(x, before)
    assert x._version == version


@noisy_unit
def test_evaluation_is_noiseless_and_equals_the_nmu(name: str) -> None:
    unit = UNITS[name](3, 2)
    plain = nn.NMU(3, 2, dtype=torch.float64)
    plain.load_state_dict(unit.state_dict())
    x = inputs((50, 3))
    assert torch.equal(unit.eval()(x), plain(x))
    assert not torch.allclose(unit.train()(x), plain(x))


@pytest.mark.parametrize("with_key", [True, False])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
@pytest.mark.parametrize("high", [5.0, 1.5, 100.0])
def test_noise_fills_its_range(high: float, dtype: torch.dtype, with_key: bool, device: str) -> None:
    unit = nn.StochasticNMU(3, 1, high=high, dtype=dtype, device=device)
    if with_key:
        unit.key = torch.tensor([11, 1, 4], device=device)
    x = torch.zeros(4000, 3, dtype=dtype, device=device)
    noise = unit.noise(x)
    assert noise.shape == x.shape
    assert noise.dtype == dtype
    assert noise.min() >= 1
    assert noise.max() <= high
    if dtype != torch.bfloat16:  # whose few digits cannot tell the highest number below ``high`` from it
        assert noise.max() < high
        assert_uniform(noise.cpu(), 1, high)
        assert noise.unique().numel() > 0.99 * noise.numel()


@pytest.mark.parametrize("spread", [0.01, 0.3, 20.0])
def test_batch_noise_ends_at_one_plus_the_inverse_spread(spread: float) -> None:
    unit = nn.BatchStochasticNMU(2, 1, dtype=torch.float64)
    x = 3 + spread * torch.randn(5000, 2, dtype=torch.float64)
    high = 1 + 1 / np.std(x.numpy(), ddof=1)
    assert float(unit.noise_high(x)) == pytest.approx(high, rel=1e-12)
    assert_uniform(unit.noise(x), 1, float(high))


@pytest.mark.parametrize("shape", [(4, 2), (2,), (1,), (0, 2)])
def test_batch_without_spread_gets_the_widest_noise(shape: tuple[int, ...]) -> None:
    unit = nn.BatchStochasticNMU(shape[-1], 1)
    x = torch.full(shape, 2.0)
    noise = unit.noise(x)
    assert noise.shape == shape
    assert torch.isfinite(noise).all()
    assert float(unit.noise_high(x)) == pytest.approx(1 + 1e6)
    assert torch.isfinite(unit(x)).all()


@noisy_unit
def test_noise_is_a_function_of_the_key(name: str) -> None:
    unit, x = UNITS[name](2, 1), inputs((30, 2))
    first = keyed(unit, seed=1, step=7)(x)
    torch.rand(100)
    assert torch.equal(keyed(unit, seed=1, step=7)(x), first)
    assert not torch.equal(keyed(unit, seed=1, step=8)(x), first)
    assert not torch.equal(keyed(unit, seed=2, step=7)(x), first)


@noisy_unit
def test_noise_without_a_key_comes_from_the_global_generator(name: str) -> None:
    unit, x = UNITS[name](2, 1), inputs((30, 2))
    torch.manual_seed(1)
    first, second = unit(x), unit(x)
    torch.manual_seed(1)
    assert torch.equal(unit(x), first)
    assert not torch.equal(first, second)


@pytest.mark.parametrize("high", [1.0, 0.5, -3.0, math.inf, math.nan])
def test_noise_range_that_would_not_work_is_refused(high: float) -> None:
    with pytest.raises(ValueError, match="high must be a finite number above 1"):
        nn.StochasticNMU(2, 1, high=high)


# --------------------------------------------------------------------------- as any other torch module


@every_unit
def test_state_dict_round_trip_is_strict_and_free_of_noise(name: str) -> None:
    unit = keyed(UNITS[name](3, 2))
    state = unit.state_dict()
    assert set(state) == UNITS[name].parameters
    other = UNITS[name](3, 2)
    other.load_state_dict(state, strict=True)
    x = inputs((4, 3))
    assert torch.equal(other.eval()(x), unit.eval()(x))


@every_unit
@pytest.mark.parametrize("training", [True, False])
def test_vmap_over_stacked_units_equals_each_unit(name: str, training: bool) -> None:
    units = [UNITS[name](3, 2).train(training) for _ in range(4)]
    parameters, _ = stack_module_state(units)
    x = inputs((4, 6, 3))
    buffers = {}
    if name in NOISY:
        buffers = {"key": torch.stack([torch.tensor([seed, 1, 0]) for seed in range(4)])}

    def answer(state: dict[str, Tensor], x: Tensor) -> Tensor:
        return functional_call(units[0], state, (x,))

    together = vmap(answer)(parameters | buffers, x)
    alone = torch.stack([keyed(unit, seed=i)(x[i]) for i, unit in enumerate(units)])
    torch.testing.assert_close(together, alone, rtol=1e-12, atol=1e-12)


@every_unit
def test_size_is_shown(name: str) -> None:
    assert "in_features=3" in repr(UNITS[name](3, 2))
    assert "out_features=2" in repr(UNITS[name](3, 2)) or name == "MLP"


@pytest.mark.slow
def test_every_unit_compiles_whole_and_equals_eager() -> None:
    units = torch.nn.ModuleDict({name: keyed(case(3, 2)) for name, case in UNITS.items()})
    x = inputs((16, 3))

    def answers(x: Tensor) -> dict[str, Tensor]:
        return {name: unit(x) for name, unit in units.items()}

    torch.compiler.reset()
    fused = torch.compile(answers, fullgraph=True)(x)
    eager = answers(x)
    weights = list(units.parameters())
    slopes = torch.autograd.grad([y.sum() for y in fused.values()], weights)
    expected = torch.autograd.grad([y.sum() for y in eager.values()], weights)
    for name in UNITS:
        torch.testing.assert_close(fused[name], eager[name], rtol=1e-12, atol=1e-12, msg=name)
    for slope, wanted in zip(slopes, expected, strict=True):
        torch.testing.assert_close(slope, wanted, rtol=1e-10, atol=1e-10)
