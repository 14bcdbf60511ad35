"""Madam: the published update, zeros, gradients that are not finite, replicas, settings."""

import copy
import math
import warnings
from collections.abc import Sequence

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
from stepping import moved, steps

fused = pytest.mark.parametrize("fused", [True, False], ids=["kernel", "definition"])


def published(
    start: Tensor, gradients: Sequence[Tensor], lr: float, p_scale: float, g_bound: float, beta: float
) -> NDArray[np.float64]:
    """Return the weights of the published update in float64."""
    weight = start.double().numpy()
    box, v = p_scale * np.sqrt(np.mean(weight**2)), np.zeros_like(weight)
    for t, gradient in enumerate(gradients, 1):
        g = gradient.double().numpy()
        v = beta * v + (1 - beta) * g * g
        direction = np.clip(np.nan_to_num(g / np.sqrt(v / (1 - beta**t))), -g_bound, g_bound)
        weight = np.clip(weight * np.exp(-lr * direction * np.sign(weight)), -box, box)
    return weight


def sample(count: int, *shape: int, dtype: torch.dtype = torch.float32) -> list[Tensor]:
    """Sample the gradients of ``count`` steps for one parameter, with a common mean, so that weights change."""
    drift = torch.randn(shape, dtype=dtype)
    return [torch.randn(shape, dtype=dtype) + 0.5 * drift for _ in range(count)]


@given(
    seed=st.integers(0, 2**32),
    lr=st.floats(1e-4, 1.0),
    p_scale=st.floats(0.5, 4.0),
    g_bound=st.floats(0.1, 20.0),
    beta=st.floats(0.5, 0.9999),
    maximize=st.booleans(),
)
def test_update_is_the_published_one_to_twelve_digits(
    seed: int, lr: float, p_scale: float, g_bound: float, beta: float, maximize: bool
) -> None:
    torch.manual_seed(seed)
    weight, gradients = torch.randn(3, 4, dtype=torch.float64), sample(20, 3, 4, dtype=torch.float64)
    falling = [-each if maximize else each for each in gradients]
    expected = published(weight, falling, lr, p_scale, g_bound, beta)
    settings = {"lr": lr, "scale_bound": p_scale, "gradient_bound": g_bound, "beta": beta}
    found = moved(Madam, weight, gradients, maximize=maximize, **settings)
    np.testing.assert_allclose(found.numpy(), expected, rtol=1e-12)


@fused
def test_thousand_steps_in_float32_give_the_published_weights(fused: bool) -> None:
    weight, gradients = torch.randn(50, 37), sample(1000, 50, 37)
    expected = published(weight, gradients, 0.01, 3.0, 10.0, 0.999)
    np.testing.assert_allclose(moved(Madam, weight, gradients, fused=fused).numpy(), expected, rtol=1e-5)


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
    torch.testing.assert_close(*sides, rtol=1e-5, atol=1e-30)


@pytest.mark.usefixtures("shared_work")
def test_kernel_gives_the_same_bits_on_one_thread_and_on_two() -> None:
    start, gradients, ends = torch.randn(300_001), [torch.randn(300_001)] * 3, []
    for threads in (1, 2):
        torch.set_num_threads(threads)
        ends.append(moved(Madam, start, gradients))
    assert torch.equal(*ends)


@fused
@pytest.mark.parametrize(("at", "size"), [(105, 9.986), (106, 10.0)])
def test_gradient_bound_can_bind_from_step_106(fused: bool, at: int, size: float) -> None:
    gradients = [torch.zeros(2)] * (at - 1) + [torch.ones(2)]
    weight = moved(Madam, torch.ones(2), gradients, fused=fused)
    assert -100 * math.log(weight[0]) == pytest.approx(size, abs=1e-3)


@fused
def test_scale_of_the_gradient_has_no_effect(fused: bool) -> None:
    start, gradients = torch.randn(30), sample(20, 30)
    expected = moved(Madam, start, gradients, fused=fused)
    for scale in (2.0**-40, 2.0**40):
        scaled = moved(Madam, start, [scale * each for each in gradients], fused=fused)
        torch.testing.assert_close(scaled, expected)


@fused
def test_unusable_first_gradient_does_not_change_the_weights(fused: bool) -> None:
    weight = torch.tensor([10.0, 0.1, 0.1, 0.1])  # 10 is outside the bounds of the first step
    optimizer = Madam([weight], scale_bound=1.0, fused=fused)
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(optimizer, [weight], [[torch.full((4,), math.nan)]])
    assert weight.tolist() == pytest.approx([10.0, 0.1, 0.1, 0.1])


@pytest.mark.parametrize("nonfinite", ["skip", "raise"])
def test_one_bad_gradient_skips_the_step_of_all_parameters(nonfinite: str) -> None:
    params = [torch.ones(3), torch.ones(2)]
    groups = [{"params": params[:1]}, {"params": params[1:], "lr": 0.1}]
    optimizer = Madam(groups, nonfinite=nonfinite)
    warning = pytest.warns(RuntimeWarning, match="not finite")
    with warning if nonfinite == "skip" else pytest.raises(FloatingPointError, match="not finite"):
        steps(optimizer, params, [[torch.ones(3), torch.tensor([1.0, math.inf])]])
    assert torch.equal(torch.cat(params), torch.ones(5))


@fused
def test_tensor_of_zeros_changes_additively_and_may_change_sign(fused: bool) -> None:
    bias = torch.zeros(3)
    optimizer = Madam([bias], lr=0.01, zero_scale=0.5, fused=fused)
    steps(optimizer, [bias], [[torch.tensor([1.0, -1.0, 0.0])]])
    torch.testing.assert_close(bias, torch.tensor([-0.005, 0.005, 0.0]))
    steps(optimizer, [bias], [[torch.tensor([-1.0, 1.0, 0.0])]] * 50)
    assert bias[0] > 0 > bias[1]


@fused
def test_zeros_are_frozen_or_refused_by_group(fused: bool) -> None:
    bias, weight = torch.zeros(3), torch.ones(3)
    optimizer = Madam([{"params": [bias], "zeros": "freeze"}, {"params": [weight]}], fused=fused)
    steps(optimizer, [bias, weight], [[torch.ones(3), torch.ones(3)]] * 3)
    assert torch.equal(bias, torch.zeros(3))
    assert (weight < 1).all()
    with pytest.raises(ValueError, match=r"shape \(3,\).*additive"):
        steps(Madam([bias], zeros="error"), [bias], [[torch.ones(3)]])


def test_single_zeros_give_a_warning_unless_frozen() -> None:
    rows = torch.tensor([[0.0, 0.0], [1.0, 2.0]])
    with pytest.warns(RuntimeWarning, match=r"2 values .*\(2, 2\)"):
        steps(Madam([rows]), [rows], [[torch.ones(2, 2)]])
    assert rows[0].tolist() == [0.0, 0.0]
    steps(Madam([rows], zeros="freeze"), [rows], [[torch.ones(2, 2)]])


def test_replicas_equal_separate_trainings() -> None:
    x = 1 + torch.rand(64, 2)
    y, ends = x.prod(-1, keepdim=True), []
    config = TrainConfig(
        loss=lambda model, key, batch: (model(x) - y).square().mean(),
        optimizer=lambda params: Madam(params, replica_dims=1),
        steps=30,
        evaluate=lambda replicas, keys: {"sum": replicas.parameters["weight"].sum((1, 2))},
        eval_every=30,
        monitor="sum",
        compile=False,
    )
    for seeds in ([3, 5, 8], [5]):
        replicas = Replicas.build(lambda: NMU(2, 1), seeds)
        run_training(replicas, config)
        ends.append(replicas.parameters["weight"])
    torch.testing.assert_close(ends[0][1], ends[1][0], rtol=1e-6, atol=0)


def test_memory_layouts_give_the_same_weights() -> None:
    start, gradient = torch.randn(2, 6, 5)
    plain = moved(Madam, start, [gradient] * 3)
    for transposed in ((True, False), (False, True)):
        pair = zip((start, gradient), transposed, strict=True)
        weight, slope = (each.t().contiguous().t() if flip else each.clone() for each, flip in pair)
        steps(Madam([weight]), [weight], [[slope]] * 3)
        torch.testing.assert_close(weight, plain)


def test_closure_runs_with_gradients_and_its_value_is_returned() -> None:
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
def test_graph_from_before_a_step_fails_after_it(fused: bool) -> None:
    weight = torch.nn.Parameter(torch.ones(3))
    loss = (weight * weight).sum()
    steps(Madam([weight], fused=fused), [weight], [[torch.ones(3)]])
    with pytest.raises(RuntimeError, match="modified by an inplace operation"):
        loss.backward()


def test_copied_optimizer_is_independent() -> None:
    weight = torch.ones(3)
    optimizer = Madam([weight])
    steps(optimizer, [weight], [[torch.ones(3)]])
    twin = copy.deepcopy(optimizer)
    (theirs,) = twin.param_groups[0]["params"]
    with pytest.warns(RuntimeWarning, match="not finite"):
        steps(twin, [theirs], [[torch.full((3,), math.nan)]])
    assert torch.equal(weight, theirs)


def test_groups_have_their_own_settings_and_may_be_added_later() -> None:
    first, second = torch.ones(2), torch.ones(2)
    optimizer = Madam([first])
    steps(optimizer, [first], [[torch.ones(2)]] * 3)
    optimizer.add_param_group({"params": [second], "lr": 0.5})
    steps(optimizer, [first, second], [[torch.ones(2), torch.ones(2)]])
    torch.testing.assert_close(first, torch.full((2,), math.exp(-0.04)))
    torch.testing.assert_close(second, torch.full((2,), math.exp(-0.5)))


def test_parameter_without_a_gradient_does_not_change() -> None:
    weight, other = torch.ones(2), torch.ones(2)
    optimizer = Madam([weight, other])
    weight.grad = torch.ones(2)
    optimizer.step()
    assert torch.equal(other, torch.ones(2))
    assert other not in optimizer.state


def test_learning_rate_may_be_scheduled_or_a_tensor() -> None:
    schedule = torch.optim.lr_scheduler.StepLR(Madam([torch.ones(1)]), 1, gamma=0.1)
    assert schedule.get_last_lr() == [0.01]
    weight = moved(Madam, torch.ones(2), [torch.ones(2)], lr=torch.tensor(0.1))
    torch.testing.assert_close(weight, torch.full((2,), math.exp(-0.1)))


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
