"""The bAbI tasks: stories, token sequences, and files that cannot be read."""

import gzip
from pathlib import Path

import pytest
import torch

from data_files import BABI_TRAIN, refused, write_babi
from extrapolate.tasks import load_babi
from extrapolate.tasks.babi import BLANK, THINKING
from extrapolate.tasks.babi_files import Line, read_stories


def test_stories_are_read_one_at_a_time(tmp_path: Path) -> None:
    write_babi(tmp_path)
    stories = read_stories(tmp_path / "qa1_single-supporting-fact_train.txt")
    first = next(stories)
    assert first[0] == Line(("mary", "moved", "to", "the", "bathroom", "."))
    assert first[2] == Line(("where", "is", "mary", "?"), ("bathroom",), (1,))
    assert [len(story) for story in stories] == [2]
    (path,) = read_stories(tmp_path / "qa19_path-finding_train.txt")
    assert path[2].answer == ("s", "w")
    assert path[2].supporting == (2, 1)


def test_targets_are_at_blank_inputs_after_the_question(tmp_path: Path) -> None:
    write_babi(tmp_path)
    babi = load_babi(tmp_path, (1, 19))
    words, answers = ([babi.vocabulary[token] for token in each.tolist()] for each in babi.training[1])
    assert words == [
        *["john", "went", "to", "the", "garden", ".", "where", "is", "john", "?"],
        *[""] * (THINKING + 1),
    ]
    assert answers == [""] * 13 + ["garden"]
    targets = [[babi.vocabulary[token] for token in own.tolist() if token != BLANK] for _, own in babi.training]
    assert targets == [["bathroom", "office"], ["garden"], ["s", "w"]]
    assert babi.training.tasks.tolist() == [1, 1, 19]


def test_stories_are_padded_to_the_longest(tmp_path: Path) -> None:
    write_babi(tmp_path)
    babi = load_babi(tmp_path, (19, 1))
    tokens, lengths, answers = babi.training.batch(torch.tensor([2, 0]))
    assert tokens.shape == answers.shape == (2, int(lengths.max()))
    for row, index in enumerate((2, 0)):
        own, own_answers = babi.training[index]
        assert torch.equal(tokens[row, : lengths[row]], own)
        assert torch.equal(answers[row, : lengths[row]], own_answers)
        assert not tokens[row, lengths[row] :].any()
    sampled, lengths, _ = babi.sample(50, torch.tensor([0, 0, 0]))
    assert sampled.shape[1] == int(babi.training.lengths.max())
    assert set(lengths.tolist()) == set(babi.training.lengths.tolist())
    assert set(babi.splits()) == {"validation", "test_1", "test_19", "test"}
    with pytest.raises(IndexError):
        babi.training[3]


def test_words_that_occur_only_in_the_test_are_unknown(tmp_path: Path) -> None:
    write_babi(tmp_path)
    test = tmp_path / "qa1_single-supporting-fact_test.txt"
    test.write_text(test.read_text().replace("Mary went", "Mary strolled"))
    babi = load_babi(tmp_path, (1,))
    assert [babi.vocabulary[token] for token in babi.test[0][0].tolist()][:3] == ["mary", "<unk>", "to"]


TRAIN = "qa1_single-supporting-fact_train.txt"


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("", "is truncated"),
        (BABI_TRAIN[:-1], r"is truncated \(line 7"),
        (BABI_TRAIN[: BABI_TRAIN.rindex("2 Where")], r"is truncated \(line 6"),
        (BABI_TRAIN.replace("2 John", "3 John"), r"is damaged \(line 2 must have number 2 or 1"),
        (BABI_TRAIN.replace("\tbathroom", ""), r"is damaged \(line 3 is neither"),
        (BABI_TRAIN.replace("room\t1", "room\t3"), r"is damaged \(the supporting statements of line 3"),
        (BABI_TRAIN.replace("room\t1", "room\tone"), r"is damaged \(invalid literal"),
    ],
)
def test_damaged_files_raise_an_error_with_their_name(tmp_path: Path, text: str, message: str) -> None:
    write_babi(tmp_path)
    (tmp_path / TRAIN).write_text(text)
    refused(lambda: load_babi(tmp_path), f"{TRAIN} {message}")


def test_missing_files_and_unknown_tasks_raise_an_error(tmp_path: Path) -> None:
    refused(
        lambda: load_babi(tmp_path, (1, 2)),
        r"lacks qa1_\.\.\._train\.txt: give the folder en-10k .*leave task 1 out",
    )
    refused(lambda: load_babi(tmp_path, (0,)), "tasks 0: choose from 1 to 20")
    write_babi(tmp_path)
    packed = gzip.compress(BABI_TRAIN.encode() * 20)
    (tmp_path / "qa1_single-supporting-fact_train.txt").unlink()
    (tmp_path / "qa1_single-supporting-fact_train.txt.gz").write_bytes(packed[:-12])
    refused(lambda: load_babi(tmp_path, (1,)), r"_train\.txt\.gz is damaged")
