"""Programs: what is generated, the networks, and how the published finding is judged."""

from collections.abc import Mapping, Sequence

import polars as pl
import pytest
import torch

from extrapolate.errors import UserError
from extrapolate.experiments import Claim, with_options
from extrapolate.experiments.cells import UGRNN
from extrapolate.experiments.language._program_readers import KINDS, Guided
from extrapolate.experiments.language.programs import programs, relative_errors
from extrapolate.tasks import Programs
from extrapolate.tasks.programs import SCRIPTS, SYMBOLS, Read

LAPTOP = programs.presets["laptop"]


# --------------------------------------------------------------------------------------------- the programs


def evaluated(text: str) -> int:
    """What Python makes of a program as it is written."""
    expression = text.removesuffix("=").replace("×", "*")
    if text.startswith("if"):
        condition, branches = expression.removeprefix("if").split(":")
        first, second = branches.split("else")
        expression = f"({first}) if {condition} else ({second})"
    return eval(expression)


@pytest.mark.parametrize("script", list(SCRIPTS))
@pytest.mark.parametrize("limit", [10, 1_000])
def test_answers_are_what_python_says(script: str, limit: int) -> None:
    task = Programs(SCRIPTS[script], limit)
    read = task.drawn(torch.rand(task.draws, 300))
    texts = [task.text(read, index) for index in range(300)]
    assert read.answer.tolist() == [evaluated(text) for text in texts]
    assert (read.answer.abs() <= 2 * read.reach).all()


def test_programs_are_written_as_documented() -> None:
    task = Programs(SCRIPTS["if-times"])
    u = torch.tensor([[0.5, 0.8, 0.3, 0.4, 0.8, 0.9, 0.9, 0.4, 0.2]]).T
    assert task.text(task.drawn(u), 0) == "if 5 == 5 : 3 × 4 else 8 - 9 ="
    assert task.drawn(u).answer.item() == 12
    u[-1] = 0.7
    assert task.text(task.drawn(u), 0) == "if 5 == 8 : 3 × 4 else 8 - 9 ="
    assert task.drawn(u).answer.item() == -1


def test_two_that_are_compared_are_equal_in_half_of_the_programs_and_by_chance() -> None:
    task = Programs(SCRIPTS["if"])
    read = task.drawn(torch.rand(task.draws, 20_000))
    equal = (read.values[1] == read.values[3]).float().mean()
    assert equal.item() == pytest.approx(0.55, abs=0.02)
    assert read.values[1].unique().tolist() == list(range(10))


def test_numbers_are_read_by_digits_with_zeros_in_front() -> None:
    task = Programs(SCRIPTS["add"], limit=100, digits=True)
    read = task.drawn(torch.tensor([0.0, 0.0, 0.07, 0.425, 0.0, 0.0, 0.0, 0.0, 0.0])[:, None])
    assert [SYMBOLS[token] for token in read.symbols[:, 0]] == ["0", "7", "+", "4", "2", "="]
    assert read.values[:, 0].tolist() == [0, 7, 1, 4, 2, 1]
    assert read.answer.item() == 49
    assert len(task.larger(10).drawn(torch.rand(task.draws, 1)).symbols) == 8


def test_limit_without_numbers_is_refused() -> None:
    with pytest.raises(ValueError, match="at least 2"):
        Programs(SCRIPTS["add"], limit=1)


# --------------------------------------------------------------------------------------------- the networks


def test_ugrnn_computes_its_equations() -> None:
    cell = UGRNN(3, 4)
    x, (h,) = torch.randn(2, 3), (torch.randn(2, 4),)
    both = x @ cell.from_input.weight.T + cell.from_input.bias + h @ cell.from_state.weight.T
    gate = 1 / (1 + torch.exp(-both[:, :4]))
    expected = gate * h + (1 - gate) * torch.tanh(both[:, 4:])
    torch.testing.assert_close(cell.step(cell.from_input(x), (h,))[0], expected)
    assert cell.start(cell.from_input(x))[0].tolist() == [[0.0] * 4] * 2


@pytest.mark.parametrize("name", list(KINDS))
def test_every_model_answers_and_learns_from_it(name: str) -> None:
    task = Programs(SCRIPTS["if-times"])
    model, read = KINDS[name].build(8, task.limit), task.drawn(torch.rand(task.draws, 5))
    errors = relative_errors(model, read)
    assert errors.shape == (5,)
    errors.square().mean().backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in model.parameters())


def exact_adder() -> Guided:
    """Keeps u0 + value at numbers, u0 at signs, and forgets what stood there before the first number."""
    model = KINDS["LSTM-NAC"].build(2, 10)
    assert isinstance(model, Guided)
    with torch.no_grad():
        model.control.weight.zero_()
        unit = model.unit
        unit.get_parameter("m_hat").fill_(20.0)
        unit.get_parameter("w_hat").zero_()
        unit.get_parameter("w_hat")[0, 0] = unit.get_parameter("w_hat")[0, -1] = 20.0
    return model


def test_unit_computes_with_numbers_of_any_size() -> None:
    values = torch.tensor([[123_456.0, 7.0], [1.0, 1.0], [4.0, 5.0]])
    symbols = torch.zeros(3, 2, dtype=torch.int64)
    assert exact_adder()(symbols, values).tolist() == [123_456 + 1 + 4 + 1, 7 + 1 + 5 + 1]  # from 1


def test_cell_sets_the_units_weights_for_each_program() -> None:
    model = KINDS["UGRNN-NALU"].build(8, 10)
    task = Programs(SCRIPTS["if"])
    read = task.drawn(torch.rand(task.draws, 4))
    together = model(read.symbols, read.values)
    alone = [model(read.symbols[:, i : i + 1], read.values[:, i : i + 1]) for i in range(4)]
    torch.testing.assert_close(together, torch.cat(alone))


def test_errors_are_in_units_of_what_an_answer_can_reach() -> None:
    class Zero(torch.nn.Module):
        def forward(self, symbols: torch.Tensor, values: torch.Tensor) -> torch.Tensor:
            return torch.zeros(symbols.shape[1])

    read = Read(
        torch.zeros(1, 2).long(), torch.zeros(1, 2), torch.tensor([5.0, 20.0]), torch.tensor([10.0, 100.0])
    )
    assert relative_errors(Zero(), read).tolist() == pytest.approx([-0.5, -0.2])


# -------------------------------------------------------------------------------------------- the findings


def judged(errors: Mapping[str, Sequence[float]]) -> dict[str, Claim]:
    """Of models whose error on the largest numbers is ``errors[model][seed]``."""
    table = pl.DataFrame(
        [
            {"unit": unit, "operation": "adding two numbers", "seed": seed, "error_times_100": error}
            for unit, own in errors.items()
            for seed, error in enumerate(own)
        ]
    )
    return {claim.id: claim for claim in programs.claims(table, LAPTOP)}


def test_unit_must_be_less_wrong_than_its_own_cell() -> None:
    id = "LSTM-NAC/adding two numbers/lower-than-LSTM"
    plain = [0.9, 0.95, 0.92]
    clear = judged({"LSTM": plain, "UGRNN": plain, "LSTM-NAC": [0.009, 0.0095, 0.0092]})
    assert list(clear) == [id]
    assert clear[id].holds is True
    assert clear[id].measured == pytest.approx(2.77 / 3 - 0.0277 / 3)
    assert "10 of 100 numbers in training" in str(clear[id].why)
    assert judged({"LSTM": plain, "LSTM-NAC": [0.001, 5.0, 7.0]})[id].holds is False


def test_a_limit_whose_products_a_unit_cannot_keep_is_refused() -> None:
    assert with_options(LAPTOP, {"limit": "316"}).limit == 316
    with pytest.raises(UserError, match="--limit: 5000 is too large: it must be at most 316"):
        with_options(LAPTOP, {"limit": "5_000"})
