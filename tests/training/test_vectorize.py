"""Replicas computed with ``vmap`` or one after another: equal results, and the choice between the two."""

import copy
import random
import warnings
from collections import Counter, OrderedDict
from collections.abc import Callable
from functools import partial
from operator import itemgetter
from typing import Any

import numpy as np
import pytest
import torch
from torch import Tensor
from torch import nn as torch_nn
from torch._dynamo import config as dynamo_config
from torch.nn import LSTM, BatchNorm1d, Dropout, Linear, ReLU, Sequential, Tanh
from torch.nn import functional as F
from torch.nn.utils import parametrizations
from torch.utils.data import DataLoader, TensorDataset

from bits import assert_equal
from extrapolate import ops
from extrapolate._runtime.errors import UserError
from extrapolate.training import History, Penalty, Replicas, Warmup, train
from sums import Batches

torch.manual_seed(0)
X, Y = torch.randn(64, 6), torch.randint(2, (64,))
ADAM = partial(torch.optim.Adam, lr=1e-2)
SGD, STILL = partial(torch.optim.SGD, lr=0.1), partial(torch.optim.SGD, lr=0.0)


def entropy(model: torch_nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)


def trained(factory: Any, count: int, data: Any = (X, Y), **settings: Any) -> tuple[Replicas, History]:
    """``count`` replicas with their last weights, and their history."""
    replicas = Replicas.build(factory, range(count))
    usual = {"loss": entropy, "optimizer": ADAM, "restore_best": False}
    return replicas, train(replicas, data=data, **(usual | settings))


def both_ways(factory: Any, count: int, **settings: Any) -> list[tuple[Replicas, History]]:
    return [trained(factory, count, vectorize=vectorize, **settings) for vectorize in (True, False)]


class Unused(torch_nn.Module):
    """Two heads, of which the loss uses one."""

    def __init__(self) -> None:
        super().__init__()
        self.used, self.later = Linear(6, 2), Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.used(x)


class Recurrent(torch_nn.Module):
    """Torch's own LSTM, which ``vmap`` cannot map."""

    def __init__(self) -> None:
        super().__init__()
        self.rnn, self.out = LSTM(1, 8, batch_first=True), Linear(8, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.rnn(x[..., None])[0][:, -1])


class Flip(torch_nn.Module):
    """A module with control flow that depends on the data."""

    def forward(self, x: Tensor) -> Tensor:
        return x if float(x.detach().sum()) > 0 else -x


def branching() -> torch_nn.Module:
    return Sequential(OrderedDict(inner=Sequential(Linear(6, 2), Flip())))


def frozen() -> torch_nn.Module:
    model = Sequential(Linear(6, 6), Linear(6, 2))
    model[0].requires_grad_(False)
    return model


def normed() -> torch_nn.Module:
    return Sequential(Linear(6, 5), BatchNorm1d(5), Linear(5, 2))


def with_dropout() -> torch_nn.Module:
    return Sequential(Linear(6, 16), Dropout(0.5), Linear(16, 2))


PLAIN: dict[str, Callable[[], torch_nn.Module]] = {"unused": Unused, "frozen": frozen, "normed": normed}


HALF_NORM = Penalty(Warmup(10), lambda model: 0.1 * sum(each.square().sum() for each in model.parameters()))
ADDED: list[dict[str, Any]] = [{}, {"penalties": [HALF_NORM]}, {"penalties": [HALF_NORM], "grad_clip": 0.1}]


@pytest.mark.parametrize("added", ADDED, ids=["plain", "penalty", "clip"])
@pytest.mark.parametrize("name", PLAIN)
def test_both_ways_give_the_same_weights_and_metrics(name: str, added: dict[str, Any]) -> None:
    settings = {"steps": 20, "optimizer": SGD, "validation": (X, Y)} | added
    (one, its), (other, others) = both_ways(PLAIN[name], 3, **settings)
    torch.testing.assert_close(one.state_dict(), other.state_dict(), rtol=1e-6, atol=1e-6)
    torch.testing.assert_close(its.metrics, others.metrics, rtol=1e-6, atol=1e-6)


@pytest.mark.parametrize("fused", [True, False])
def test_fused_optimizers_give_the_same_weights_both_ways(fused: bool) -> None:
    """They read the memory of parameters and gradients and ignore its layout."""
    adam = partial(torch.optim.Adam, lr=1e-2, fused=fused)
    ends = [replicas.parameters["0.weight"] for replicas, _ in both_ways(normed, 3, steps=20, optimizer=adam)]
    torch.testing.assert_close(*ends, rtol=1e-4, atol=1e-5)


def test_only_parameters_that_the_loss_uses_change() -> None:
    before = Replicas.build(Unused, range(2)).parameters
    for replicas, _ in both_ways(Unused, 2, steps=3):
        assert torch.equal(replicas.parameters["later.weight"], before["later.weight"])
        assert not torch.equal(replicas.parameters["used.weight"], before["used.weight"])


@pytest.mark.parametrize("vectorize", [True, False])
def test_dropout_differs_among_replicas_both_ways(vectorize: bool) -> None:
    replicas = Replicas([with_dropout()] * 3, seeds=(4, 4, 4))
    train(replicas, entropy, (X, Y), steps=10, optimizer=ADAM, vectorize=vectorize)
    first, second, third = replicas.parameters["0.weight"]
    assert not torch.allclose(first, second)
    assert not torch.allclose(second, third)


@pytest.mark.parametrize(("factory", "layer"), [(Recurrent, r"rnn \(LSTM\)"), (branching, r"inner\.1 \(Flip\)")])
def test_a_model_that_cannot_be_mapped_is_trained_one_by_one_with_one_warning(factory: Any, layer: str) -> None:
    measured = {"validation": (X, Y), "metrics": {"again": entropy}, "restore_best": True}
    with pytest.warns(RuntimeWarning, match=f"vmap cannot map layer {layer}") as caught:
        replicas, history = trained(factory, 2, steps=80, **measured)
    assert len(caught) == 1
    assert caught[0].filename == __file__, "the warning points to the user's own line"
    assert (history.metrics["loss"][-1] < history.metrics["loss"][0]).all()
    expected = torch.stack([entropy(replicas[i].eval(), X, Y) for i in range(2)])
    best = history.metrics["loss"].min(0).values.float()
    torch.testing.assert_close(expected.detach(), best, rtol=1e-5, atol=1e-6)


def test_a_call_that_cannot_be_mapped_falls_back_too() -> None:
    replicas = Replicas.build(Recurrent, range(2))
    with pytest.warns(RuntimeWarning, match=r"layer rnn \(LSTM\)"):
        together = replicas(X)
    torch.testing.assert_close(together[1], replicas[1].eval()(X))
    with warnings.catch_warnings():
        warnings.simplefilter("error")
        replicas(X)  # no second warning


def test_the_trial_may_change_the_parameters() -> None:
    """A projection inside the forward pass is applied once per step."""

    class Shrinking(Linear):
        def forward(self, input: Tensor) -> Tensor:
            with torch.no_grad():
                self.weight.mul_(0.5)
            return super().forward(input)

    before = Replicas.build(lambda: Shrinking(6, 2), [0]).parameters["weight"]
    for replicas, _ in both_ways(lambda: Shrinking(6, 2), 1, steps=1, optimizer=STILL):
        torch.testing.assert_close(replicas.parameters["weight"], 0.5 * before)


LOADER = DataLoader(TensorDataset(X, Y), 64)
KINDS = {"tensors": (X, Y), "mapping": {"x": X, "y": Y}, "one for each": [(X, Y)] * 2, "loader": LOADER}


@pytest.mark.parametrize("data", KINDS.values(), ids=KINDS)
def test_a_training_on_any_data_is_compiled(data: Any, compilations: list[Any]) -> None:
    """As one graph: otherwise there is a warning, which is an error in these tests."""
    (one, _), (other, _) = (trained(Unused, 2, data, steps=4, compile=compile) for compile in (True, False))
    torch.testing.assert_close(one.parameters, other.parameters, rtol=1e-5, atol=1e-6)
    assert compilations


def test_vectorize_true_fails_where_vmap_cannot_map() -> None:
    with pytest.raises(ValueError, match="vectorize=True, but vmap cannot map this training: "):
        trained(Recurrent, 2, steps=1, vectorize=True)


def test_an_error_in_the_users_function_is_raised_unchanged() -> None:
    def wrong(model: torch_nn.Module, x: Tensor, y: Tensor) -> Tensor:
        raise KeyError("mine")

    for settings in ({"loss": wrong}, {"metrics": {"mine": wrong}, "monitor": "mine"}):
        with pytest.raises(KeyError, match="mine"):
            trained(Unused, 2, steps=1, **settings)


@pytest.mark.parametrize("factory", [normed, with_dropout, Recurrent])
def test_the_trial_changes_no_weight_buffer_or_random_state(factory: Any) -> None:
    """With a learning rate of 0 only the random state and the averages of one step change."""

    def loss(model: torch_nn.Module, x: Tensor, y: Tensor) -> Tensor:
        seen.append((random.random(), float(np.random.random()), float(torch.rand(()))))
        return entropy(model, x, y)

    states, seen = [], []
    for vectorize in ("auto", False):
        random.seed(3)
        np.random.seed(3)
        seen = []
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            settings = {"loss": loss, "optimizer": STILL, "vectorize": vectorize, "num_threads": 1}
            replicas, _ = trained(factory, 1, steps=1, **settings)
        states.append((seen[-1][:2], replicas.state_dict()))
    assert states[0][0] == states[1][0]
    torch.testing.assert_close(states[0][1], states[1][1])


def test_data_of_changing_size_do_not_stop_a_compiled_training(compilations: list[Any]) -> None:
    """Such as batches of text padded to their longest sequence, or the last batch of an epoch."""
    batches = Batches([(X[:n], Y[:n]) for n in range(5, 12)])
    limit = dynamo_config.patch(recompile_limit=2)
    with limit, pytest.warns(RuntimeWarning, match="running uncompiled") as caught:
        one, _ = trained(Unused, 2, batches, steps=9, compile=True)
    assert len(caught) == 1
    other, _ = trained(Unused, 2, batches, steps=9, compile=False)
    torch.testing.assert_close(one.parameters, other.parameters)


def mlp(activation: torch_nn.Module, **settings: Any) -> torch_nn.Module:
    return Sequential(Linear(6, 8), activation, Linear(8, 2, **settings))


class Function(torch_nn.Module):
    def __init__(self, function: Any) -> None:
        super().__init__()
        self.layer, self.function = Linear(6, 2), function


def half_frozen(frozen: bool) -> torch_nn.Module:
    model = mlp(ReLU())
    model[0].weight.requires_grad_(not frozen)  # type: ignore[union-attr]
    return model


def hooked(hooks: int) -> torch_nn.Module:
    layer = Linear(6, 2)
    for _ in range(hooks):
        layer.register_forward_hook(double)
    return layer


def double(module: torch_nn.Module, inputs: Any, output: Tensor) -> Tensor:
    return 2 * output


def with_default(value: int) -> Any:
    def function(x: Tensor, *, factor: int = value) -> Tensor:
        return factor * x

    return Function(function)


def ordered(names: str) -> torch_nn.Module:
    return Sequential(OrderedDict((name, {"a": Linear(6, 6), "r": ReLU()}[name]) for name in names))


#: By name: a function that makes a module from a value, two values, and the message about the two modules.
DIFFERENT: dict[str, tuple[Callable[[Any], torch_nn.Module], Any, Any, str]] = {
    "activation": (mlp, ReLU(), Tanh(), "1 is ReLU and Tanh"),
    "dropout rate": (lambda rate: mlp(Dropout(rate)), 0.1, 0.5, r"1\.p is 0\.1 and 0\.5"),
    "bias": (lambda bias: mlp(ReLU(), bias=bias), True, False, r"2\.bias exists in only one"),
    "width": (partial(Linear, 6), 2, 3, "bias is float32"),
    "dtype": (partial(Linear, 6, 2, True, None), torch.float32, torch.float64, "float32 .* and float64"),
    "frozen": (half_frozen, True, False, "0.weight is frozen in only one"),
    "function": (Function, torch.relu, torch.tanh, "function is relu and tanh"),
    "closure": (lambda factor: Function(lambda x: factor * x), 2.0, 3.0, "function is"),
    "order of submodules": (ordered, "ar", "ra", "has the submodules a, r and r, a"),
    "hook": (hooked, 0, 1, "forward hooks is"),
    "dtype of a setting": (Function, torch.float32, torch.float64, "function is"),
    "keyword default": (with_default, 1, 2, "function is"),
    "getter": (lambda index: Function(itemgetter(index)), 0, 1, "function is"),
    "method of another": (lambda text: Function(Counter(text).most_common), "aa", "ab", "function is"),
    "submodules": (lambda more: Sequential(Linear(6, 2), *more), [], [ReLU()], "has the submodules 0 and 0, 1"),
}


@pytest.mark.parametrize("name", DIFFERENT)
def test_modules_with_different_configurations_are_refused(name: str) -> None:
    factory, first, second, message = DIFFERENT[name]
    with pytest.raises(ValueError, match=f"modules 0 and 1 differ: .*{message}"):
        Replicas([factory(first), factory(second)])
    for value in (first, second):
        assert len(Replicas([factory(value), factory(value)])) == 2


def test_modules_with_equal_settings_are_accepted() -> None:
    def factory() -> torch_nn.Module:
        model = Function(lambda x: 2 * x)
        model.table = {"a": [1, 2.5, float("nan")], "b": torch.arange(3), "c": np.arange(3)}  # type: ignore[assignment]
        model.generator = torch.Generator()  # type: ignore[assignment]
        model.itself = [model]  # type: ignore[assignment]
        return model

    assert len(Replicas([factory(), factory()])) == 2
    assert len(Replicas([LSTM(2, 3), LSTM(2, 3)])) == 2


def attending() -> torch_nn.Module:
    layer = torch_nn.TransformerEncoderLayer(6, 2, 8, dropout=0.0, batch_first=True)
    return Sequential(torch_nn.Unflatten(1, (1, 6)), layer, torch_nn.Flatten(), Linear(6, 2))


class Tied(torch_nn.Module):
    """Two layers with one weight."""

    def __init__(self) -> None:
        super().__init__()
        self.first, self.second = Linear(6, 6), Linear(6, 6)
        self.second.weight, self.out = self.first.weight, Linear(6, 2)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.second(torch.relu(self.first(x))))


NORMED = [
    lambda: Sequential(parametrizations.spectral_norm(Linear(6, 6)), Linear(6, 2)),
    lambda: Sequential(parametrizations.weight_norm(Linear(6, 2))),
]


@pytest.mark.parametrize("factory", [attending, *NORMED, Tied], ids=["attention", "spectral", "weight", "tied"])
def test_layers_of_all_kinds_train_as_a_plain_loop_trains_them(factory: Any) -> None:
    torch.manual_seed(1)
    alone = factory()
    torch.manual_seed(1)
    replicas = Replicas([factory()], seeds=[1])
    assert len(Replicas([factory(), factory()])) == 2
    optimizer = SGD(alone.parameters())
    for step in range(5):
        rows = (ops.uniform(torch.tensor([1, 0, step]), (16,)) * len(X)).long()
        optimizer.zero_grad()
        entropy(alone, X[rows], Y[rows]).backward()
        optimizer.step()
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")  # torch's fast path for attention, which vmap cannot map
        train(replicas, entropy, (X, Y), steps=5, optimizer=SGD, batch_size=16, restore_best=False)
    with torch.no_grad():
        torch.testing.assert_close(replicas[0].eval()(X), alone.eval()(X), rtol=1e-5, atol=1e-5)


def test_all_replicas_get_a_shared_input_and_each_gets_its_rows() -> None:
    replicas = Replicas.build(lambda: Linear(6, 2), range(3))
    shared, own = torch.randn(64, 6), torch.randn(3, 10, 6)
    assert replicas(shared).shape == (3, 64, 2)
    for i in range(3):
        torch.testing.assert_close(replicas(shared)[i], replicas[i](shared))
        torch.testing.assert_close(replicas(own)[i], replicas[i](own[i]))
    assert replicas(own[0, 0]).shape == (3, 2)


def test_slices_are_independent_replicas() -> None:
    replicas = Replicas.build(normed, (5, 6, 7, 8))
    part = replicas[1:3]
    assert part.seeds == (6, 7)
    assert [each.seeds for each in (replicas[-1:], replicas[::-2])] == [(8,), (8, 6)]
    torch.testing.assert_close(part[0](X), replicas[1](X))
    with torch.no_grad():
        part.parameters["0.weight"].zero_()
    assert bool((replicas.parameters["0.weight"] != 0).any())
    assert len(list(replicas)) == 4
    with pytest.raises(IndexError, match="empty"):
        replicas[4:]


def test_values_are_saved_and_loaded(tmp_path: Any) -> None:
    replicas, others = (Replicas.build(normed, seeds) for seeds in (range(3), range(3, 6)))
    replicas.save(tmp_path / "weights.safetensors")
    others.load(str(tmp_path / "weights.safetensors"))
    assert_equal(others.state_dict(), replicas.state_dict())


def test_values_that_do_not_fit_are_refused_and_change_nothing(tmp_path: Any) -> None:
    replicas = Replicas.build(normed, range(3))
    before = copy.deepcopy(replicas.state_dict())
    with pytest.raises(ValueError, match=r"'0\.bias' has shape \(2, 5\) instead of \(3, 5\)"):
        replicas.load_state_dict(replicas[:2].state_dict())
    with pytest.raises(ValueError, match=r"'0\.bias' is missing"):
        replicas.load_state_dict({"0.weight": before["0.weight"]})
    (tmp_path / "notes").write_text("no weights")
    for name, message in (("notes", "does not hold these replicas"), ("nothing", "there is no file")):
        with pytest.raises(UserError, match=message):
            replicas.load(tmp_path / name)
    assert_equal(replicas.state_dict(), before)


def test_the_repr_of_replicas_names_model_count_and_seeds() -> None:
    text = repr(Replicas.build(lambda: Linear(6, 2), range(25)))
    assert text == "Replicas of Linear: 25 with seeds 0 to 24, 14 parameters each, on cpu"
    assert "seeds 3, 1" in repr(Replicas.build(lambda: Linear(6, 2), (3, 1)))
