"""Programs: the generated programs, the networks, and the claims."""

import pytest
import torch

from extrapolate._runtime.errors import UserError
from extrapolate.experiments.cells import UGRNN
from extrapolate.experiments.language._program_readers import READERS, Guided, build_reader
from extrapolate.experiments.language.programs import programs, relative_errors
from extrapolate.experiments.options import with_options
from extrapolate.tasks import Programs
from extrapolate.tasks.programs import SCRIPTS, SYMBOLS
from made_up import claims_of

LAPTOP = programs.presets["laptop"]
KEY = torch.tensor([0, 0, 0])


def render(symbols: torch.Tensor, values: torch.Tensor) -> list[str]:
    """Return the programs as text."""
    pairs = (zip(*each, strict=True) for each in zip(symbols.tolist(), values.tolist(), strict=True))
    return [
        " ".join(str(int(value)) if SYMBOLS[token] == "number" else SYMBOLS[token] for token, value in each)
        for each in pairs
    ]


def evaluate(text: str) -> int:
    """Return the value of a program (as text), computed by Python."""
    expression = text.removesuffix("=").replace("×", "*")
    if text.startswith("if"):
        condition, branches = expression.removeprefix("if").split(":")
        first, second = branches.split("else")
        expression = f"({first}) if {condition} else ({second})"
    return eval(expression)


@pytest.mark.parametrize("script", list(SCRIPTS))
@pytest.mark.parametrize("limit", [10, 1_000])
def test_answers_equal_those_of_python(script: str, limit: int) -> None:
    task = Programs(SCRIPTS[script], limit)
    symbols, values, reach, answer = task.sample_programs(torch.rand(task.draws, 300))
    assert answer.tolist() == [evaluate(text) for text in render(symbols, values)]
    assert (answer.abs() <= 2 * reach).all()


def test_programs_have_the_documented_form() -> None:
    task, u = Programs(SCRIPTS["if-times"]), [0.5, 0.8, 0.3, 0.4, 0.8, 0.9, 0.9, 0.4]
    symbols, values, _, answer = task.sample_programs(torch.tensor([[*u, 0.2], [*u, 0.7]]).T)
    first, second = render(symbols, values)
    assert first == "if 5 == 5 : 3 × 4 else 8 - 9 ="
    assert second == "if 5 == 8 : 3 × 4 else 8 - 9 ="
    assert answer.tolist() == [12, -1]


def test_the_compared_numbers_are_equal_in_half_of_the_programs_or_by_chance() -> None:
    task = Programs(SCRIPTS["if"])
    _, values, *_ = task.sample_programs(torch.rand(task.draws, 20_000))
    equal = (values[:, 1] == values[:, 3]).float().mean()
    assert equal.item() == pytest.approx(0.55, abs=0.02)
    assert values[:, 1].unique().tolist() == list(range(10))


def test_digits_of_numbers_have_leading_zeros() -> None:
    task = Programs(SCRIPTS["add"], limit=100, digits=True)
    symbols, values, _, answer = task.sample_programs(
        torch.tensor([0.0, 0.0, 0.07, 0.425, 0.0, 0.0, 0.0, 0.0, 0.0])[:, None]
    )
    assert [SYMBOLS[token] for token in symbols[0]] == ["0", "7", "+", "4", "2", "="]
    assert values[0].tolist() == [0, 7, 1, 4, 2, 1]
    assert answer.item() == 49
    assert task.splits(1)["test_10"][0].shape == (1, 8)


def test_ugrnn_computes_its_equations() -> None:
    cell = UGRNN(3, 4)
    x, (h,) = torch.randn(2, 3), (torch.randn(2, 4),)
    both = x @ cell.from_input.weight.T + cell.from_input.bias + h @ cell.from_state.weight.T
    gate = 1 / (1 + torch.exp(-both[:, :4]))
    expected = gate * h + (1 - gate) * torch.tanh(both[:, 4:])
    torch.testing.assert_close(cell.step(cell.from_input(x), (h,))[0], expected)
    assert cell.initial_state(cell.from_input(x))[0].tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize("name", READERS)
def test_every_model_has_answers_with_finite_gradients(name: str) -> None:
    task = Programs(SCRIPTS["if-times"])
    model = build_reader(name, 8, task.limit)
    errors = relative_errors(model, *task.sample(5, KEY))
    assert errors.shape == (5,)
    errors.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def test_unit_computes_with_numbers_of_any_size() -> None:
    model = build_reader("LSTM-NAC", 2, 10)
    assert isinstance(model, Guided)
    with torch.no_grad():  # an exact adder: u0 becomes u0 + value at every symbol
        model.control.weight.zero_()
        model.layer.get_parameter("m_hat").fill_(20.0)
        weight = model.layer.get_parameter("w_hat").zero_()
        weight[0, 0] = weight[0, -1] = 20.0
    answers = model(torch.zeros(3, 1, dtype=torch.int64), torch.tensor([[123_456.0], [1.0], [4.0]]))
    assert answers.tolist() == [123_456 + 1 + 4 + 1]  # the memory starts at 1


def test_cell_sets_the_weights_of_the_unit_separately_for_each_program() -> None:
    model = build_reader("UGRNN-NALU", 8, 10)
    programs = Programs(SCRIPTS["if"]).sample(4, KEY)
    alone = [relative_errors(model, *(each[i : i + 1] for each in programs)) for i in range(4)]
    torch.testing.assert_close(relative_errors(model, *programs), torch.cat(alone))


def test_unit_must_have_a_smaller_error_than_its_cell_alone() -> None:
    id, plain = "LSTM-NAC/adding two numbers/lower-than-LSTM", [0.9, 0.95, 0.92]
    for own, holds in (([0.009, 0.0095, 0.0092], True), ([0.001, 5.0, 7.0], False)):
        errors = {"LSTM": plain, "UGRNN": plain, "LSTM-NAC": own}
        claims = claims_of(programs, "error_times_100", errors, task="adding two numbers")
        assert (list(claims), claims[id].holds) == ([id], holds)
        assert claims[id].measured == pytest.approx((sum(plain) - sum(own)) / 3)
        assert "10 of 100 numbers in training" in str(claims[id].why)


def test_a_limit_whose_products_exceed_the_memory_bound_is_refused() -> None:
    assert programs.jobs(with_options(LAPTOP, {"limit": "316", "samples": "2"}))
    with pytest.raises(UserError, match="--limit: 5000 is too large: it must be at most 316"):
        programs.jobs(with_options(LAPTOP, {"limit": "5_000"}))
    with pytest.raises(ValueError, match="at least 2"):
        Programs(SCRIPTS["add"], limit=1)
