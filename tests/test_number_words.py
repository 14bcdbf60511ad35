"""Number words: the phrases, the split, the recurrent cells, and how the published findings are judged."""

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
import torch

from extrapolate.experiments import Claim, run
from extrapolate.experiments.cells import GRU, LSTM, RNN
from extrapolate.experiments.language.number_words import number_words
from extrapolate.report import write_page
from extrapolate.tasks import WORDS, NumberWords, in_words
from silent import Silent

SMOKE, LAPTOP = number_words.presets["smoke"], number_words.presets["laptop"]

# ------------------------------------------------------------------------------------------------------ the task


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
def test_numbers_have_their_english_words(number: int, phrase: str) -> None:
    assert " ".join(in_words(number)) == phrase


@pytest.mark.parametrize("number", [-1, 1001])
def test_other_numbers_have_no_words(number: int) -> None:
    with pytest.raises(ValueError, match="from 0 to 1000"):
        in_words(number)


def test_no_two_numbers_have_the_same_phrase() -> None:
    assert len({tuple(in_words(number)) for number in range(1001)}) == 1001


def test_split_has_the_published_sizes_and_every_word_in_training() -> None:
    training, validation, test = NumberWords().split
    assert (len(training), len(validation), len(test)) == (169, 200, 632)
    assert sorted(training + validation + test) == list(range(1001))
    assert set(range(21)) <= set(training)
    assert {word for number in training for word in in_words(number)} == set(WORDS) - {""}
    assert NumberWords().split == NumberWords().split
    assert NumberWords(seed=1).split != NumberWords().split


def test_phrases_become_tokens_padded_with_zeros() -> None:
    tokens, lengths, values = NumberWords.encoded([334, 7])
    assert [WORDS[token] for token in tokens[0].tolist()] == ["three", "hundred", "and", "thirty", "four"]
    assert [WORDS[token] for token in tokens[1].tolist()] == ["seven", "", "", "", ""]
    assert lengths.tolist() == [5, 1]
    assert values.tolist() == [334, 7]


def test_split_that_leaves_no_test_is_refused() -> None:
    with pytest.raises(ValueError, match="leave some"):
        NumberWords(training=900, validation=200)


# ----------------------------------------------------------------------------------------------------- the cells


@pytest.mark.parametrize(("ours", "known"), [(LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU), (RNN, torch.nn.RNN)])
def test_cells_compute_what_torch_computes(ours: type, known: type) -> None:
    cell, reference, x = ours(3, 5), known(3, 5), torch.randn(7, 2, 3)
    expected = cell(x)
    state = {name: value.clone() for name, value in cell.state_dict().items()}
    if ours is LSTM:  # torch's order of the gates is i, f, g, o; ours is i, f, o, g
        state = {name: torch.cat([value.chunk(4)[i] for i in (0, 1, 3, 2)]) for name, value in state.items()}
    bias = state["from_input.bias"]
    reference.load_state_dict(
        {
            "weight_ih_l0": state["from_input.weight"],
            "weight_hh_l0": state["from_state.weight"],
            "bias_ih_l0": bias,
            "bias_hh_l0": torch.zeros_like(bias),
        }
    )
    torch.testing.assert_close(reference(x)[0], expected)


# -------------------------------------------------------------------------------------------------- the findings


def judged(errors: Mapping[str, list[float]], *, steps: int = LAPTOP.steps) -> dict[str, Claim]:
    """Claims of models whose error on the test numbers is ``errors[model][seed]``."""
    rows = [
        {"unit": unit, "seed": seed, "train_error": 0.0, "validation_error": 0.0, "test_error": error}
        for unit, own in errors.items()
        for seed, error in enumerate(own)
    ]
    claims = number_words.claims(pl.DataFrame(rows), replace(LAPTOP, steps=steps))
    return {claim.id: claim for claim in claims}


def test_nalu_is_better_only_if_the_interval_says_so() -> None:
    id, lstm = "LSTM-NALU/less-than-LSTM", [30.0, 31.0, 29.0]
    clear = judged({"LSTM": lstm, "LSTM-NALU": [0.4, 1.0, 0.5]})[id]
    assert (clear.holds, clear.measured) == (True, pytest.approx(29.367, abs=1e-3))
    assert judged({"LSTM": lstm, "LSTM-NALU": [0.4, 60.0, 0.5]})[id].holds is False


def test_bounded_read_out_is_worse_and_stands_beside_the_published_error() -> None:
    claims = judged({"LSTM": [30.0, 31.0], "LSTM-NAC": [400.0, 410.0]})
    assert claims["LSTM-NAC/more-than-LSTM"].holds is True
    assert (claims["LSTM-NAC/test-error"].published, claims["LSTM-NAC/test-error"].measured) == (114.3, 405)


def test_too_short_a_training_and_a_single_seed_are_not_judged() -> None:
    id, errors = "LSTM-NALU/less-than-LSTM", {"LSTM": [30.0, 31.0], "LSTM-NALU": [0.4, 0.5]}
    assert judged(errors)[id].holds is True
    assert judged(errors, steps=100)[id].holds is None
    assert judged({name: own[:1] for name, own in errors.items()})[id].holds is None


# ------------------------------------------------------------------------------------------------------ the page


def test_page_shows_the_estimates_word_by_word_unless_their_file_is_damaged(tmp_path: Path) -> None:
    config = replace(SMOKE, models=("LSTM",), seeds=1, steps=1)
    run(number_words, config, preset="smoke", folder=tmp_path, command="test", display=Silent())
    page = write_page(tmp_path).read_text()
    assert "Word by word" in page
    assert "three hundred and thirty four" in page
    for write in (lambda path: path.write_bytes(b"no table"), lambda path: path.unlink()):
        write(tmp_path / "words.parquet")
        assert "Word by word" not in write_page(tmp_path).read_text()
