"""Weight masks: sampling, learning, supported modules, and the methods of ``Mask``."""

import copy
import subprocess
import sys
import warnings
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import torch
from torch import Tensor, nn
from torch.nn import functional as F

from bits import assert_equal
from extrapolate._runtime.errors import Interrupted, UserError
from extrapolate.inspect import Mask, MaskConfig, is_weight, is_weight_or_bias, learn_masks
from extrapolate.inspect.masks import kernel, learn, ready, sampling
from extrapolate.inspect.masks.batched import MaskedLosses
from extrapolate.inspect.masks.choice import maskable
from extrapolate.inspect.masks.learner import MaskLearner
from recording_progress import RecordingProgress
from sums import mse
from unit_cases import set_

KEY, STREAM = torch.tensor([3, 4, 5]), torch.tensor([0, 1, 0])


class Scaled(nn.Module):
    """A user's own layer type: a product of two parameters, and one gate per feature."""

    def __init__(self) -> None:
        super().__init__()
        self.left, self.right = nn.Parameter(torch.randn(3, 5)), nn.Parameter(torch.randn(5, 4))
        self.gate = nn.Parameter(torch.randn(4))

    def forward(self, x: Tensor) -> Tensor:
        return torch.tanh(x @ self.left @ self.right) * self.gate


class Convolutional(nn.Module):
    """Convolution, batch norm, dropout, pooling and a linear layer: a torchvision-style network."""

    def __init__(self) -> None:
        super().__init__()
        self.features = nn.Sequential(
            nn.Conv2d(1, 4, 3, padding=1),
            nn.BatchNorm2d(4),
            nn.ReLU(inplace=True),
            nn.MaxPool2d(2),
            nn.Dropout(0.5),
        )
        self.classifier = nn.Linear(16, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.classifier(self.features(x.view(-1, 1, 4, 4)).flatten(1))


class Recurrent(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        self.lstm, self.out = nn.LSTM(3, 5, batch_first=True), nn.Linear(5, 4)

    def forward(self, x: Tensor) -> Tensor:
        return self.out(self.lstm(x)[0][:, -1])


class Attending(nn.Module):
    def __init__(self) -> None:
        super().__init__()
        layer = nn.TransformerEncoderLayer(8, 2, 16, batch_first=True)
        self.embedding = nn.Embedding(7, 8)
        self.encoder, self.out = nn.TransformerEncoder(layer, 2), nn.Linear(8, 4)

    def forward(self, tokens: Tensor) -> Tensor:
        return self.out(self.encoder(self.embedding(tokens))[:, 0])


def dense() -> nn.Module:
    return nn.Sequential(nn.Linear(3, 16), nn.ReLU(), nn.LayerNorm(16), nn.Linear(16, 4))


#: By name: the module, and the shape of an example (None: tokens).
MODULES = {
    "dense": (dense, (3,)),
    "a layer of the user's own": (Scaled, (3,)),
    "convolutional": (Convolutional, (16,)),
    "transformer": (Attending, None),
    "LSTM": (Recurrent, (6, 3)),
}
MAPPED = [name for name in MODULES if name != "LSTM"]


def loss(model: nn.Module, x: Tensor, y: Tensor) -> Tensor:
    return F.cross_entropy(model(x), y)


def batch(name: str, count: int = 16) -> tuple[Tensor, Tensor]:
    shape = MODULES[name][1]
    x = torch.randint(7, (count, 5)) if shape is None else torch.randn(count, *shape)
    return x, torch.randint(4, (count,))


def forever(name: str) -> Iterator[tuple[Tensor, Tensor]]:
    while True:
        yield batch(name)


@pytest.mark.usefixtures("shared_work")
@pytest.mark.parametrize("masks", [1, 2, 3, 4, 7])
def test_kernel_equals_the_definition(masks: int) -> None:
    shape = (257, 130)
    logits, weight, upstream = 5 * torch.randn(shape), torch.randn(shape), torch.randn(masks, *shape)
    odds, u = kernel.odds(logits), sampling.uniform(KEY, masks, logits.shape)
    masked = kernel.apply_mask(odds, weight, KEY, masks)
    by_logit = kernel.logit_gradient(odds, weight, KEY, upstream)
    by_weight = kernel.weight_gradient(odds, weight, KEY, upstream)
    assert torch.equal(odds, sampling.odds(logits))
    assert torch.equal(masked, sampling.apply_mask(odds, weight, u))
    expected = sampling.logit_gradient(odds, weight, u, upstream), sampling.weight_gradient(odds, u, upstream)
    torch.testing.assert_close((by_logit, by_weight), expected, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("dtype", [torch.float32, torch.float64, torch.bfloat16])
def test_weights_are_kept_with_the_probability_of_the_sigmoid(dtype: torch.dtype) -> None:
    sample = sampling.draw(torch.full((25_000,), 2.0), torch.ones(25_000, dtype=dtype), KEY, 4)
    assert sample.dtype == dtype
    assert float(sample.float().mean()) == pytest.approx(0.881, abs=0.003)


def test_large_logits_have_finite_gradients() -> None:
    logits = torch.tensor([-1e4, -200.0, -80.0, 80.0, 200.0, 1e4], requires_grad=True)
    sample = sampling.draw(logits, torch.ones(6), KEY, 4)
    sample.sum().backward()
    assert sample.tolist() == [[0, 0, 0, 1, 1, 1]] * 4
    assert logits.grad is not None
    assert torch.isfinite(logits.grad).all()


def test_masks_steps_and_tensors_get_independent_random_numbers() -> None:
    keys = [KEY, KEY + 2 * STREAM, KEY + torch.tensor([0, 0, 1])]
    rows = torch.cat([sampling.uniform(key, 4, torch.Size([1000])) for key in keys])
    off_diagonal = torch.corrcoef(rows) - torch.eye(12)
    assert float(off_diagonal.abs().max()) < 0.15


@pytest.mark.parametrize("name", MAPPED)
def test_vmap_over_masks_equals_a_loop(name: str) -> None:
    module, data = MODULES[name][0](), batch(name)
    logits = {key: torch.randn(value.shape) for key, value in maskable(module, is_weight).items()}
    found = []
    with ready(module), warnings.catch_warnings():
        warnings.simplefilter("error")
        for looped in (False, True):
            leaves = {key: value.clone().requires_grad_() for key, value in logits.items()}
            samples = {
                key: sampling.draw(leaf, module.get_parameter(key).detach(), KEY + 2 * i * STREAM, 4)
                for i, (key, leaf) in enumerate(leaves.items())
            }
            losses = MaskedLosses(module, loss)
            parts = [each.view(4, -1, *each.shape[1:]) for each in data]
            values = losses.loop(samples, parts) if looped else losses(samples, data)
            values.mean().backward()
            found.append([values.detach(), *[leaf.grad for leaf in leaves.values()]])
    torch.testing.assert_close(*found, rtol=1e-5, atol=1e-6)


@pytest.mark.parametrize("name", MAPPED)
def test_any_module_can_be_used_and_does_not_change(name: str) -> None:
    module = MODULES[name][0]().train()
    before = copy.deepcopy(module.state_dict())
    found = learn_masks(module, loss, {"one": forever(name), "other": forever(name)}, steps=3)
    assert set(found) == {"one", "other"}
    assert_equal(module.state_dict(), before)
    assert all(part.training for part in module.modules())
    assert all(parameter.grad is None and parameter.requires_grad for parameter in module.parameters())
    assert torch.backends.mha.get_fastpath_enabled()


def test_operator_that_vmap_cannot_map_gives_one_warning_and_a_loop() -> None:
    module = Recurrent()
    before, learning = copy.deepcopy(module.state_dict()), MaskConfig(learning_rate=1.0)
    with pytest.warns(RuntimeWarning, match=r"vmap cannot map Recurrent over masks \(aten::lstm") as caught:
        found = learn_masks(module, loss, {"it": forever("LSTM")}, steps=4, config=learning)
    assert len(caught) == 1
    assert set(found["it"]) == {"lstm.weight_ih_l0", "lstm.weight_hh_l0", "out.weight"}
    assert found["it"].fraction().pooled < 1
    assert_equal(module.state_dict(), before)


def test_mask_of_an_lstm_changes_its_recurrent_weights() -> None:
    module = Recurrent()
    x, _ = batch("LSTM")
    nothing = Mask({name: value.isnan() for name, value in maskable(module, is_weight).items()})
    assert torch.equal(nothing.apply(module)(x), nothing.prune(module)(x))
    assert not torch.equal(nothing.apply(module)(x), module(x))


def test_mask_keeps_what_its_function_needs() -> None:
    """y = x0 for one function, y = x1 for the other: each needs only the weight of its input."""
    module = set_(nn.Linear(4, 1), weight=[[1.0, 1.0, 0.0, 0.0]], bias=0.0)

    def only(index: int) -> Iterator[tuple[Tensor, Tensor]]:
        generator = torch.Generator().manual_seed(index)
        while True:
            x = torch.randn(32, 4, generator=generator)
            yield x, x[:, index : index + 1]

    functions, learning = {"first": only(0), "second": only(1)}, MaskConfig(learning_rate=0.05)
    found = learn_masks(module, mse, functions, steps=400, config=learning)
    assert found["first"]["weight"].tolist() == [[True, False, False, False]]
    assert found["second"]["weight"].tolist() == [[False, True, False, False]]
    assert found["first"].iou(found["second"]).pooled == 0


def test_logits_without_gradient_fall_by_the_learning_rate_per_step() -> None:
    module = nn.Linear(3, 2)
    data = torch.zeros(8, 3), torch.zeros(8, 2)  # inputs of zero: no weight has a gradient
    learner = MaskLearner(module, mse, MaskConfig())
    for _ in range(10):
        learner.step(data)
    torch.testing.assert_close(learner.logits()["weight"], torch.full((2, 3), 2 - 0.1), rtol=0, atol=2e-3)


def test_a_larger_sparsity_penalty_keeps_fewer_weights() -> None:
    counts = []
    for penalty in (0.0, 1.0):
        torch.manual_seed(0)
        learning = MaskConfig(learning_rate=0.3, sparsity_penalty=penalty, grad_clip=100)
        found = learn_masks(dense(), loss, {"it": forever("dense")}, steps=20, config=learning)
        counts.append(found["it"].count().pooled)
    assert counts[1] < counts[0]


def test_stopped_learning_resumes_from_its_checkpoint(tmp_path: Path) -> None:
    module, data = dense(), [batch("dense") for _ in range(3)]

    def learners() -> list[MaskLearner]:
        return [MaskLearner(module, loss, MaskConfig(), name=name, index=i) for i, name in enumerate("ab")]

    whole, first, rest = learners(), learners(), learners()
    batches, path = [data, lambda step: data[step % 2]], tmp_path / "masks.safetensors"
    learn(whole, batches, 8)
    with pytest.raises(Interrupted, match="step 1 of 8"):
        learn(first, batches, 8, checkpoint=path, progress=RecordingProgress(stop_at=0))
    learn(rest, batches, 8, checkpoint=path)
    for one, other in zip(whole, rest, strict=True):
        assert_equal(one.logits(), other.logits())
    with pytest.raises(UserError, match=r"does not fit the module's 'left'"):
        learn([MaskLearner(Scaled(), loss, MaskConfig())], [data], 8, checkpoint=path)
    path.write_bytes(b"no states")
    with pytest.raises(UserError, match="is damaged"):
        learn(learners(), batches, 8, checkpoint=path)


def test_masks_do_not_depend_on_the_other_functions() -> None:
    module, data = dense(), [batch("dense") for _ in range(3)]
    learning = MaskConfig(learning_rate=1.0)
    alone = learn_masks(module, loss, {"a": data}, steps=5, config=learning)
    both = learn_masks(module, loss, {"a": data, "b": data}, steps=5, config=learning)
    assert alone["a"] == both["a"]
    assert both["a"] != both["b"]


def test_progress_is_updated_and_may_stop() -> None:
    progress = RecordingProgress(stop_at=0)
    with pytest.raises(Interrupted, match="step 1 of 50"):
        learn_masks(dense(), loss, {"it": forever("dense")}, steps=50, progress=progress)
    assert progress.seen == 1


def test_norms_are_masked_biases_and_embeddings_are_not() -> None:
    module = Attending()
    chosen = set(maskable(module, is_weight))
    assert {"encoder.layers.0.norm1.weight", "encoder.layers.0.norm1.bias", "out.weight"} <= chosen
    assert "encoder.layers.0.self_attn.in_proj_weight" in chosen
    assert chosen.isdisjoint({"embedding.weight", "out.bias", "encoder.layers.0.self_attn.in_proj_bias"})
    everything = dict(module.named_parameters()).keys()
    assert maskable(module, is_weight_or_bias).keys() == everything - {"embedding.weight"}


def test_matrix_tied_to_an_embedding_is_not_masked() -> None:
    class Tied(nn.Module):
        def __init__(self) -> None:
            super().__init__()
            self.out, self.embedding, self.more = nn.Linear(8, 7), nn.Embedding(7, 8), nn.Linear(8, 8)
            self.out.weight = self.embedding.weight

    assert set(maskable(Tied(), is_weight)) == {"more.weight"}


def masks() -> tuple[Mask, Mask]:
    a = Mask({"u": torch.tensor([True, True, False, False]), "v": torch.tensor([[True], [False]])})
    b = Mask({"u": torch.tensor([True, False, True, False]), "v": torch.tensor([[True], [True]])})
    return a, b


def test_overlap_of_two_masks() -> None:
    a, b = masks()
    assert a.count().layers == {"u": 2, "v": 1}
    assert a.count().pooled == 3
    assert a.fraction().layers == {"u": 0.5, "v": 0.5}
    assert a.iou(b).layers == {"u": pytest.approx(1 / 3), "v": 0.5}
    assert a.iou(b).pooled == pytest.approx(2 / 5)
    assert a.iomin(b).layers == {"u": 0.5, "v": 1}
    assert a.iomin(b).pooled == pytest.approx(2 / 3)
    assert a.share(b).layers == {"u": 0.5, "v": 1}
    assert a.share(b, ~b).pooled == 1
    assert a.iou(a).pooled == 1
    assert a.iou(~a).pooled == 0


def test_overlap_of_two_empty_masks_is_nan() -> None:
    a, _ = masks()
    nothing = a & ~a
    assert nothing.iou(nothing).pooled != nothing.iou(nothing).pooled
    assert nothing.share(a).pooled != nothing.share(a).pooled


def test_masks_are_combined_elementwise_saved_and_loaded(tmp_path: Path) -> None:
    a, b = masks()
    assert (a & b)["u"].tolist() == [True, False, False, False]
    assert (a | b)["u"].tolist() == [True, True, True, False]
    assert ~~a == a
    assert Mask({**a.only("u"), **b.only("v")})["v"].tolist() == [[True], [True]]
    a.save(tmp_path / "mask.safetensors")
    assert Mask.load(tmp_path / "mask.safetensors") == a
    assert repr(a) == "Mask(3 of 6 weights kept in 2 tensors)"


def test_apply_and_prune_are_equal_and_do_not_change_the_module() -> None:
    module = dense()
    module.get_parameter("0.weight").data[0, 0] = torch.inf  # a weight outside the mask must have no effect
    kept = torch.rand(16, 3) > 0.5
    kept[0, 0] = False
    mask = Mask({"0.weight": kept})
    x = torch.randn(5, 3)
    before = copy.deepcopy(module.state_dict())
    pruned = mask.prune(module)
    assert torch.equal(mask.apply(module)(x), pruned(x))
    assert torch.isfinite(pruned(x)).all()
    assert type(pruned) is type(module)
    assert int((pruned.get_parameter("0.weight") != 0).sum()) == int(kept.sum())
    assert_equal(module.state_dict(), before)


def test_apply_in_training_mode_does_not_change_running_statistics() -> None:
    module = Convolutional().train()
    before = copy.deepcopy(dict(module.named_buffers()))
    mask = Mask({"classifier.weight": torch.ones(4, 16, dtype=torch.bool)})
    mask.apply(module)(torch.randn(8, 16))
    assert_equal(dict(module.named_buffers()), before)


def with_nan() -> nn.Module:
    module = dense()
    module.get_parameter("3.weight").data[0, 0] = torch.nan
    return module


X, Y = torch.zeros(16, 3), torch.zeros(16, dtype=torch.int64)
INVALID: dict[str, tuple[dict[str, Any], str]] = {
    "a module without a maskable weight": ({"module": nn.Embedding(3, 3)}, "Embedding has no maskable weight"),
    "a tensor without values yet": ({"module": nn.LazyLinear(3)}, "'weight' has no values yet"),
    "a weight that is nan": ({"module": with_nan()}, r"sums: the loss is nan at step 1: '3\.weight' holds values"),
    "data that are not finite": ({"data": [(X * torch.nan, Y)]}, "all weights are finite: check the data"),
    "a vector as loss": ({"loss": lambda model, x, y: model(x)}, r"must return a scalar .*got the shape \(4, 4\)"),
    "no function": ({"functions": {}}, "functions is empty"),
    "no batch": ({"data": []}, "no more batches"),
    "a batch that cannot be split": ({"data": [(X[:15], Y[:15])]}, "sums: tensor 0 of the batch has 15 examples"),
    "an empty batch": ({"data": [(X[:0], Y[:0])]}, "sums: tensor 0 of the batch has 0 examples"),
    "fewer examples than masks": ({"data": [(X[:2], Y[:2])]}, "sums: tensor 0 of the batch has 2 examples"),
    "tensors of different lengths": ({"data": [(X, Y[:8])]}, r"different lengths, \[8, 16\]"),
    "a string": ({"data": [("a string", Y)]}, "mapping"),
}  # fmt: skip


@pytest.mark.parametrize("name", INVALID)
def test_invalid_input_is_named(name: str) -> None:
    changes, message = INVALID[name]
    functions = changes.get("functions", {"sums": changes.get("data", [(X, Y)])})
    with pytest.raises(UserError, match=message):
        learn_masks(changes.get("module", dense()), changes.get("loss", loss), functions, steps=1)


def test_an_error_in_the_loss_is_raised_unchanged() -> None:
    with pytest.raises(RuntimeError, match="shapes cannot be multiplied"):
        learn_masks(dense(), lambda model, x, y: model(x[:, :2]).sum(), {"it": forever("dense")}, steps=1)


WIDE = Mask({"0.weight": torch.ones(2, 2, dtype=torch.bool)})
REFUSED: list[tuple[Callable[[Path], object], str]] = [
    (lambda _: MaskConfig(masks=0), "masks"),
    (lambda _: MaskConfig(sparsity_penalty=-1.0), "sparsity_penalty"),
    (lambda _: MaskConfig(learning_rate=float("nan")), "learning_rate"),
    (lambda _: WIDE.apply(dense()), r"'0\.weight' has the shape \(2, 2\), in Sequential \(16, 3\)"),
    (lambda _: WIDE.prune(nn.Linear(2, 2)), r"Linear has no parameter '0\.weight'"),
    (lambda _: masks()[0] & masks()[1].only("u"), "only one of the two masks has a tensor 'v'"),
    (lambda _: WIDE.iou(Mask({"0.weight": torch.ones(3, dtype=torch.bool)})), r"'0\.weight' have the shapes"),
    (lambda _: Mask({"u": torch.ones(3)}), r"'u' has dtype torch\.float32"),
    (lambda _: WIDE.only("w"), "no tensor 'w'"),
    (lambda folder: Mask.load(folder / "none"), "cannot read a mask"),
    (lambda folder: Mask.load(folder / "text"), "cannot read a mask"),
]


@pytest.mark.parametrize(("refused", "message"), REFUSED)
def test_invalid_settings_masks_and_files_are_named(
    refused: Callable[[Path], object], message: str, tmp_path: Path
) -> None:
    (tmp_path / "text").write_text("no mask")
    with pytest.raises(UserError, match=message):
        refused(tmp_path)


def test_importing_does_not_import_the_compiler() -> None:
    code = "import sys, extrapolate.inspect\nprint(*sys.modules)"
    output = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    assert {"numba", "torch._dynamo", "scipy", "polars"} & set(output.split()) == set()


def test_batches_by_name_and_in_order_give_equal_masks() -> None:
    """Loaders in the style of Hugging Face return batches by name."""
    module, (x, y) = dense(), batch("dense")

    def loss(model: nn.Module, inputs: Tensor, labels: Tensor) -> Tensor:
        return F.cross_entropy(model(inputs), labels)

    one, other = (
        learn_masks(module, loss, {"it": [batch]}, steps=5, config=MaskConfig(learning_rate=1.0))["it"]
        for batch in ((x, y), {"inputs": x, "labels": y})
    )
    assert one == other
    named = r"a batch that is a mapping \(dict\) is passed by keyword, .*labels=\.\.\."
    with pytest.raises(TypeError, match=named):
        learn_masks(module, lambda model, batch: batch, {"it": [{"inputs": x, "labels": y}]}, steps=1)
