"""Number words: the phrases, the split, the recurrent cells, and the claims."""

from pathlib import Path

import pytest
import torch

from extrapolate.experiments.cells import GRU, LSTM, RNN
from extrapolate.experiments.language.number_words import number_words
from extrapolate.report import write_page
from extrapolate.tasks import WORDS, NumberWords, in_words
from made_up import claims_of
from silent import smoke_run

PHRASES = {
    0: "zero",
    13: "thirteen",
    20: "twenty",
    42: "forty two",
    100: "one hundred",
    105: "one hundred and five",
    334: "three hundred and thirty four",
    990: "nine hundred and ninety",
    1000: "one thousand",
}


def test_numbers_up_to_a_thousand_have_their_english_words() -> None:
    assert {number: " ".join(in_words(number)) for number in PHRASES} == PHRASES
    for number in (-1, 1001):
        with pytest.raises(ValueError, match="from 0 to 1000"):
            in_words(number)


def test_split_has_the_published_sizes_and_every_word_in_training() -> None:
    training, validation, test = NumberWords().split
    assert (len(training), len(validation), len(test)) == (169, 200, 632)
    assert sorted(training + validation + test) == list(range(1001))
    assert set(range(21)) <= set(training)
    assert {word for number in training for word in in_words(number)} == set(WORDS) - {""}
    assert len({tuple(in_words(number)) for number in range(1001)}) == 1001
    assert NumberWords(seed=1).split != NumberWords().split
    with pytest.raises(ValueError, match="leave some"):
        NumberWords(training=900, validation=200)


def test_phrases_are_encoded_as_tokens_padded_with_zeros() -> None:
    tokens, lengths, values = NumberWords.encode([334, 7])
    texts = [" ".join(WORDS[token] for token in row) for row in tokens.tolist()]
    assert texts == ["three hundred and thirty four", "seven    "]
    assert (lengths.tolist(), values.tolist()) == ([5, 1], [334, 7])


@pytest.mark.parametrize(("ours", "known"), [(LSTM, torch.nn.LSTM), (GRU, torch.nn.GRU), (RNN, torch.nn.RNN)])
def test_cells_compute_the_same_as_torch(ours: type, known: type) -> None:
    cell, reference, x = ours(3, 5), known(3, 5), torch.randn(7, 2, 3)
    order = (0, 1, 3, 2) if ours is LSTM else (0, 1, 2, 3)  # torch's gates: i, f, g, o; ours: i, f, o, g
    parts = [value.chunk(4) if ours is LSTM else (value,) for value in cell.state_dict().values()]
    weight, bias, state = (torch.cat([part[i] for i in order[: len(part)]]) for part in parts)
    values = weight, state, bias, torch.zeros_like(bias)
    reference.load_state_dict(dict(zip(reference.state_dict(), values, strict=True)))
    torch.testing.assert_close(reference(x)[0], cell(x))


def test_nalu_must_be_better_and_the_bounded_read_out_worse() -> None:
    errors = {"LSTM": [30.0, 31.0, 29.0], "LSTM-NALU": [0.4, 1.0, 0.5], "LSTM-NAC": [400.0, 410.0, 405.0]}
    claims = claims_of(number_words, "test_error", errors)
    better, worse = claims["LSTM-NALU/less-than-LSTM"], claims["LSTM-NAC/more-than-LSTM"]
    assert (better.holds, better.measured, worse.holds) == (True, pytest.approx(29.367, abs=1e-3), True)
    assert (claims["LSTM-NAC/test-error"].published, claims["LSTM-NAC/test-error"].measured) == (114.3, 405)
    claims = claims_of(number_words, "test_error", errors | {"LSTM-NALU": [0.4, 60.0, 0.5]})
    assert claims["LSTM-NALU/less-than-LSTM"].holds is False


def test_page_has_the_estimates_word_by_word_unless_their_file_is_damaged(tmp_path: Path) -> None:
    smoke_run("number-words", tmp_path, models=("LSTM",), seeds=1, steps=1)
    page = write_page(tmp_path).read_text()
    assert "Word by word" in page
    assert "three hundred and thirty four" in page
    for write in (lambda path: path.write_bytes(b"no table"), lambda path: path.unlink()):
        write(tmp_path / "words.parquet")
        assert "Word by word" not in write_page(tmp_path).read_text()
