"""A mask and its weights, learned together: gradients, frozen weights, resuming from a state."""

import copy
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.func import functional_call
from torch.nn import functional as F

from bits import assert_equal
from extrapolate._runtime.errors import UserError
from extrapolate.inspect import JointLearner, Mask, MaskConfig, is_weight_or_bias
from extrapolate.inspect.masks import learn, sampling
from extrapolate.inspect.masks.learner import MaskLearner

KEY = torch.tensor([3, 4, 5])


def network() -> nn.Sequential:
    return nn.Sequential(nn.Linear(6, 10), nn.ReLU(), nn.Linear(10, 4))


def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)


def joint(module: nn.Module, learning: MaskConfig | None = None, **others: Any) -> JointLearner:
    return JointLearner(module, loss, learning or MaskConfig(), parameters=is_weight_or_bias, **others)


def batch(count: int = 16) -> tuple[Tensor, Tensor]:
    return torch.randn(count, 6), torch.randint(4, (count,))


def half(module: nn.Module) -> Mask:
    """Return a mask that keeps about half of the weights of every layer."""
    return Mask({name: torch.rand(value.shape) > 0.5 for name, value in module.named_parameters()})


def straight_through(logits: Tensor, u: Tensor) -> Tensor:
    s = torch.sigmoid(logits + torch.logit(u.double()))
    return ((s > 0.5).double() - s).detach() + s


@pytest.mark.parametrize("masks", [1, 3, 8])
@pytest.mark.parametrize("dtype", [torch.float32, torch.float64])
def test_sampled_weights_are_differentiable_by_logits_and_weights(masks: int, dtype: torch.dtype) -> None:
    """A mask has the value of the threshold and the gradient of the sigmoid."""
    logits = torch.randn(7, 5, requires_grad=True)
    weight = torch.randn(7, 5, dtype=dtype)
    weight[0] = 0  # a kept weight of 0 also has a gradient
    weight.requires_grad_()
    upstream = torch.randn(masks, 7, 5, dtype=dtype)
    sample = sampling.draw(logits, weight, KEY, masks)
    sample.backward(upstream)

    one, other = (value.detach().double().requires_grad_() for value in (logits, weight))
    mask = straight_through(one, sampling.uniform(KEY, masks, logits.shape))
    (other * mask).backward(upstream.double())
    assert torch.equal(sample.double(), other * mask.round())
    assert logits.grad is not None
    assert weight.grad is not None
    found = logits.grad.double(), weight.grad.double()
    torch.testing.assert_close(found, (one.grad, other.grad), rtol=1e-5, atol=1e-7)


def test_step_has_the_gradients_of_plain_autograd() -> None:
    module, data = network(), batch()
    learner = joint(module, MaskConfig(masks=4, sparsity_penalty=1e-3, grad_clip=1e6, seed=7))
    learner.step(data)
    state = learner.state()

    values = {name: each.detach().double().requires_grad_() for name, each in module.double().named_parameters()}
    logits = {name: torch.full(value.shape, 2.0).double().requires_grad_() for name, value in values.items()}
    samples = {}
    for index, (name, value) in enumerate(values.items()):
        # masks of matrices are sampled transposed
        shape = value.mT.shape if value.dim() == 2 else value.shape
        u = sampling.uniform(torch.tensor([7, index, 0]), 4, shape)
        samples[name] = value * straight_through(logits[name], u.mT if value.dim() == 2 else u)
    x, y = data[0].double(), data[1]
    parts = [
        loss(lambda x, k=k: functional_call(module, {n: v[k] for n, v in samples.items()}, x), *part)  # type: ignore[arg-type]
        for k, part in enumerate(zip(x.view(4, 4, 6), y.view(4, 4), strict=True))
    ]
    penalty = torch.stack([value.sum() for value in logits.values()]).sum()
    (torch.stack(parts).mean() + 1e-3 * penalty).backward()
    for name, value in values.items():
        # after the first step, Adam's exp_avg is a tenth of the gradient
        by_logit, by_weight = 10 * state[f"exp_avg/{name}"], 10 * state[f"joint/exp_avg/{name}"]
        for found, leaf in ((by_logit, logits[name]), (by_weight, value)):
            assert leaf.grad is not None
            expected = leaf.grad.mT if value.dim() == 2 else leaf.grad
            torch.testing.assert_close(found.double(), expected, rtol=1e-4, atol=1e-7)


def test_frozen_weights_do_not_change_and_the_others_do() -> None:
    module = network()
    before = copy.deepcopy(module.state_dict())
    frozen = half(module).only("2.weight", "2.bias")  # the first layer is not frozen
    learner = joint(module, MaskConfig(learning_rate=0.05, init_logit=-1.0), frozen=frozen, frozen_start=3.0)
    first = learner.logits()["2.weight"].clone()
    assert first[frozen["2.weight"]].unique().tolist() == [3.0]
    assert first[~frozen["2.weight"]].unique().tolist() == [-1.0]
    learn([learner], [[batch() for _ in range(5)]], 30)
    after = learner.trained_weights()
    for name, fixed in frozen.items():
        assert torch.equal(after[name][fixed], before[name][fixed])
        assert (after[name][~fixed] != before[name][~fixed]).all()
    assert (after["0.weight"] != before["0.weight"]).all()
    assert (learner.logits()["2.weight"] != first).all()
    assert_equal(module.state_dict(), before)


def test_random_weights_and_their_mask_learn_a_task_together() -> None:
    """The masked network is accurate, and the mask keeps fewer than 70 % of the weights."""
    module, x = network(), torch.randn(128, 6)
    y = (x[:, 0] > 0).long() + 2 * (x[:, 1] > 0).long()
    learner = joint(module, MaskConfig(sparsity_penalty=1e-3, learning_rate=0.03))
    learn([learner], [[(x, y)]], 300)
    module.load_state_dict(learner.trained_weights())
    mask = learner.mask()
    assert (mask.apply(module)(x).argmax(-1) == y).double().mean() > 0.95
    assert mask.fraction().pooled < 0.7


def test_resuming_from_a_state_changes_nothing() -> None:
    module, data = network(), [batch() for _ in range(6)]
    frozen = half(module)
    whole, first, rest = (joint(module, frozen=frozen) for _ in range(3))
    for each in data:
        whole.step(each)
    for each in data[:3]:
        first.step(each)
    rest.restore(first.state())
    for each in data[3:]:
        rest.step(each)
    assert_equal((whole.trained_weights(), whole.logits()), (rest.trained_weights(), rest.logits()))


def test_errors_name_the_tensor_that_does_not_fit_or_is_not_finite() -> None:
    module, frozen = network(), Mask({"0.weight": torch.ones(2, 2, dtype=torch.bool)})
    with pytest.raises(UserError, match=r"does not fit the module's '0\.weight'"):
        JointLearner(module, loss, MaskConfig()).restore(MaskLearner(module, loss, MaskConfig()).state())
    with pytest.raises(UserError, match=r"'0\.weight' has the shape \(2, 2\)"):
        JointLearner(module, loss, MaskConfig(), frozen=frozen)
    module.get_parameter("2.weight").data[0, 0] = torch.nan
    with pytest.raises(UserError, match=r"task 1: the loss is nan at step 1: '2\.weight' holds values"):
        joint(module, name="task 1").step(batch())
