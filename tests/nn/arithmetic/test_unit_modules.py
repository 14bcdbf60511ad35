"""Every unit behaves as a torch module: shapes, dtypes, gradients, state, ``vmap`` over replicas, compilation."""

from collections.abc import Iterable
from typing import Any

import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch.func import functional_call, grad, stack_module_state, vmap

from extrapolate import nn
from unit_cases import NOISY, UNITS, built, inputs

SMOOTH_AT_ZERO = [*NOISY, "NAC", "NAU", "NMU"]
TWICE_DIFFERENTIABLE = [*SMOOTH_AT_ZERO, "NACMul", "NALU", "MLP"]
OTHERS = sorted(UNITS.keys() - TWICE_DIFFERENTIABLE)

every_unit = pytest.mark.parametrize("name", UNITS)


@every_unit
@pytest.mark.parametrize("shape", [(), (1,), (5,), (2, 4), (0,)])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_any_leading_shape_and_dtype(name: str, shape: tuple[int, ...], dtype: torch.dtype) -> None:
    unit = UNITS[name](3, 2, dtype=dtype).train(name not in NOISY)
    x = inputs(name, *shape, 3).to(dtype)
    before = x.clone()
    y = unit(x)
    assert y.shape == (*shape, 2)
    assert y.dtype == dtype
    assert y.isfinite().all()
    assert torch.equal(x, before)
    flat = torch.stack([unit(row) for row in x.reshape(-1, 3)]) if x.numel() else y
    torch.testing.assert_close(flat.reshape(y.shape), y)


@every_unit
@pytest.mark.parametrize("training", [False, True])
def test_gradients_match_finite_differences(name: str, training: bool) -> None:
    unit = built(name).train(training)
    names, values = zip(*unit.named_parameters(), strict=True)

    def answer(x: Tensor, *parameters: Tensor) -> Tensor:
        return functional_call(unit, dict(zip(names, parameters, strict=True)), (x,))

    x = inputs(name, 3, 3)
    if name in SMOOTH_AT_ZERO:
        x[2, :2] = 0.0
    # The standard deviation of the batch has no gradient by design: for that unit the inputs are fixed.
    x.requires_grad_(not (training and name == "BatchStochasticNMU"))
    assert torch.autograd.gradcheck(answer, (x, *values))
    if name in TWICE_DIFFERENTIABLE:
        assert torch.autograd.gradgradcheck(answer, (x, *values))


@pytest.mark.parametrize("name", sorted(UNITS.keys() - {"MLP"}))
def test_reset_samples_new_weights_from_the_same_generator(name: str) -> None:
    torch.manual_seed(3)
    fresh = UNITS[name](3, 2, dtype=torch.float64)
    unit = built(name)
    torch.manual_seed(3)
    unit.reset_parameters()  # pyright: ignore[reportCallIssue]
    assert all(torch.equal(value, unit.get_parameter(each)) for each, value in fresh.named_parameters())
    unit.reset_parameters()  # pyright: ignore[reportCallIssue]
    for each, value in fresh.named_parameters():
        assert (value != unit.get_parameter(each)).all() or value.unique().numel() == 1  # constant initialisation


@every_unit
def test_state_dict_round_trip_is_strict_and_free_of_noise(name: str) -> None:
    unit, other = built(name), UNITS[name](3, 2, dtype=torch.float64)
    assert unit.state_dict().keys() == dict(unit.named_parameters()).keys()
    other.load_state_dict(unit.state_dict(), strict=True)
    x = inputs(name, 6, 3)
    assert torch.equal(unit.eval()(x), other.eval()(x))


@every_unit
def test_meta_device_allocates_nothing(name: str) -> None:
    assert {p.device.type for p in UNITS[name](3, 2, device="meta").parameters()} == {"meta"}


class WithPenalty(torch_nn.Module):
    """A unit's output, and its penalty plus L1 norm."""

    def __init__(self, unit: torch_nn.Module) -> None:
        super().__init__()
        self.unit = unit

    def forward(self, x: Tensor) -> tuple[Tensor, Tensor]:
        return self.unit(x), nn.penalty(self.unit) + nn.l1_norm(self.unit)


@every_unit
@pytest.mark.parametrize("training", [True, False])
def test_vmap_over_stacked_units_and_penalties_equals_each_unit(name: str, training: bool) -> None:
    units = [WithPenalty(built(name, seed=seed)).train(training) for seed in range(4)]
    parameters, buffers = stack_module_state(units)
    x = inputs(name, 4, 6, 3)

    def loss(parameters: dict[str, Tensor], buffers: dict[str, Tensor], x: Tensor) -> tuple[Tensor, Any]:
        y, penalty = functional_call(units[0], parameters | buffers, (x,))
        return y.square().mean() + penalty, (y, penalty)

    values = {each: parameter.detach() for each, parameter in parameters.items()}
    slopes, together = vmap(grad(loss, has_aux=True))(values, buffers, x)
    for index, unit in enumerate(units):
        y, penalty = unit(x[index])
        torch.testing.assert_close([each[index] for each in together], [y, penalty], rtol=1e-12, atol=1e-12)
        (y.square().mean() + penalty).backward()
        for each, parameter in unit.named_parameters():
            torch.testing.assert_close(slopes[each][index], parameter.grad)


@every_unit
def test_repr_shows_the_size(name: str) -> None:
    assert "in_features=3" in repr(UNITS[name](3, 2))
    assert "out_features=2" in repr(UNITS[name](3, 2)) or name == "MLP"


@pytest.mark.slow
@pytest.mark.parametrize(
    ("backend", "names", "training"),
    [
        ("aot_eager", OTHERS, True),
        ("inductor", OTHERS, False),
        ("inductor", TWICE_DIFFERENTIABLE, True),
    ],
)
def test_units_compile_whole_and_equal_eager(backend: str, names: Iterable[str], training: bool) -> None:
    units = torch_nn.ModuleDict({name: built(name) for name in names}).train(training)
    units.requires_grad_(training)
    x = inputs("MulMCFC", 6, 3)  # positive, which every unit supports

    def losses(x: Tensor) -> Tensor:
        return torch.stack([unit(x).square().mean() + 0.1 * nn.penalty(unit) for unit in units.values()])

    torch.compiler.reset()
    fused, eager = torch.compile(losses, fullgraph=True, backend=backend)(x), losses(x)
    torch.testing.assert_close(fused, eager, rtol=1e-12, atol=1e-12)
    if training:
        slopes, expected = (torch.autograd.grad(each.sum(), list(units.parameters())) for each in (fused, eager))
        torch.testing.assert_close(slopes, expected, rtol=1e-10, atol=1e-10)
