"""Tests of both Madam and IntegerMadam: replicas, gradients that are not finite, states, invalid settings."""

import copy
import math
import warnings
from functools import partial
from typing import Any

import pytest
import torch

from extrapolate.optim import IntegerMadam, Madam
from stepping import moved, steps, through_a_file

OPTIMIZERS: dict[str, partial[torch.optim.Optimizer]] = {
    "Madam": partial(Madam, fused=True),
    "Madam, definition": partial(Madam, fused=False),
    **{f"IntegerMadam, {bits} bits": partial(IntegerMadam, bits=bits) for bits in (8, 10, 12, 16)},
    "IntegerMadam, definition": partial(IntegerMadam, fused=False),
}
every_optimizer = pytest.mark.parametrize("name", OPTIMIZERS)


def seeded(name: str, seed: int) -> dict[str, int]:
    """Return the seed argument of an IntegerMadam. Replicas have the seeds 0, 1, 2, ..."""
    return {"seed": seed} if name.startswith("Integer") else {}


@every_optimizer
@pytest.mark.parametrize("shape", [(5,), (3, 7), (1,)])
def test_replica_gets_the_same_bits_alone_and_in_a_stack(name: str, shape: tuple[int, ...]) -> None:
    zero = 20.0 if name.startswith("Integer") else 0.0
    stacked = torch.randn(4, *shape) * torch.tensor([1e-3, 1.0, zero, 50.0]).reshape(4, *[1] * len(shape))
    alone, gradients = stacked.clone(), torch.randn(12, 4, *shape)
    gradients[5, 1].view(-1)[0] = math.nan
    together = OPTIMIZERS[name]([stacked], replica_dims=1)
    with pytest.warns(RuntimeWarning, match="1 of 4 replicas"):
        steps(together, [stacked], [[each.clone()] for each in gradients])
    for index, row in enumerate(alone):
        with warnings.catch_warnings():
            warnings.simplefilter("ignore", RuntimeWarning)
            expected = moved(OPTIMIZERS[name], row, gradients[:, index], **seeded(name, index))
        assert torch.equal(stacked[index], expected)
    assert together.state[stacked]["skipped"].tolist() == [0, 1, 0, 0]
    assert together.state[stacked]["step"].tolist() == [12, 11, 12, 12]


@every_optimizer
def test_replicas_may_have_different_learning_rates(name: str) -> None:
    start, gradients, rates = torch.randn(3, 7), torch.randn(6, 3, 7), torch.tensor([0.001, 0.01, 0.05])
    start[2] *= name.startswith("Integer")  # Madam changes a tensor of zeros additively
    together = moved(OPTIMIZERS[name], start, gradients, lr=rates, replica_dims=1)
    for index, row in enumerate(start):
        settings = {"lr": float(rates[index])} | seeded(name, index)
        alone = moved(OPTIMIZERS[name], row, gradients[:, index], **settings)
        rtol = 0.003 if name.startswith("Integer") else 1e-6
        torch.testing.assert_close(together[index], alone, rtol=rtol, atol=0)
    with pytest.raises(ValueError, match="Invalid lr: 3 replicas"):
        OPTIMIZERS[name]([start], torch.ones(2), replica_dims=1)


@every_optimizer
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])
def test_step_with_an_unusable_gradient_changes_only_a_count(name: str, bad: float) -> None:
    start, gradients, broken = torch.randn(20), torch.randn(6, 20), torch.ones(20)
    broken[7] = bad
    disturbed = start.clone()
    optimizer = OPTIMIZERS[name]([disturbed])
    steps(optimizer, [disturbed], [[each] for each in gradients[:3]])
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(optimizer, [disturbed], [[broken]])
    steps(optimizer, [disturbed], [[broken], *[[each] for each in gradients[3:]]])  # only one warning
    assert torch.equal(disturbed, moved(OPTIMIZERS[name], start, gradients))
    assert int(optimizer.state[disturbed]["skipped"]) == 2
    assert int(optimizer.state[disturbed]["step"]) == 6


@every_optimizer
@pytest.mark.parametrize("size", [0.0, 1e-23, 1e-30, 1e-45])
def test_gradient_whose_square_vanishes_does_not_change_weights(name: str, size: float) -> None:
    start = moved(OPTIMIZERS[name], torch.ones(5), [torch.zeros(5)])  # IntegerMadam rounds initial weights to levels
    assert torch.equal(moved(OPTIMIZERS[name], torch.ones(5), [torch.full((5,), size)] * 4), start)
    assert name.startswith("Integer") or torch.equal(start, torch.ones(5))


@pytest.mark.parametrize(
    ("name", "dtype"),
    [
        *((name, torch.float32) for name in OPTIMIZERS),
        *((name, torch.float64) for name in list(OPTIMIZERS)[:2]),
    ],
)
def test_resumed_optimizer_gives_the_same_bits(name: str, dtype: torch.dtype) -> None:
    bias = torch.randn(3) if name.startswith("Integer") else torch.zeros(3, dtype=dtype)
    params = [torch.randn(8, 3, dtype=dtype), bias]
    gradients = [[torch.randn(8, 3, dtype=dtype), torch.randn(3, dtype=dtype)] for _ in range(10)]
    first = OPTIMIZERS[name](params, lr=0.02, scale_bound=1.2, **seeded(name, 7))
    steps(first, params, gradients[:5])
    copies = [each.clone() for each in params]
    second = OPTIMIZERS[name].func(copies)  # every setting is part of the state
    saved = through_a_file(first.state_dict())
    second.load_state_dict(saved)
    for each, value in second.state[copies[0]].items():
        assert value.dtype == saved["state"][0][each].dtype == first.state[params[0]][each].dtype
    steps(first, params, gradients[5:])
    steps(second, copies, gradients[5:])
    assert all(torch.equal(*each) for each in zip(params, copies, strict=True))


@every_optimizer
def test_state_of_other_shapes_is_refused_and_changes_nothing(name: str) -> None:
    small, large = torch.ones(3), torch.ones(4)
    first, second = OPTIMIZERS[name]([small]), OPTIMIZERS[name]([large])
    steps(first, [small], [[torch.ones(3)]])
    steps(second, [large], [[torch.ones(4)]])
    before = copy.deepcopy(second.state_dict())
    shapes = r".* needs" if name.startswith("Integer") else r".*\(3,\).* needs \(4,\)"
    with pytest.raises(ValueError, match="parameter 0 " + shapes):
        second.load_state_dict(first.state_dict())
    assert str(second.state_dict()) == str(before)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        OPTIMIZERS[name]([{"params": [small]}, {"params": [large]}]).load_state_dict(first.state_dict())


REFUSED: list[tuple[type[torch.optim.Optimizer], dict[str, Any]]] = [
    *[
        (kind, wrong)
        for kind in (Madam, IntegerMadam)
        for wrong in (
            {"lr": 0.0}, {"lr": -1.0}, {"lr": math.nan}, {"scale_bound": 0.0}, {"scale_bound": -1.0},
            {"gradient_bound": -1.0}, {"gradient_bound": math.inf}, {"beta": 0.0}, {"beta": 1.0},
            {"zeros": "redraw"}, {"replica_dims": 2}, {"replica_dims": -1},
        )
    ],
    *[(Madam, wrong) for wrong in ({"zero_scale": 0.0}, {"nonfinite": "ignore"})],
    (Madam, {"capturable": True, "nonfinite": "raise"}),
    *[(IntegerMadam, wrong) for wrong in ({"bits": 9}, {"span": 1.0}, {"span": math.inf}, {"rounding": "up"})],
    *[(IntegerMadam, wrong) for wrong in ({"zeros": "additive"}, {"replica_dims": 1, "seed": [1, 2]})],
]  # fmt: skip


@pytest.mark.parametrize(("kind", "settings"), REFUSED)
def test_invalid_setting_is_refused_by_name(kind: Any, settings: dict[str, Any]) -> None:
    message = f"Invalid {list(settings)[-1]}"
    with pytest.raises(ValueError, match=message):
        kind([torch.ones(3)], **settings)
    optimizer = kind([torch.ones(3)])
    with pytest.raises(ValueError, match=message):
        optimizer.add_param_group({"params": [torch.ones(3)], **settings})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("dtype", [torch.complex64, torch.bfloat16, torch.float16, torch.int64, torch.float64])
def test_parameters_of_other_types_are_refused(dtype: torch.dtype) -> None:
    for kind, types in ((Madam, "float32 or float64"), (IntegerMadam, "float32")):
        if str(dtype).removeprefix("torch.") not in types:
            with pytest.raises(TypeError, match=types):
                kind([torch.ones(3).to(dtype)])
