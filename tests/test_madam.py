"""Madam: the published rule to the last digit, free of its hazards, one model or many, saved and resumed."""

import copy
import io
import math
import warnings
from collections.abc import Sequence
from typing import Any

import numpy as np
import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from numpy.typing import NDArray
from torch import Tensor

from extrapolate.nn import NMU
from extrapolate.optim import Madam
from extrapolate.training import Replicas
from extrapolate.training.loop import run_training
from extrapolate.training.train_config import TrainConfig

Array = NDArray[np.float64]

fused = pytest.mark.parametrize("fused", [True, False], ids=["kernel", "definition"])


def published(
    weight: Array, gradients: Sequence[Array], lr: float, p_scale: float, g_bound: float, beta: float
) -> Array:
    """The published update in float64."""
    box = p_scale * np.sqrt(np.mean(weight**2))
    v = np.zeros_like(weight)
    for t, g in enumerate(gradients, 1):
        v = beta * v + (1 - beta) * g * g
        direction = np.clip(np.nan_to_num(g / np.sqrt(v / (1 - beta**t))), -g_bound, g_bound)
        weight = np.clip(weight * np.exp(-lr * direction * np.sign(weight)), -box, box)
    return weight


def steps(optimizer: torch.optim.Optimizer, params: Sequence[Tensor], gradients: Sequence[Any]) -> None:
    """A step with each of ``gradients``: a list of one gradient a parameter."""
    for each in gradients:
        for parameter, gradient in zip(params, each, strict=True):
            parameter.grad = gradient
        optimizer.step()


def draw(count: int, *shape: int, dtype: torch.dtype = torch.float32) -> list[list[Tensor]]:
    """Gradients of ``count`` steps for one parameter; they drift, so that weights go somewhere."""
    drift = torch.randn(shape, dtype=dtype)
    return [[torch.randn(shape, dtype=dtype) + 0.5 * drift] for _ in range(count)]


@given(
    seed=st.integers(0, 2**32),
    lr=st.floats(1e-4, 1.0),
    p_scale=st.floats(0.5, 4.0),
    g_bound=st.floats(0.1, 20.0),
    beta=st.floats(0.5, 0.9999),
)
def test_update_is_the_published_one_to_twelve_digits(
    seed: int, lr: float, p_scale: float, g_bound: float, beta: float
) -> None:
    torch.manual_seed(seed)
    weight = torch.randn(3, 4, dtype=torch.float64)
    gradients = draw(20, 3, 4, dtype=torch.float64)
    arrays = [each.numpy() for (each,) in gradients]
    expected = published(weight.numpy().copy(), arrays, lr, p_scale, g_bound, beta)
    steps(Madam([weight], lr, p_scale, g_bound, beta), [weight], gradients)
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-12)


@fused
def test_thousand_steps_in_float32_stay_at_the_published_weights(fused: bool) -> None:
    weight = torch.randn(50, 37)
    gradients = draw(1000, 50, 37)
    arrays = [each.double().numpy() for (each,) in gradients]
    expected = published(weight.double().numpy(), arrays, 0.01, 3.0, 10.0, 0.999)
    steps(Madam([weight], fused=fused), [weight], gradients)
    np.testing.assert_allclose(weight.numpy(), expected, rtol=1e-5)


@pytest.mark.parametrize("lr", [0.001, 0.01, 0.3, 5.0])
@pytest.mark.parametrize("maximize", [False, True])
def test_kernel_equals_its_definition(lr: float, maximize: bool) -> None:
    shapes = [(), (1,), (3, 5), (17,), (64, 33), (2, 3, 4, 5), (0, 3)]
    start = [torch.randn(shape) for shape in shapes]
    gradients = [[torch.randn(shape) for shape in shapes] for _ in range(5)]
    sides = []
    for fused in (True, False):
        params = [each.clone() for each in start] + [torch.zeros(4)]
        optimizer = Madam(params, lr, fused=fused, maximize=maximize)
        steps(optimizer, params, [[*each, torch.ones(4)] for each in gradients])
        sides.append(params)
    for kernel, definition in zip(*sides, strict=True):
        torch.testing.assert_close(kernel, definition, rtol=1e-5, atol=1e-30)


@pytest.mark.usefixtures("shared_work")
def test_kernel_gives_the_same_bits_on_one_thread_and_on_two() -> None:
    start, gradient = torch.randn(300_001), torch.randn(300_001)
    results = []
    for threads in (1, 2):
        weight = start.clone()
        torch.set_num_threads(threads)
        steps(Madam([weight]), [weight], [[gradient]] * 3)
        results.append(weight)
    assert torch.equal(*results)


@fused
def test_first_step_moves_every_weight_by_the_learning_rate_against_its_gradient(fused: bool) -> None:
    weight = torch.tensor([1.0, -1.0, 1.0, -1.0])
    steps(Madam([weight], lr=0.1, fused=fused), [weight], [[torch.tensor([1e-6, 1e-6, -50.0, -50.0])]])
    low, high = math.exp(-0.1), math.exp(0.1)
    torch.testing.assert_close(weight, torch.tensor([low, -high, high, -low]))


@fused
@pytest.mark.parametrize(("at", "size"), [(105, 9.986), (106, 10.0)])
def test_gradient_bound_can_bind_from_step_106(fused: bool, at: int, size: float) -> None:
    weight = torch.ones(2)
    gradients = [[torch.zeros(2)]] * (at - 1) + [[torch.ones(2)]]
    steps(Madam([weight], fused=fused), [weight], gradients)
    assert -100 * math.log(weight[0]) == pytest.approx(size, abs=1e-3)


@fused
def test_weights_keep_their_sign_and_stay_in_the_box(fused: bool) -> None:
    weight = torch.randn(400)
    signs, box = weight.sign(), 1.5 * weight.square().mean().sqrt()
    steps(Madam([weight], lr=0.5, scale_bound=1.5, fused=fused), [weight], draw(50, 400))
    assert torch.equal(weight.sign(), signs)
    assert weight.abs().max() <= box * (1 + 1e-6)


@fused
def test_scale_of_the_gradient_does_not_matter(fused: bool) -> None:
    results = []
    for scale in (1.0, 2.0**-40, 2.0**40):
        torch.manual_seed(1)
        weight = torch.randn(30)
        steps(Madam([weight], fused=fused), [weight], [[scale * g] for (g,) in draw(20, 30)])
        results.append(weight)
    torch.testing.assert_close(results[0], results[1])
    torch.testing.assert_close(results[0], results[2])


@fused
@pytest.mark.parametrize("bad", [math.nan, math.inf, -math.inf, 1e30])
def test_step_with_an_unusable_gradient_changes_nothing_but_a_count(fused: bool, bad: float) -> None:
    disturbed, undisturbed = torch.randn(2, 20).unbind()
    undisturbed.copy_(disturbed)
    first, second = Madam([disturbed], fused=fused), Madam([undisturbed], fused=fused)
    gradients = draw(6, 20)
    broken = torch.ones(20)
    broken[7] = bad
    steps(second, [undisturbed], gradients)
    steps(first, [disturbed], gradients[:3])
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(first, [disturbed], [[broken]])
    steps(first, [disturbed], [[broken], *gradients[3:]])  # said once only
    assert torch.equal(disturbed, undisturbed)
    assert int(first.state[disturbed]["skipped"]) == 2
    assert int(first.state[disturbed]["step"]) == 6


@fused
def test_unusable_first_gradient_leaves_the_start_as_it_was(fused: bool) -> None:
    weight = torch.tensor([10.0, 0.1, 0.1, 0.1])  # 10 is outside the box of the first step
    optimizer = Madam([weight], scale_bound=1.0, fused=fused)
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(optimizer, [weight], [[torch.full((4,), math.nan)]])
    assert weight.tolist() == pytest.approx([10.0, 0.1, 0.1, 0.1])


def test_unusable_gradient_raises_where_asked() -> None:
    weight = torch.ones(3)
    optimizer = Madam([weight], nonfinite="raise")
    with pytest.raises(FloatingPointError, match="not finite"):
        steps(optimizer, [weight], [[torch.tensor([1.0, math.nan, 1.0])]])
    assert torch.equal(weight, torch.ones(3))


def test_one_bad_gradient_holds_back_all_parameters_of_the_model() -> None:
    params = [torch.ones(3), torch.ones(2)]
    optimizer = Madam([{"params": params[:1]}, {"params": params[1:], "lr": 0.1}])
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(optimizer, params, [[torch.ones(3), torch.tensor([1.0, math.inf])]])
    assert torch.equal(params[0], torch.ones(3))
    assert torch.equal(params[1], torch.ones(2))


@fused
@pytest.mark.parametrize("size", [0.0, 1e-23, 1e-30, 1e-45])
def test_gradient_whose_square_vanishes_does_not_move_weights(fused: bool, size: float) -> None:
    weight = torch.ones(5)
    steps(Madam([weight], fused=fused), [weight], [[torch.full((5,), size)]] * 3)
    assert torch.equal(weight, torch.ones(5))


@fused
def test_tensor_of_zeros_moves_additively_and_may_change_sign(fused: bool) -> None:
    bias = torch.zeros(3)
    optimizer = Madam([bias], lr=0.01, zero_scale=0.5, fused=fused)
    steps(optimizer, [bias], [[torch.tensor([1.0, -1.0, 0.0])]])
    torch.testing.assert_close(bias, torch.tensor([-0.005, 0.005, 0.0]))
    steps(optimizer, [bias], [[torch.tensor([-1.0, 1.0, 0.0])]] * 50)
    assert bias[0] > 0 > bias[1]


@fused
def test_zeros_freeze_or_are_refused_where_a_group_says_so(fused: bool) -> None:
    bias, weight = torch.zeros(3), torch.ones(3)
    optimizer = Madam([{"params": [bias], "zeros": "freeze"}, {"params": [weight]}], fused=fused)
    steps(optimizer, [bias, weight], [[torch.ones(3), torch.ones(3)]] * 3)
    assert torch.equal(bias, torch.zeros(3))
    assert (weight < 1).all()
    with pytest.raises(ValueError, match=r"shape \(3,\).*additive"):
        steps(Madam([bias], zeros="error"), [bias], [[torch.ones(3)]])


def test_single_zeros_are_told_of_unless_they_are_meant() -> None:
    rows = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    with pytest.warns(RuntimeWarning, match=r"2 values .*\(2, 2\)"):
        steps(Madam([rows]), [rows], [[torch.ones(2, 2)]])
    assert rows[0].tolist() == [0.0, 0.0]
    steps(Madam([rows], zeros="freeze"), [rows], [[torch.ones(2, 2)]])


@fused
@pytest.mark.parametrize("shape", [(5,), (3, 7), (1,)])
def test_model_among_others_moves_as_alone_bit_for_bit(fused: bool, shape: tuple[int, ...]) -> None:
    scales = torch.tensor([1e-3, 1.0, 0.0, 50.0]).reshape(4, *[1] * len(shape))
    stacked = torch.randn(4, *shape) * scales
    alone = [row.clone() for row in stacked]
    gradients = torch.randn(12, 4, *shape)
    gradients[5, 1].view(-1)[0] = math.nan
    with warnings.catch_warnings():
        warnings.simplefilter("ignore", RuntimeWarning)
        together = Madam([stacked], replica_dims=1, fused=fused)
        steps(together, [stacked], [[each.clone()] for each in gradients])
        for index, row in enumerate(alone):
            steps(Madam([row], fused=fused), [row], [[each[index].clone()] for each in gradients])
            assert torch.equal(stacked[index], row)
    assert together.state[stacked]["skipped"].tolist() == [0, 1, 0, 0]
    assert together.state[stacked]["step"].tolist() == [12, 11, 12, 12]


@fused
def test_models_may_have_a_learning_rate_each(fused: bool) -> None:
    stacked = torch.randn(3, 5)
    stacked[2] = 0.0
    alone = [row.clone() for row in stacked]
    gradients = torch.randn(6, 3, 5)
    rates = [0.001, 0.05, 3.0]
    steps(
        Madam([stacked], torch.tensor(rates), replica_dims=1, fused=fused),
        [stacked],
        [[g] for g in gradients],
    )
    for index, row in enumerate(alone):
        steps(Madam([row], rates[index], fused=fused), [row], [[g[index]] for g in gradients])
        torch.testing.assert_close(stacked[index], row)
    with pytest.raises(ValueError, match="Invalid lr: 3 models"):
        Madam([stacked], torch.ones(2), replica_dims=1)


def test_replicas_train_as_each_would_alone() -> None:
    x = 1 + torch.rand(64, 2)
    y = x.prod(-1, keepdim=True)

    def trained(seeds: Sequence[int]) -> Replicas:
        replicas = Replicas.build(lambda: NMU(2, 1), seeds)
        plan = TrainConfig(
            loss=lambda model, key, given: (model(x) - y).square().mean(),
            optimizer=lambda params: Madam(params, replica_dims=1),
            steps=30,
            evaluate=lambda replicas, keys: {"sum": replicas.parameters["weight"].sum((1, 2))},
            eval_every=30,
            monitor="sum",
            compile=False,
        )
        run_training(replicas, plan)
        return replicas

    together = trained([3, 5, 8]).parameters["weight"]
    torch.testing.assert_close(together[1], trained([5]).parameters["weight"][0], rtol=1e-6, atol=0)


def test_layouts_give_the_same_weights() -> None:
    start, gradient = torch.randn(6, 5), torch.randn(6, 5)
    plain, turned, mixed = start.clone(), start.t().contiguous().t(), start.clone()
    steps(Madam([plain]), [plain], [[gradient]] * 3)
    steps(Madam([turned]), [turned], [[gradient]] * 3)
    steps(Madam([mixed]), [mixed], [[gradient.t().contiguous().t()]] * 3)
    torch.testing.assert_close(turned, plain)
    torch.testing.assert_close(mixed, plain)


def through_a_file(state: dict[str, Any]) -> dict[str, Any]:
    file = io.BytesIO()
    torch.save(state, file)
    file.seek(0)
    return torch.load(file, weights_only=True)


@fused
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_resumed_optimizer_goes_on_bit_for_bit(fused: bool, dtype: torch.dtype) -> None:
    params = [torch.randn(8, 3, dtype=dtype), torch.zeros(3, dtype=dtype)]
    gradients = [[torch.randn(8, 3, dtype=dtype), torch.randn(3, dtype=dtype)] for _ in range(10)]
    first = Madam(params, lr=0.02, scale_bound=1.2, fused=fused)
    steps(first, params, gradients[:5])
    copies = [each.clone() for each in params]
    second = Madam(copies)  # every setting is part of the state
    second.load_state_dict(through_a_file(first.state_dict()))
    steps(first, params, gradients[5:])
    steps(second, copies, gradients[5:])
    for a, b in zip(params, copies, strict=True):
        assert torch.equal(a, b)
    assert second.state[copies[0]]["skipped"].dtype == torch.int64


def test_state_of_other_shapes_is_refused_and_changes_nothing() -> None:
    small, large = torch.ones(3), torch.ones(4)
    first, second = Madam([small]), Madam([large])
    steps(first, [small], [[torch.ones(3)]])
    steps(second, [large], [[torch.ones(4)]])
    before = copy.deepcopy(second.state_dict())
    with pytest.raises(ValueError, match=r"parameter 0 .*\(3,\).*needs \(4,\)"):
        second.load_state_dict(first.state_dict())
    assert str(second.state_dict()) == str(before)
    with pytest.raises(ValueError, match="different number of parameter groups"):
        Madam([{"params": [small]}, {"params": [large]}]).load_state_dict(first.state_dict())


def test_closure_is_run_with_gradients_and_its_value_returned() -> None:
    weight = torch.nn.Parameter(torch.tensor([2.0]))
    optimizer = Madam([weight])

    def closure() -> float:
        optimizer.zero_grad()
        loss = (weight - 1).square().sum()
        loss.backward()
        return loss.item()

    assert optimizer.step(closure) == 1.0
    assert weight.item() == pytest.approx(2 * math.exp(-0.01))


@fused
def test_graph_built_before_a_step_is_not_run_after_it(fused: bool) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    loss = (weight * weight).sum()
    steps(Madam([weight], fused=fused), [weight], [[torch.ones(3)]])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_copied_optimizer_is_one_of_its_own() -> None:
    weight = torch.ones(3)
    optimizer = Madam([weight])
    steps(optimizer, [weight], [[torch.ones(3)]])
    twin = copy.deepcopy(optimizer)
    (theirs,) = twin.param_groups[0]["params"]
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(twin, [theirs], [[torch.full((3,), math.nan)]])
    assert torch.equal(weight, theirs)


@fused
def test_maximize_climbs(fused: bool) -> None:
    weight = torch.ones(3)
    steps(Madam([weight], lr=0.1, maximize=True, fused=fused), [weight], [[torch.ones(3)]])
    torch.testing.assert_close(weight, torch.full((3,), math.exp(0.1)))


def test_groups_have_settings_of_their_own_and_may_come_later() -> None:
    first, second = torch.ones(2), torch.ones(2)
    optimizer = Madam([first])
    steps(optimizer, [first], [[torch.ones(2)]] * 3)
    optimizer.add_param_group({"params": [second], "lr": 0.5})
    steps(optimizer, [first, second], [[torch.ones(2), torch.ones(2)]])
    torch.testing.assert_close(first, torch.full((2,), math.exp(-0.04)))
    torch.testing.assert_close(second, torch.full((2,), math.exp(-0.5)))


def test_parameter_without_a_gradient_is_left_alone() -> None:
    weight, other = torch.ones(2), torch.ones(2)
    optimizer = Madam([weight, other])
    weight.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(other, torch.ones(2))
    assert other not in optimizer.state


def test_learning_rate_may_be_scheduled_or_a_tensor() -> None:
    weight = torch.ones(2)
    optimizer = Madam([weight], lr=torch.tensor(0.1))
    schedule = torch.optim.lr_scheduler.StepLR(Madam([torch.ones(1)]), 1, gamma=0.1)
    assert schedule.get_last_lr() == [0.01]
    steps(optimizer, [weight], [[torch.ones(2)]])
    torch.testing.assert_close(weight, torch.full((2,), math.exp(-0.1)))


@pytest.mark.parametrize(
    "settings",
    [
        {"lr": 0.0},
        {"lr": -1.0},
        {"lr": math.nan},
        {"scale_bound": 0.0},
        {"gradient_bound": -1.0},
        {"gradient_bound": math.inf},
        {"beta": 0.0},
        {"beta": 1.0},
        {"zeros": "redraw"},
        {"zero_scale": 0.0},
        {"nonfinite": "ignore"},
        {"replica_dims": 2},
        {"replica_dims": -1},
        {"capturable": True, "nonfinite": "raise"},
    ],
)
def test_setting_out_of_range_is_refused_by_name(settings: dict[str, Any]) -> None:
    name = list(settings)[-1]
    with pytest.raises(ValueError, match=f"Invalid {name}"):
        Madam([torch.ones(3)], **settings)
    optimizer = Madam([torch.ones(3)])
    with pytest.raises(ValueError, match=f"Invalid {name}"):
        optimizer.add_param_group({"params": [torch.ones(3)], **settings})
    assert len(optimizer.param_groups) == 1


@pytest.mark.parametrize("dtype", [torch.complex64, torch.bfloat16, torch.float16, torch.int64])
def test_parameters_of_other_types_are_refused(dtype: torch.dtype) -> None:
    with pytest.raises(TypeError, match="float32 or float64"):
        Madam([torch.ones(3).to(dtype)])


def test_sparse_gradients_are_refused() -> None:
    table = torch.nn.Embedding(4, 2, sparse=True)
    table(torch.tensor([1])).sum().backward()
    with pytest.raises(RuntimeError, match="Madam does not support sparse gradients"):
        Madam(table.parameters()).step()


@pytest.mark.skipif(not torch.cuda.is_available(), reason="no CUDA device")
def test_step_is_captured_in_a_cuda_graph() -> None:
    captured, usual = torch.randn(2, 30, device="cuda").unbind()
    usual.copy_(captured)
    gradient = torch.randn(30, device="cuda")
    captured.grad, usual.grad = gradient, gradient
    first, second = Madam([captured], capturable=True), Madam([usual])
    stream = torch.cuda.Stream()
    with torch.cuda.stream(stream), warnings.catch_warnings():
        warnings.simplefilter("ignore")
        first.step()
    graph = torch.cuda.CUDAGraph()
    with torch.cuda.graph(graph):
        first.step()
    for _ in range(5):
        graph.replay()
    for _ in range(6):
        second.step()
    torch.testing.assert_close(captured, usual)
