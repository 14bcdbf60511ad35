"""What a unit declares about its training: its penalty, the box of its weights, its random numbers."""

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor

import reference
from extrapolate import nn
from extrapolate.nn.contract import Arithmetic, boxes, key_names
from unit_cases import set_

NMUS = [nn.NMU, nn.StochasticNMU, nn.BatchStochasticNMU]
PENALISED = {
    nn.NAU: (reference.nau_penalty, (-1.0, 0.0, 1.0), (-1.0, 1.0)),
    **dict.fromkeys(NMUS, (reference.nmu_penalty, (0.0, 1.0), (0.0, 1.0))),
}
UNPENALISED = [nn.NAC, nn.NACMul, nn.NALU, nn.MLP]

penalised = pytest.mark.parametrize("unit_class", PENALISED)
seeds = st.integers(0, 2**31)


@penalised
@given(rows=st.integers(1, 4), columns=st.integers(1, 100), seed=seeds)
def test_penalty_is_the_published_mean_distance_to_exact_weights(
    unit_class: type[nn.NAU | nn.NMU], rows: int, columns: int, seed: int
) -> None:
    expected, _, (low, high) = PENALISED[unit_class]
    weight = torch.empty(rows, columns, dtype=torch.float64)
    weight.uniform_(low, high, generator=torch.Generator().manual_seed(seed))
    unit = set_(unit_class(columns, rows, dtype=torch.float64), weight=weight)
    penalty = nn.penalty(unit)
    assert isinstance(penalty, Tensor)
    assert penalty.shape == ()
    assert penalty.item() == pytest.approx(expected(weight.numpy()), rel=1e-12, abs=1e-15)


@penalised
@torch.no_grad()
@given(data=st.data())
def test_penalty_is_zero_exactly_at_exact_weights_of_the_box(
    unit_class: type[nn.NAU | nn.NMU], data: st.DataObject
) -> None:
    _, exact, box = PENALISED[unit_class]
    weights = data.draw(st.lists(st.sampled_from(exact), min_size=1, max_size=20))
    unit = set_(unit_class(len(weights), 1), weight=torch.tensor([weights]))
    assert dict(boxes(unit)) == {"weight": box}
    assert float(nn.penalty(unit)) == 0.0
    nearly = torch.tensor([weights])
    nearly[0, 0] = 0.999 if weights[0] else 0.001
    assert float(nn.penalty(set_(unit, weight=nearly))) > 0.0


@penalised
def test_penalty_pulls_each_weight_to_the_nearest_exact_one(unit_class: type[nn.NAU | nn.NMU]) -> None:
    weight = torch.tensor([[0.1, 0.4, 0.6, 0.9]], dtype=torch.float64)
    unit = set_(unit_class(4, 1, dtype=torch.float64), weight=weight)
    penalty = nn.penalty(unit)
    assert isinstance(penalty, Tensor)
    penalty.backward()
    slope = unit.get_parameter("weight").grad
    assert slope is not None
    assert slope.tolist() == [[0.25, 0.25, -0.25, -0.25]]


@pytest.mark.parametrize("unit_class", UNPENALISED)
def test_units_without_a_published_penalty_have_none(unit_class: type[torch.nn.Module]) -> None:
    assert nn.penalty(unit_class(3, 2)) == 0.0
    assert list(boxes(unit_class(3, 2))) == []


@torch.no_grad()
def test_penalties_of_a_model_add_up_and_shared_parts_count_once() -> None:
    add, multiply = nn.NAU(3, 2), nn.NMU(2, 2)
    model = torch.nn.ModuleDict({"a": add, "m": torch.nn.Sequential(multiply, nn.MLP(2, 2), multiply)})
    total = float(add.penalty() + multiply.penalty())
    assert float(nn.penalty(model)) == pytest.approx(total, rel=1e-6)


@given(seed=seeds, reach=st.floats(0.01, 100))
def test_clamping_changes_only_values_outside_their_box(seed: int, reach: float) -> None:
    model = torch.nn.ModuleDict({"add": nn.NAU(5, 3), "deep": torch.nn.Sequential(nn.NMU(3, 2), nn.NAC(2, 1))})
    generator = torch.Generator().manual_seed(seed)
    for value in model.parameters():
        value.data.uniform_(-reach, reach, generator=generator)
    before = {name: value.detach().clone() for name, value in model.named_parameters()}
    addresses = {name: value.data_ptr() for name, value in model.named_parameters()}
    nn.clamp_to_box_(model)
    boxed = {"add.weight": (-1.0, 1.0), "deep.0.weight": (0.0, 1.0)}
    assert dict(boxes(model)) == boxed
    for name, value in model.named_parameters():
        low, high = boxed.get(name, (-np.inf, np.inf))
        expected = np.clip(before[name].numpy(), low, high)
        np.testing.assert_array_equal(value.detach().numpy(), expected)
        assert value.data_ptr() == addresses[name]
        assert value.requires_grad


def test_only_modules_that_sample_random_numbers_have_a_key() -> None:
    model = torch.nn.ModuleDict(
        {
            "plain": nn.NMU(2, 1),
            "noisy": torch.nn.Sequential(nn.StochasticNMU(2, 1), nn.BatchStochasticNMU(1, 1)),
        }
    )
    assert key_names(model) == ["noisy.0.key", "noisy.1.key"]
    assert key_names(nn.StochasticNMU(2, 1)) == ["key"]
    assert key_names(nn.MLP(2, 1)) == []


@pytest.mark.parametrize(
    ("unit_class", "operations"),
    [
        (nn.NAC, {"add", "sub"}),
        (nn.NAU, {"add", "sub"}),
        (nn.NACMul, {"mul", "div"}),
        (nn.NALU, {"add", "sub", "mul", "div"}),
        *((unit, {"mul"}) for unit in NMUS),
    ],
)
def test_unit_names_the_operations_its_exact_weights_give(unit_class: type[nn.NMU], operations: set[str]) -> None:
    unit = unit_class(4, 3)
    assert isinstance(unit, Arithmetic)
    assert unit.operations == operations
    assert unit.effective_weight().shape == (3, 4)


def test_your_own_training_loop_needs_two_lines() -> None:
    """The documented training loop learns to multiply three of four inputs."""
    model = nn.NMU(4, 1)
    optimizer = torch.optim.Adam(model.parameters(), lr=1e-2)
    for step in range(1500):
        x = torch.empty(64, 4).uniform_(1, 2)
        scale = 10.0 * min(max((step - 700) / 300, 0.0), 1.0)
        loss = (model(x) - x[:, :3].prod(-1, keepdim=True)).square().mean() + scale * nn.penalty(model)
        optimizer.zero_grad()
        loss.backward()
        optimizer.step()
        nn.clamp_to_box_(model)
    torch.testing.assert_close(model.weight.detach(), torch.tensor([[1.0, 1.0, 1.0, 0.0]]), rtol=0, atol=1e-2)
