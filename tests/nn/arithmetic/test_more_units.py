"""The units other than NAC, NALU, NAU and NMU: published equations, exact weights, penalties and boxes."""

import math
import operator
from collections.abc import Callable
from functools import partial

import numpy as np
import pytest
import torch
from torch import nn as torch_nn
from torch.func import functional_call

import reference
from extrapolate import nn
from extrapolate.inspect import sparsity_error
from extrapolate.nn.contract import Arithmetic, boxes
from reference import nac_weight, sigmoid
from unit_cases import built, inputs, set_, values

Array = np.ndarray
Values = dict[str, Array]
Unit = Callable[..., torch_nn.Module]

PHI = (1 + math.sqrt(5)) / 2
EPS32 = 2.0**-23


def product_over_inputs(x: Array, weight: Array, factor: Callable[[float, float], float]) -> Array:
    """Π_i factor(x_i, W_oi), one number at a time."""
    return np.array([[math.prod(map(factor, row, w)) for w in weight] for row in x])


def signs(x: Array, weight: Array) -> Array:
    return product_over_inputs(x, weight, lambda x, w: np.sign(x) * abs(w) + 1 - abs(w))


def gnalu(p: Values, x: Array) -> Array:
    w_hat, m_hat = p["nac.w_hat"], p["nac.m_hat"]
    weight = (PHI ** (2 * w_hat) - 1) / (PHI ** (2 * w_hat) + 1) / (1 + PHI**-m_hat)
    gate = 1 / (1 + PHI ** -(x @ p["gate"].T))
    multiplied = PHI ** (np.log(abs(x) + 1e-7) @ weight.T / math.log(PHI))
    return gate * (x @ weight.T) + (1 - gate) * multiplied


def independent_nalu(p: Values, x: Array) -> Array:
    gate = sigmoid(x @ p["gate"].T)
    multiplied = np.exp(np.log(abs(x) + 1e-7) @ nac_weight(p, "nac_mul.").T)
    return gate * (x @ nac_weight(p, "nac.").T) + (1 - gate) * multiplied


def inalu(p: Values, x: Array) -> Array:
    weight = nac_weight(p, "multiplicative.")
    multiplied = np.exp(np.minimum(np.log(np.maximum(abs(x), 1e-7)) @ weight.T, 20)) * signs(x, weight)
    gate = sigmoid(p["gate"])
    return gate * (x @ nac_weight(p, "additive.").T) + (1 - gate) * multiplied


def polar(p: Values, x: Array) -> tuple[Array, Array]:
    gate = np.clip(p["gate"], 0, 1)
    return np.log(gate * (abs(x) + EPS32) + 1 - gate), gate * np.pi * (x < 0)


def real_npu(p: Values, x: Array) -> Array:
    log_r, k = polar(p, x)
    return np.exp(log_r @ p["weight"].T) * np.cos(k @ p["weight"].T)


def npu(p: Values, x: Array) -> Array:
    log_r, k = polar(p, x)
    exponents = p["weight"] + 1j * p["weight_imag"]
    return np.real(np.exp((log_r + 1j * k) @ exponents.T))


def nru(p: Values, x: Array, training: bool) -> Array:
    def factor(x: float, w: float) -> float:
        strength = math.tanh(1000 * w) ** 2 if training else abs(w)
        return np.sign(x) * abs(x) ** w * strength + 1 - strength

    return product_over_inputs(x, p["weight"], factor)


def nru_separate_sign(p: Values, x: Array, training: bool) -> Array:
    return nru(p, abs(x), training) * product_over_inputs(x, p["weight"], lambda x, w: np.sign(x) ** round(w))


def nmru(p: Values, x: Array, training: bool) -> Array:
    both = np.concatenate([x, 1 / (x + EPS32 if training else x)], -1) * p.get("gate", 1.0)
    magnitude = product_over_inputs(abs(both), p["weight"], lambda x, w: w * x + 1 - w)
    return magnitude * np.cos(np.pi * (both < 0) @ p["weight"].T)


def mnac(p: Values, x: Array) -> Array:
    return product_over_inputs(x, sigmoid(p["w_hat"]), lambda x, w: w * x + 1 - w)


def shares(p: Values) -> Array:
    powers = np.exp(p["junction"] if "junction" in p else p["mcfc.junction"])
    return powers / powers.sum(0)


def mcfc(p: Values, x: Array) -> Array:
    return sigmoid(p["gate_weight"][:, 0] + p["gate_bias"]) * (x @ shares(p).T)


def mul_mcfc(p: Values, x: Array) -> Array:
    inner = {name.removeprefix("mcfc."): value for name, value in p.items() if name.startswith("mcfc.")}
    return np.exp(mcfc(inner, np.log(x)) + p["bias"])


def mul_mcfc_inalu(p: Values, x: Array) -> Array:
    return mul_mcfc(p, abs(x)) * signs(x, shares(p))


def mul_mcfc_real_npu(p: Values, x: Array) -> Array:
    k = np.clip(p["gate"], 0, 1) * np.pi * (x < 0)
    return mul_mcfc(p, abs(x)) * np.cos(k @ shares(p).T)


REFERENCES: dict[str, Callable[[Values, Array], Array]] = {
    "NAC": reference.nac,
    "NACMul": reference.nac_mul,
    "NALU": reference.nalu,
    "NAU": reference.nau,
    "NMU": reference.nmu,
    "MLP": reference.mlp,
    "GNALU": gnalu,
    "IndependentNALU": independent_nalu,
    "INALU": inalu,
    "NPU": npu,
    "RealNPU": real_npu,
    "ModifiedRealNPU": real_npu,
    "MNAC": mnac,
    "MCFC": mcfc,
    "MulMCFC": mul_mcfc,
    "MulMCFCSignINALU": mul_mcfc_inalu,
    "MulMCFCSignRealNPU": mul_mcfc_real_npu,
}
OTHER_WHILE_TRAINING = {"NRU": nru, "NRUSeparateSign": nru_separate_sign, "NMRU": nmru, "GatedNMRU": nmru}


@pytest.mark.parametrize("name", [*REFERENCES, *OTHER_WHILE_TRAINING])
@pytest.mark.parametrize("training", [False, True])
@pytest.mark.parametrize(("in_features", "out_features"), [(1, 1), (2, 1), (3, 2), (11, 3), (100, 2)])
def test_unit_computes_its_published_equation(name: str, training: bool, in_features: int, out_features: int) -> None:
    module = built(name, in_features, out_features).train(training)
    x = inputs(name, 7, in_features)
    answer = REFERENCES.get(name) or partial(OTHER_WHILE_TRAINING[name], training=training)
    expected = answer(values(module), x.numpy())
    np.testing.assert_allclose(module(x).detach().numpy(), expected, rtol=1e-9, atol=1e-12)


@pytest.mark.parametrize("w", [3e-4, -8e-4, 1.5e-3])
def test_nru_in_training_mode_switches_softly_only_near_zero(w: float) -> None:
    module = set_(built("NRU", 2, 1), weight=w)
    x = inputs("NRU", 5, 2)
    np.testing.assert_allclose(module(x).detach().numpy(), nru(values(module), x.numpy(), True), rtol=1e-12)


def test_inalu_multiplication_saturates_at_e20() -> None:
    module = set_(nn.INALU(1, 1, dtype=torch.float64), multiplicative__w_hat=40.0, multiplicative__m_hat=40.0)
    set_(module, gate=-1000.0)
    answer = module(torch.tensor([[1e3], [1e30]], dtype=torch.float64)).squeeze()
    torch.testing.assert_close(answer, torch.tensor([1e3, math.exp(20)], dtype=torch.float64))


def test_mcfc_never_creates_mass() -> None:
    module = nn.MCFC(4, 3, dtype=torch.float64)
    x = inputs("MulMCFC", 20, 4)  # positive: masses
    torch.testing.assert_close(module.fractions().sum(0), torch.ones(4, dtype=torch.float64))
    assert (module(x).sum(-1) < x.sum(-1)).all()
    full = set_(module, gate_bias=100.0)
    torch.testing.assert_close(full(x).sum(-1), x.sum(-1))


BIG = 100.0
ADD, SUB, MUL, DIV = [[1.0, 1.0]], [[1.0, -1.0]], [[1.0, 1.0]], [[1.0, -1.0]]
OPERATION = {"add": operator.add, "sub": operator.sub, "mul": operator.mul, "div": operator.truediv}
MCFC_OPEN = {"mcfc__gate_bias": BIG, "mcfc__gate_weight": 0.0, "bias": 0.0}


def saturated(weight: list[list[float]]) -> dict[str, list[list[float]] | float]:
    return {"w_hat": [[BIG * w for w in row] for row in weight], "m_hat": BIG}


def inalu_path(path: str, weight: list[list[float]], gate: float) -> dict[str, list[list[float]] | float]:
    return {f"{path}__{name}": value for name, value in saturated(weight).items()} | {"gate": gate}


SIGNED_POWERS = {
    nn.NRU: {},
    nn.NRUSeparateSign: {},
    nn.RealNPU: {"gate": 1.0},
    nn.ModifiedRealNPU: {"gate": 1.0},
    nn.NPU: {"gate": 1.0, "weight_imag": 0.0},
}
EXACT = [
    *[(unit, "mul", {"weight": MUL} | more, MUL) for unit, more in SIGNED_POWERS.items()],
    *[(unit, "div", {"weight": DIV} | more, DIV) for unit, more in SIGNED_POWERS.items()],
    (nn.NMRU, "mul", {"weight": [[1.0, 1, 0, 0]]}, [[1.0, 1, 0, 0]]),
    (nn.NMRU, "div", {"weight": [[1.0, 0, 0, 1]]}, [[1.0, 0, 0, 1]]),
    (nn.GatedNMRU, "mul", {"weight": [[1.0, 1, 0, 0]], "gate": [1.0, 1, 0, 0]}, [[1.0, 1, 0, 0]]),
    (nn.GatedNMRU, "div", {"weight": [[1.0, 0, 0, 1]], "gate": [1.0, 0, 0, 1]}, [[1.0, 0, 0, 1]]),
    (nn.MNAC, "mul", {"w_hat": BIG}, MUL),
    (nn.INALU, "add", inalu_path("additive", ADD, 800.0), ADD),
    (nn.INALU, "sub", inalu_path("additive", SUB, 800.0), SUB),
    (nn.INALU, "mul", inalu_path("multiplicative", MUL, -800.0), MUL),
    (nn.INALU, "div", inalu_path("multiplicative", DIV, -800.0), DIV),
    (nn.MCFC, "add", {"gate_bias": BIG, "gate_weight": 0.0}, ADD),
    (nn.MulMCFCSignINALU, "mul", MCFC_OPEN, MUL),
    (nn.MulMCFCSignRealNPU, "mul", MCFC_OPEN | {"gate": 1.0}, MUL),
]
DISCRETE: list[Unit] = [nn.NRU, nn.NRUSeparateSign, nn.NMRU, nn.GatedNMRU, nn.ModifiedRealNPU]


@pytest.mark.parametrize(("unit", "operation", "parameters", "effective"), EXACT)
@pytest.mark.parametrize("scale", [1.0, 1e3, 1e6])
def test_exact_weights_give_exact_answers_for_every_sign(
    unit: Unit, operation: str, parameters: dict, effective: list, scale: float
) -> None:
    if unit is nn.INALU and operation == "mul" and scale == 1e6:
        scale = 7e3  # products beyond e^20 saturate, as published
    module = set_(unit(2, 1, dtype=torch.float64), **parameters).eval()
    x = scale * torch.cartesian_prod(*[torch.tensor([-2.7, -1.1, 1.3, 2.9], dtype=torch.float64)] * 2)
    expected = OPERATION[operation](x[:, 0], x[:, 1])
    # the power units use |x| + 2^-23
    shift = 2 * EPS32 / scale if isinstance(module, nn.NPU | nn.RealNPU) else 0.0
    torch.testing.assert_close(module(x)[:, 0], expected, rtol=1e-13 + shift, atol=1e-12)
    assert isinstance(module, Arithmetic)
    assert operation in module.operations
    torch.testing.assert_close(module.effective_weight(), torch.tensor(effective, dtype=torch.float64))
    assert sparsity_error(module) == pytest.approx(0.0, abs=1e-12)


@pytest.mark.parametrize(("operation", "weight"), [("add", ADD), ("sub", SUB), ("mul", MUL), ("div", DIV)])
def test_gnalu_is_exact_for_positive_inputs_and_loses_signs_in_products(operation: str, weight: list) -> None:
    gate = BIG if operation in ("add", "sub") else -BIG
    module = nn.GNALU(2, 1, dtype=torch.float64)
    set_(module, gate=[[gate, gate]], nac__w_hat=saturated(weight)["w_hat"], nac__m_hat=BIG)
    x = torch.cartesian_prod(*[torch.tensor([2.0, 30.0, 500.0], dtype=torch.float64)] * 2)
    expected = OPERATION[operation](x[:, 0], x[:, 1])
    torch.testing.assert_close(module(x)[:, 0], expected, rtol=2e-7, atol=1e-9)
    assert sparsity_error(module) == pytest.approx(0.0, abs=1e-12)
    if operation in ("mul", "div"):
        set_(module, gate=[[gate, 0.0]])  # saturates for positive first inputs
        answers = module(x * torch.tensor([1.0, -1.0], dtype=torch.float64))[:, 0]
        torch.testing.assert_close(answers, expected, rtol=2e-7, atol=1e-9)


def test_mul_mcfc_multiplies_positive_numbers_and_gives_nan_for_negative_ones() -> None:
    module = set_(nn.MulMCFC(2, 1, dtype=torch.float64), **MCFC_OPEN)
    x = torch.tensor([[2.0, 3.0], [20.0, 400.0], [-2.0, 3.0]], dtype=torch.float64)
    answers = module(x)[:, 0]
    torch.testing.assert_close(answers[:2], torch.tensor([6.0, 8000.0], dtype=torch.float64))
    assert answers[2].isnan()


POWER_OFF = {"weight": [[1.0, 0.7, -1.0]], "gate": [1.0, 0.0, 1.0]}


@pytest.mark.parametrize(
    ("unit", "parameters", "rtol"),
    [
        *[(unit, {"weight": [[1.0, 0.0, -1.0]]}, 1e-13) for unit in (nn.NRU, nn.NRUSeparateSign)],
        *[(unit, POWER_OFF, 1e-6) for unit in (nn.NPU, nn.RealNPU, nn.ModifiedRealNPU)],
    ],
)
@pytest.mark.parametrize("training", [False, True])
def test_input_of_weight_zero_or_closed_gate_is_ignored(
    unit: Unit, parameters: dict, rtol: float, training: bool
) -> None:
    module = set_(unit(3, 1, dtype=torch.float64), **parameters).train(training)
    x = inputs(unit.__name__, 20, 3) * 1e5
    torch.testing.assert_close(module(x)[:, 0], x[:, 0] / x[:, 2], rtol=rtol, atol=0)
    assert isinstance(module, Arithmetic)
    assert module.effective_weight().tolist() == [[1.0, 0.0, -1.0]]


@pytest.mark.parametrize("unit", [nn.NPU, nn.RealNPU, nn.MulMCFCSignRealNPU])
def test_zero_has_the_phase_of_a_positive_number(unit: Unit) -> None:
    module = set_(unit(2, 1, dtype=torch.float64), gate=1.0)
    zero, tiny = module(torch.tensor([[0.0, 3.0], [1e-300, 3.0]], dtype=torch.float64))
    torch.testing.assert_close(zero, tiny, rtol=1e-12, atol=1e-30)


def test_nmru_reciprocal_is_shifted_only_in_training_mode() -> None:
    module = set_(nn.NMRU(1, 1, dtype=torch.float64), weight=[[0.0, 1.0]])
    x = torch.tensor([[1e-6]], dtype=torch.float64)
    assert module.eval()(x).item() == pytest.approx(1e6, rel=1e-13)
    assert module.train()(x).item() == pytest.approx(1 / (1e-6 + EPS32), rel=1e-13)
    assert module(torch.zeros(1, 1, dtype=torch.float64)).item() == pytest.approx(2.0**23)


@pytest.mark.parametrize(("unit", "parameters"), [(each[0], each[2]) for each in EXACT if each[0] in DISCRETE])
def test_penalty_is_zero_at_exact_weights_and_positive_between(unit: Unit, parameters: dict) -> None:
    module = set_(unit(2, 1, dtype=torch.float64), **parameters)
    assert nn.penalty(module) == 0.0
    for name, parameter in module.named_parameters():
        exact = parameter.tolist()
        parameter.data.sub_(0.25 * parameter.sign())
        assert nn.penalty(module) > 0.0
        set_(module, **{name: exact})


def test_penalties_have_their_published_values() -> None:
    def penalty(module: torch_nn.Module) -> float:
        return float(torch.as_tensor(nn.penalty(module)).detach())

    assert penalty(set_(nn.NRU(2, 1), weight=[[-0.75, 0.125]])) == (0.25 + 0.125) / 2
    assert penalty(set_(nn.NMRU(1, 2), weight=[[0.75, 0.125], [1.0, 0.5]])) == (0.25 + 0.125 + 0.5) / 4
    gated = set_(nn.GatedNMRU(1, 1), weight=[[0.75, 0.0]], gate=[0.5, 0.75])
    assert penalty(gated) == pytest.approx(0.25 / 2 + 0.1 * 0.75 / 2)
    modified = set_(nn.ModifiedRealNPU(2, 1), weight=[[-0.75, 0.0]], gate=[0.25, 0.875])
    assert penalty(modified) == (0.25 + 1.0) / 2 + (0.25 + 0.125) / 2
    big = {f"{p}__{n}": -19.0 for p in ("additive", "multiplicative") for n in ("w_hat", "m_hat")}
    assert penalty(set_(nn.INALU(1, 1), **big, gate=25.0)) == 4.0
    mcfc = set_(nn.MCFC(2, 1), junction=[[2.0, 4.0]], gate_weight=3.0, gate_bias=-1.0)
    assert penalty(mcfc) == -(10.0 + 9.0 + 1.0)
    signed = set_(nn.MulMCFCSignRealNPU(2, 1), mcfc__junction=2.0, mcfc__gate_weight=0.0, gate=[0.25, 1.0])
    assert penalty(signed) == pytest.approx(-4.0 + 0.1 * 0.25 / 2)
    assert penalty(nn.RealNPU(2, 1)) == 0.0


def test_l1_norm_sums_all_magnitudes() -> None:
    module = built("NPU")
    assert nn.l1_norm(module).item() == pytest.approx(sum(abs(v).sum() for v in values(module).values()))


@pytest.mark.parametrize("unit", DISCRETE)
def test_box_holds_after_an_overshooting_step(unit: Unit) -> None:
    module = unit(3, 2)
    for parameter in module.parameters():
        parameter.data = torch.linspace(-5, 5, parameter.numel()).view_as(parameter)
    nn.clamp_to_box_(module)
    held = dict(boxes(module))
    assert held.keys() == dict(module.named_parameters()).keys()
    for name, (low, high) in held.items():
        assert module.get_parameter(name).min() == low
        assert module.get_parameter(name).max() == high


def test_inalu_is_initialised_from_the_published_normals() -> None:
    torch.manual_seed(0)
    module = nn.INALU(100, 400)
    published = {"w_hat": 0.88, "m_hat": 0.5, "gate": 0.0}
    for name, parameter in module.named_parameters():
        count = parameter.numel()
        assert parameter.mean().item() == pytest.approx(published[name.split(".")[-1]], abs=0.8 / count**0.5)
        assert parameter.std().item() == pytest.approx(0.2, abs=0.6 / count**0.5)


def test_constant_initialisations() -> None:
    assert values(nn.NPU(3, 2))["weight_imag"].tolist() == [[0.0] * 3] * 2
    for unit in (nn.NPU, nn.RealNPU, nn.ModifiedRealNPU, nn.GatedNMRU, nn.MulMCFCSignRealNPU):
        assert set(values(unit(3, 2))["gate"].tolist()) == {0.5}


def test_mcfc_junction_is_initialised_as_identity_or_orthogonal() -> None:
    square = nn.MCFC(3, 3)
    torch.testing.assert_close(square.junction, torch.eye(3), check_dtype=False)
    assert square.gate_bias.tolist() == [0.0] * 3
    assert torch.linalg.vector_norm(square.gate_weight).item() == pytest.approx(1.0)
    wide, tall = nn.MCFC(5, 2).junction.detach(), nn.MCFC(2, 5).junction.detach()
    torch.testing.assert_close(wide @ wide.T, torch.eye(2))
    torch.testing.assert_close(tall.T @ tall, torch.eye(2))


def test_nru_gradient_inside_its_switch() -> None:
    weight = torch.tensor([[4e-4, -7e-4]], dtype=torch.float64, requires_grad=True)
    module, x = built("NRU", 2, 1), inputs("NRU", 4, 2)
    assert torch.autograd.gradcheck(lambda w: functional_call(module, {"weight": w}, (x,)), weight, eps=1e-8)
