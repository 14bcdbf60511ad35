"""LSTM, GRU, RNN and UGRNN: equality with torch's modules, padded sequences, and ``vmap`` over replicas."""

from typing import Any

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st
from torch import Tensor
from torch.func import functional_call, grad, stack_module_state, vmap
from torch.nn.utils.rnn import PackedSequence, pack_padded_sequence, pad_packed_sequence
from torch.utils._pytree import tree_map

from bits import assert_equal
from extrapolate import nn
from extrapolate._runtime.errors import UserError
from recurrences import assert_gradients_are_exact, assert_pieces_equal_the_whole

TORCHS = ["LSTM", "GRU", "RNN"]
ALL = [*TORCHS, "UGRNN"]
LENGTHS = torch.tensor([3, 6, 1, 4, 6])
DOUBLE = torch.float64


def build(kind: str, *args: Any, **options: Any) -> torch.nn.Module:
    return getattr(nn, kind)(*args, **options)


def pair(kind: str, *args: Any, **options: Any) -> tuple[torch.nn.Module, torch.nn.Module]:
    """Return our module and torch's, both with the parameters of torch's."""
    ours, theirs = build(kind, *args, **options), getattr(torch.nn, kind)(*args, **options)
    ours.load_state_dict(theirs.state_dict())
    return ours, theirs


def initial_state(kind: str, layers: int, *shape: int, output: int = 4, hidden: int = 4) -> Any:
    h = torch.randn(layers, *shape, output, dtype=DOUBLE)
    return (h, torch.randn(layers, *shape, hidden, dtype=DOUBLE)) if kind == "LSTM" else h


def assert_same(ours: Any, theirs: Any, tolerance: float = 1e-12) -> None:
    torch.testing.assert_close(ours, theirs, atol=tolerance, rtol=0)


OPTIONS = [
    {},
    {"num_layers": 3},
    {"bias": False},
    {"batch_first": True},
    {"bidirectional": True},
    {"num_layers": 2, "bidirectional": True, "batch_first": True, "bias": False},
    {"num_layers": 3, "dropout": 0.4},
]
DEEP = {"num_layers": 2, "bidirectional": True}


@pytest.mark.parametrize("batch", [(), (2,)])
@pytest.mark.parametrize(
    ("kind", "options"),
    [
        *[(kind, options) for kind in TORCHS for options in OPTIONS],
        *[("LSTM", {"proj_size": 2, **more}) for more in ({}, DEEP)],
        *[("RNN", {"nonlinearity": "relu", **more}) for more in ({}, DEEP)],
    ],
    ids=str,
)
def test_gives_torchs_numbers_and_gradients(kind: str, options: dict[str, Any], batch: tuple[int, ...]) -> None:
    """For a batch and for one sequence, with and without projection, with every nonlinearity."""
    ours, theirs = pair(kind, 3, 4, dtype=DOUBLE, **options)
    shape = (*batch, 5) if options.get("batch_first") else (5, *batch)
    x = torch.randn(*shape, 3, dtype=DOUBLE)
    layers = options.get("num_layers", 1) * (2 if options.get("bidirectional") else 1)
    for hx in (None, initial_state(kind, layers, *batch, output=options.get("proj_size", 4))):
        results = []
        for module in (ours, theirs):
            torch.manual_seed(1)  # the same dropout masks
            output, final = module(x, hx)
            gradients = torch.autograd.grad(output.square().sum(), list(module.parameters()))
            results.append((output, final, gradients))
        assert_same(*results)


@pytest.mark.parametrize("kind", TORCHS)
def test_gives_torchs_numbers_in_single_precision(kind: str) -> None:
    ours, theirs = pair(kind, 8, 32, 2, bidirectional=True)
    x = torch.randn(50, 4, 8)
    assert_same(ours(x), theirs(x), 1e-6)


def test_ugrnn_computes_its_equation() -> None:
    module = build("UGRNN", 3, 4, dtype=DOUBLE)
    weight_ih, weight_hh, bias_ih, bias_hh = module.parameters()
    x, h = torch.randn(5, 2, 3, dtype=DOUBLE), torch.randn(2, 4, dtype=DOUBLE)
    output, final = module(x, h.unsqueeze(0))
    for step, now in enumerate(x):
        gate, new = (now @ weight_ih.T + bias_ih + h @ weight_hh.T + bias_hh).split(4, -1)
        h = torch.sigmoid(gate) * h + (1 - torch.sigmoid(gate)) * torch.tanh(new)
        assert_same(output[step], h)
    assert_same(final[0], h)


@pytest.mark.parametrize("kind", ALL)
def test_one_step_at_a_time_equals_the_whole(kind: str) -> None:
    assert_pieces_equal_the_whole(build(kind, 3, 4, 2, dtype=DOUBLE), [1, 1, 3, 1])


@pytest.mark.parametrize("kind", TORCHS)
@pytest.mark.parametrize("options", [{}, {"num_layers": 2, "bidirectional": True, "batch_first": True}], ids=str)
def test_lengths_give_what_torch_gives_for_packed_sequences(kind: str, options: dict[str, Any]) -> None:
    ours, theirs = pair(kind, 3, 4, dtype=DOUBLE, **options)
    batch_first = "batch_first" in options
    x = torch.randn(*((5, 6) if batch_first else (6, 5)), 3, dtype=DOUBLE)
    hx = initial_state(kind, 4 if "bidirectional" in options else 1, 5)
    packed = pack_padded_sequence(x, LENGTHS, batch_first, enforce_sorted=False)
    packed_output, expected_final = theirs(packed, hx)
    expected, _ = pad_packed_sequence(packed_output, batch_first)
    assert_same(ours(x, hx, lengths=LENGTHS), (expected, expected_final))
    packed_ours, final = ours(packed, hx)
    assert isinstance(packed_ours, PackedSequence)
    assert_same((packed_ours.data, final), (packed_output.data, expected_final))
    assert_same(packed_ours.unsorted_indices, packed_output.unsorted_indices)


@pytest.mark.parametrize("kind", ALL)
@given(data=st.data())
def test_padding_changes_nothing(kind: str, data: st.DataObject) -> None:
    """A padded sequence gives the same output as alone; a sequence of length 0 keeps its initial state."""
    lengths = data.draw(st.lists(st.integers(0, 5), min_size=1, max_size=4))
    layers, bidirectional = data.draw(st.integers(1, 2)), data.draw(st.booleans())
    module = build(kind, 2, 3, layers, bidirectional=bidirectional, dtype=DOUBLE)
    x = torch.randn(6, len(lengths), 2, dtype=DOUBLE)
    for row, length in enumerate(lengths):
        x[length:, row] = torch.nan
    hx = initial_state(kind, layers * (2 if bidirectional else 1), len(lengths), output=3, hidden=3)
    output, final = module(x, hx, lengths=torch.tensor(lengths))
    for row, length in enumerate(lengths):
        start, end = (tree_map(lambda part, row=row: part[:, row], state) for state in (hx, final))
        alone, expected = module(x[:length, row], start) if length else (output[:0, row], start)
        assert_same(output[:length, row], alone)
        assert not output[length:, row].any()
        assert_same(end, expected)
    gradients = torch.autograd.grad(output.sum(), list(module.parameters()))
    assert all(gradient.isfinite().all() for gradient in gradients)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("lengths", [None, torch.tensor([2, 3])], ids=["whole", "padded"])
def test_gradients_are_exact(kind: str, lengths: Tensor | None) -> None:
    module = build(kind, 2, 3, 2, bidirectional=True, dtype=DOUBLE)
    assert_gradients_are_exact(module, torch.randn(3, 2, 2, dtype=DOUBLE), lengths=lengths)


@pytest.mark.parametrize("kind", TORCHS)
def test_same_seed_gives_torchs_initial_parameters(kind: str) -> None:
    modules = []
    for library in (nn, torch.nn):
        torch.manual_seed(3)
        modules.append(getattr(library, kind)(3, 4, 2, bidirectional=True))
    ours, theirs = (module.state_dict() for module in modules)
    assert list(ours) == list(theirs)
    assert_equal(ours, theirs)


def test_repr_is_torchs() -> None:
    ours, theirs = pair("LSTM", 3, 4, 2, True, True, 0.5, True, proj_size=2)
    assert str(ours) == str(theirs)
    assert str(build("GRU", 3, 4)) == "GRU(3, 4)"


def test_flatten_parameters_exists_and_changes_nothing() -> None:
    module = nn.GRU(3, 4)
    before = [parameter.data_ptr() for parameter in module.parameters()]
    module.flatten_parameters()
    assert [parameter.data_ptr() for parameter in module.parameters()] == before


def stacked(kind: str, **options: Any) -> tuple[list[torch.nn.Module], dict[str, Tensor], torch.nn.Module]:
    """Return three replicas, their stacked parameters, and the module to call with these."""
    replicas = [build(kind, 3, 4, 2, dtype=DOUBLE, **options) for _ in range(3)]
    parameters, _ = stack_module_state(replicas)
    return replicas, parameters, build(kind, 3, 4, 2, dtype=DOUBLE, **options)


@pytest.mark.parametrize("kind", ALL)
@pytest.mark.parametrize("padded", [False, True])
def test_vmap_over_replicas_equals_a_loop(kind: str, padded: bool) -> None:
    """Each replica has its own input and lengths. torch's fallback to a loop would warn: an error in tests."""
    replicas, parameters, module = stacked(kind, bidirectional=True)
    x = torch.randn(3, 5, 2, 3, dtype=DOUBLE)
    lengths = torch.tensor([[5, 2], [1, 3], [4, 5]]) if padded else None

    def loss(parameters: dict[str, Tensor], x: Tensor, lengths: Tensor | None) -> Tensor:
        output, final = functional_call(module, parameters, (x,), {"lengths": lengths})
        return output.square().sum() + (final[-1] if kind == "LSTM" else final).sum()

    in_dims = (0, 0, 0 if padded else None)
    gradients = vmap(grad(loss), in_dims)(parameters, x, lengths)
    for index, replica in enumerate(replicas):
        own = None if lengths is None else lengths[index]
        value = loss(dict(replica.named_parameters()), x[index], own)
        expected = torch.autograd.grad(value, list(replica.parameters()))
        assert_same([gradient[index] for gradient in gradients.values()], list(expected))


@pytest.mark.parametrize("kind", ALL)
def test_vmap_over_samples_equals_a_batch(kind: str) -> None:
    module = build(kind, 3, 4, dtype=DOUBLE)
    x = torch.randn(5, 2, 3, dtype=DOUBLE)
    assert_same(vmap(lambda x: module(x)[0], 1, 1)(x), module(x)[0])


def test_replicas_drop_different_outputs_under_vmap() -> None:
    _, parameters, module = stacked("LSTM", dropout=0.5)
    same = {name: value[:1].expand_as(value) for name, value in parameters.items()}
    x = torch.randn(5, 2, 3, dtype=DOUBLE)

    def output(parameters: dict[str, Tensor]) -> Tensor:
        return functional_call(module, parameters, (x,))[0]

    first, second, _ = vmap(output, randomness="different")(same)
    assert not torch.allclose(first, second)
    module.eval()
    first, second, _ = vmap(output)(same)
    assert_same(first, second)


@pytest.mark.slow
@pytest.mark.parametrize("kind", ALL)
def test_compiles_without_a_graph_break(kind: str) -> None:
    """For a single module, and under ``vmap`` over replicas."""
    module = build(kind, 3, 4, bidirectional=True)
    x, lengths = torch.randn(3, 2, 3), torch.tensor([3, 1])
    compiled = torch.compile(module, fullgraph=True)
    assert_same(compiled(x, lengths=lengths), module(x, lengths=lengths), 1e-6)

    def gradients(parameters: dict[str, Tensor]) -> dict[str, Tensor]:
        return vmap(grad(lambda own: functional_call(module, own, (x,))[0].square().sum()))(parameters)

    replicas = {name: torch.stack([value, -value]) for name, value in module.state_dict().items()}
    assert_same(torch.compile(gradients, fullgraph=True)(replicas), gradients(replicas), 1e-5)


@pytest.mark.parametrize(
    ("kind", "options", "message"),
    [
        ("LSTM", {"hidden_size": 0}, "must be 1 or more"),
        ("LSTM", {"num_layers": 0}, "must be 1 or more"),
        ("LSTM", {"num_layers": 2, "dropout": 1.5}, "dropout must be a probability from 0 to 1, got 1.5"),
        ("LSTM", {"proj_size": 4}, "proj_size must be from 0 to hidden_size - 1 = 3, got 4"),
        ("RNN", {"nonlinearity": "tan"}, "unknown nonlinearity 'tan': did you mean tanh"),
    ],
    ids=str,
)
def test_refuses_options_out_of_range(kind: str, options: dict[str, Any], message: str) -> None:
    with pytest.raises(UserError, match=message):
        build(kind, **{"input_size": 3, "hidden_size": 4, **options})


def test_warns_about_dropout_without_effect() -> None:
    with pytest.warns(UserWarning, match="dropout acts only between layers"):
        nn.GRU(3, 4, dropout=0.5)


X = torch.zeros(5, 2, 3)
PACKED = pack_padded_sequence(X, torch.tensor([5, 2]))


@pytest.mark.parametrize(
    ("kind", "arguments", "lengths", "message"),
    [
        ("GRU", ([1.0],), None, "takes a tensor or a PackedSequence, got list"),
        ("GRU", (X[..., :2],), None, "(T, B, 3) or (T, 3), got (5, 2, 2)"),
        ("GRU", (X[None],), None, "(T, B, 3) or (T, 3), got (1, 5, 2, 3)"),
        ("GRU", (X[:0],), None, "1 step or more, got shape (0, 2, 3)"),
        ("GRU", (X, torch.zeros(1, 3, 4)), None, "hx of shape (1, 2, 4), got (1, 3, 4)"),
        ("GRU", (X[:, 0], torch.zeros(1, 1, 4)), None, "hx of shape (1, 4), got (1, 1, 4)"),
        ("LSTM", (X, torch.zeros(1, 2, 4)), None, "hx of shape (1, 2, 4), (1, 2, 4), got (1, 2, 4)"),
        ("GRU", (X,), torch.tensor([5]), "lengths must be int64 of shape (2,), got torch.int64 (1,)"),
        ("GRU", (X,), torch.tensor([5.0, 2.0]), "lengths must be int64 of shape (2,), got torch.float32 (2,)"),
        ("GRU", (X,), torch.tensor([6, 2]), "from 0 to the 5 steps of the input, got [6, 2]"),
        ("GRU", (PACKED,), torch.tensor([5, 2]), "a PackedSequence has its own lengths"),
    ],
)  # fmt: skip
def test_refuses_input_of_wrong_type_or_shape(kind: str, arguments: Any, lengths: Any, message: str) -> None:
    with pytest.raises(UserError) as raised:
        build(kind, 3, 4)(*arguments, lengths=lengths)
    assert message in str(raised.value)
