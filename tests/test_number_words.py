"""Number words: the phrases, the split, and how the published findings are judged."""

import json
from collections.abc import Mapping
from dataclasses import asdict, replace
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate.experiments import Claim, experiment_named, run
from extrapolate.experiments.cells import GRU, LSTM, RNN
from extrapolate.report import write_page
from extrapolate.tasks import WORDS, NumberWords, in_words
from silent import Silent

EXPERIMENT = experiment_named("number-words")
LAPTOP = EXPERIMENT.presets["laptop"]


# ------------------------------------------------------------------------------------------------ the task


@pytest.mark.parametrize(
    ("number", "phrase"),
    [
        (0, "zero"),
        (13, "thirteen"),
        (20, "twenty"),
        (42, "forty two"),
        (100, "one hundred"),
        (105, "one hundred and five"),
        (334, "three hundred and thirty four"),
        (990, "nine hundred and ninety"),
        (1000, "one thousand"),
    ],
)
def test_numbers_are_said_as_people_say_them(number: int, phrase: str) -> None:
    assert " ".join(in_words(number)) == phrase


@pytest.mark.parametrize("number", [-1, 1001])
def test_other_numbers_have_no_words(number: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 1000"):
        in_words(number)


def test_every_phrase_is_another_one() -> None:
    assert len({tuple(in_words(number)) for number in range(1001)}) == 1001


def test_split_is_the_published_one_in_size_and_meets_every_word() -> None:
    training, validation, test = NumberWords().split
    assert (len(training), len(validation), len(test)) == (169, 200, 632)
    assert sorted(training + validation + test) == list(range(1001))
    assert set(range(21)) <= set(training)
    assert {word for number in training for word in in_words(number)} == set(WORDS) - {""}
    assert NumberWords().split == NumberWords().split
    assert NumberWords(seed=1).split != NumberWords().split


def test_phrases_become_tokens_with_nothing_behind_their_end() -> None:
    tokens, lengths, values = NumberWords.encoded([334, 7])
    assert [WORDS[token] for token in tokens[0].tolist()] == ["three", "hundred", "and", "thirty", "four"]
    assert [WORDS[token] for token in tokens[1].tolist()] == ["seven", "", "", "", ""]
    assert lengths.tolist() == [5, 1]
    assert values.tolist() == [334, 7]


def test_split_that_leaves_no_test_is_refused() -> None:
    with pytest.raises(ValueError, match="leave some"):
        NumberWords(training=900, validation=200)


# ----------------------------------------------------------------------------------------------- the cells


def _copied(cell: torch.nn.Module, known: torch.nn.Module) -> None:
    """Gives torch's layer the values of ours (its second bias stays 0)."""
    with torch.no_grad():
        known.get_parameter("weight_ih_l0").copy_(cell.get_parameter("from_input.weight"))
        known.get_parameter("bias_ih_l0").copy_(cell.get_parameter("from_input.bias"))
        known.get_parameter("weight_hh_l0").copy_(cell.get_parameter("from_state.weight"))
        known.get_parameter("bias_hh_l0").zero_()


def _order_of_torch(cell: LSTM) -> None:
    """Torch's gates stand in the order i, f, g, o; ours i, f, o, g."""
    with torch.no_grad():
        for parameter in cell.parameters():
            i, f, o, g = parameter.chunk(4)
            parameter.copy_(torch.cat([i, f, g, o]))


@pytest.mark.parametrize(("ours", "known"), [(LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU), (RNN, torch.nn.RNN)])
def test_cells_compute_what_torch_computes(ours: type, known: type) -> None:
    cell, reference = ours(3, 5), known(3, 5)
    x = torch.randn(7, 2, 3)
    expected = cell(x)
    if isinstance(cell, LSTM):
        _order_of_torch(cell)
    _copied(cell, reference)
    torch.testing.assert_close(reference(x)[0], expected)


# ---------------------------------------------------------------------------------------------- the claims


def table(errors: Mapping[str, list[float]]) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "unit": unit,
                "operation": "reading number words",
                "range": "169 of 0 to 1,000",
                "seed": seed,
                "solved": error < 0.5,
                "solved_at": 1000 if error < 0.5 else None,
                "train_error": error / 10,
                "validation_error": error,
                "test_error": error,
                "best_step": 1000,
                "steps": 1000,
            }
            for unit, own in errors.items()
            for seed, error in enumerate(own)
        ],
        schema_overrides={"solved_at": pl.Int64},
    )


def judged(errors: Mapping[str, list[float]], settings: object = LAPTOP) -> dict[str, Claim]:
    return {claim.id: claim for claim in EXPERIMENT.claims(table(errors), settings)}


def test_nalu_is_better_only_if_the_interval_says_so() -> None:
    id = "LSTM-NALU/less-than-LSTM"
    clear = judged({"LSTM": [30.0, 31.0, 29.0], "LSTM-NALU": [0.4, 1.0, 0.5]})[id]
    assert clear.holds is True
    assert clear.measured == pytest.approx(29.367, abs=1e-3)
    assert clear.why is not None
    assert "120,000 of 300,000 steps" in clear.why
    assert judged({"LSTM": [30.0, 31.0, 29.0], "LSTM-NALU": [0.4, 60.0, 0.5]})[id].holds is False


def test_bounded_read_out_is_worse() -> None:
    claims = judged({"LSTM": [30.0, 31.0], "LSTM-NAC": [400.0, 410.0]})
    assert claims["LSTM-NAC/more-than-LSTM"].holds is True
    assert claims["LSTM-NAC/test-error"].published == 114.3
    assert claims["LSTM-NAC/test-error"].measured == 405


def test_too_short_a_training_is_not_judged() -> None:
    errors = {"LSTM": [30.0, 31.0], "LSTM-NALU": [0.4, 0.5]}
    claim = judged(errors, replace(LAPTOP, steps=100))["LSTM-NALU/less-than-LSTM"]
    assert claim.holds is None
    assert "not judged" in str(claim.why)
    assert judged({name: own[:1] for name, own in errors.items()})["LSTM-NALU/less-than-LSTM"].holds is None


# --------------------------------------------------------------------------------------- from start to page


def test_smoke_preset_goes_from_start_to_page(tmp_path: Path) -> None:
    smoke = EXPERIMENT.presets["smoke"]
    outcome = run(EXPERIMENT, smoke, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height == 4
    assert outcome.results["test_error"].is_finite().all()
    json.dumps([asdict(claim) for claim in outcome.claims], allow_nan=False)
    page = write_page(tmp_path).read_text()
    assert "Word by word" in page
    assert "three hundred and thirty four" in page


def test_page_goes_without_the_words_where_their_file_is_another(tmp_path: Path) -> None:
    smoke = replace(EXPERIMENT.presets["smoke"], models=("LSTM",), seeds=1, steps=1)
    run(EXPERIMENT, smoke, preset="smoke", folder=tmp_path, command="test", display=Silent())
    for write in (lambda path: path.write_bytes(b"no table"), lambda path: path.unlink()):
        write(tmp_path / "words.parquet")
        assert "Word by word" not in write_page(tmp_path).read_text()
