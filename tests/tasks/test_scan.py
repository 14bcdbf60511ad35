"""SCAN: the grammar, the splits compared with the published files, and the tokens."""

from hashlib import sha256

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from data_files import refused
from extrapolate.tasks.scan import SCAN_ACTIONS, SCAN_WORDS, Scan, ScanRow, interpret

ALL = Scan().split("all")[0]
PHRASES = [command for command, _ in ALL if not {"and", "after"} & set(command.split())]
ROWS = st.lists(st.sampled_from(ALL), max_size=5)

#: SHA-256 of the sorted lines of the published files: training and test of each split.
DIGESTS = {
    "all": ["6be4b39bc8bf3a20be810b6991250d0493e608560609db6765dd679e1ed1c98e"],
    "length": [
        "7ffb97f45029871c94bede7e723f7a4aa179eb99fe2b977a18283310422c719d",
        "3297fd0b676c391f7bc3a7385aa66a7fdf64f6f8e81ad584810c1d4ebd0eaa2c",
    ],
    "jump": [
        "0683daacfdce23cf8ed6f5077feda21785e93ac82e0d11363a9280b7b0c6561e",
        "522454c6280eab957dfc4ea9579ef1d780a716ac34df09619970e1d98822d7e2",
    ],
    "turn_left": [
        "e0c26b51b6bba2658e02d69ad53fc15399842d57356d3551a3ed192bca0f9ad4",
        "14dd6316d16204d2871678ee4bd35aba253416a9b4df36bb6dfdda153d46e549",
    ],
}

SHORT = {"W": "I_WALK", "K": "I_LOOK", "R": "I_RUN", "J": "I_JUMP", "<": "I_TURN_LEFT", ">": "I_TURN_RIGHT"}


@pytest.mark.parametrize(
    ("command", "actions"),
    [
        ("jump", "J"),
        ("run left", "<R"),
        ("turn right", ">"),
        ("look opposite right", ">>K"),
        ("turn opposite left", "<<"),
        ("turn around right", ">>>>"),
        ("walk around left", "<W<W<W<W"),
        ("turn left thrice", "<<<"),
        ("look right twice and run", ">K>KR"),
        ("look right twice after run", "R>K>K"),
        ("jump around left twice and walk opposite right", "<J<J<J<J<J<J<J<J>>W"),
        ("jump opposite left after walk around left", "<W<W<W<W<<J"),
        ("  walk   and walk ", "WW"),
    ],
)
def test_commands_are_interpreted_by_the_published_rules(command: str, actions: str) -> None:
    assert interpret(command) == tuple(SHORT[each] for each in actions)


@given(first=st.sampled_from(PHRASES), second=st.sampled_from(PHRASES))
def test_actions_of_a_command_are_composed_of_those_of_its_parts(first: str, second: str) -> None:
    assert interpret(f"{first} and {second}") == interpret(first) + interpret(second)
    assert interpret(f"{first} after {second}") == interpret(second) + interpret(first)
    if not {"twice", "thrice"} & set(first.split()):
        assert interpret(f"{first} twice") == interpret(first) * 2
        assert interpret(f"{first} thrice") == interpret(first) * 3


REFUSED = "|turn|left|turn twice|twice|walk twice twice|walk left opposite|walk around|walk and|after walk|walk run"
UNKNOWN = "^unknown word of SCAN '{}': .*{}".format


@pytest.mark.parametrize(
    ("command", "message"),
    [
        *((each, r"^'.*' is not a phrase of SCAN: .+$") for each in REFUSED.split("|")),
        ("walk and walk and walk", r"^'.*' is not a phrase of SCAN: .+$"),
        ("walk and walk after walk", r"^'.*' is not a phrase of SCAN: .+$"),
        ("jump and walks", UNKNOWN("walks", "did you mean walk")),
        ("jump and fly", UNKNOWN("fly", "choose from")),
        ("jump and .", UNKNOWN(".", "choose from")),
    ],
)
def test_invalid_commands_and_unknown_words_raise_an_error(command: str, message: str) -> None:
    refused(lambda: interpret(command), message)
    refused(lambda: Scan().split("turn left"), "unknown split 'turn left': did you mean turn_left")


def test_simple_split_has_the_published_sizes_and_depends_on_its_seed_only() -> None:
    training, test = Scan(seed=3).split("simple")
    assert (len(training), len(test)) == (16_728, 4_182)
    assert sorted(training + test) == sorted(ALL)
    assert Scan(seed=3).split("simple") == Scan(seed=3).split("simple")
    assert set(Scan(seed=3).split("simple")[1]) != set(Scan(seed=4).split("simple")[1])
    assert Scan(seed=3).split("jump") == Scan(seed=4).split("jump")


@pytest.mark.parametrize("seed", range(3))
def test_simple_training_contains_four_fifths_of_the_test_of_each_other_split(seed: int) -> None:
    """The published sample has 80.4 %, 80.7 % and 78.5 %."""
    known = set(Scan(seed).split("simple")[0])
    for name, near in (("length", 0.02), ("jump", 0.015), ("turn_left", 0.035)):
        test = Scan(seed).split(name)[1]
        assert sum(row in known for row in test) / len(test) == pytest.approx(0.8, abs=near)


@pytest.mark.parametrize("name", DIGESTS)
def test_rows_are_the_published_ones(name: str) -> None:
    for rows, digest in zip(Scan().split(name), DIGESTS[name], strict=False):  # the test of "all" is empty
        lines = sorted(f"IN: {command} OUT: {' '.join(actions)}\n" for command, actions in rows)
        assert sha256("".join(lines).encode()).hexdigest() == digest


@given(rows=ROWS)
def test_decoding_inverts_encoding(rows: list[ScanRow]) -> None:
    commands, actions = Scan.encode(rows)
    assert (commands.shape, actions.shape) == ((len(rows), 10), (len(rows), 49))
    assert commands.dtype == actions.dtype == torch.int64
    assert Scan.decode(commands, actions) == rows


def test_tokens_have_an_end_mark_and_padding_and_are_decoded_without_an_end_mark_too() -> None:
    commands, actions = Scan.encode([("turn left", ("I_TURN_LEFT",)), ("run", ("I_RUN",))])
    assert [SCAN_WORDS[token] for token in commands[0].tolist()] == ["turn", "left", ".", *[""] * 7]
    assert [SCAN_ACTIONS[token] for token in actions[1].tolist()] == ["I_RUN", ".", *[""] * 47]
    for tokens, names in zip(Scan.encode(ALL), (SCAN_WORDS, SCAN_ACTIONS), strict=True):
        ends = tokens == names.index(".")
        assert ends[:, -1].any(), "the longest sequences fit with their end mark"
        assert (ends.sum(1) == 1).all()
    assert Scan.decode(commands[1:], torch.tensor([[2, 2, 2]])) == [("run", ("I_RUN",) * 3)]


@pytest.mark.parametrize(
    ("command", "actions", "message"),
    [
        ("hop", ["I_JUMP"], "unknown word of SCAN 'hop'"),
        *(("jump", [each], f"unknown action of SCAN '{each}'") for each in ("I_HOP", "")),
        ("walk " * 10, ["I_WALK"], "10 words are too many"),
        ("walk", ["I_WALK"] * 49, "49 actions are too many"),
    ],
)
def test_rows_that_cannot_be_encoded_raise_a_one_line_error(command: str, actions: list[str], message: str) -> None:
    refused(lambda: Scan.encode([(command, tuple(actions))]), f"^{message}")


def test_answer_is_right_if_all_actions_and_the_end_mark_are() -> None:
    _, actions = Scan.encode([("jump twice", ("I_JUMP",) * 2)] * 4)
    answer = actions.clone()
    answer[0, 3:] = 0  # after the end
    answer[1, 1] = SCAN_ACTIONS.index("I_RUN")
    answer[2, 2] = SCAN_ACTIONS.index("I_JUMP")  # no end mark
    answer[3, 1] = SCAN_ACTIONS.index(".")  # ends early
    assert Scan().solved(answer, actions).tolist() == [True, False, False, False]
