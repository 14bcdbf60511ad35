"""SCAN: commands in a small language, and the actions that carry them out."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from extrapolate.errors import UserError, unknown_name

#: What each verb does; "turn" does nothing but the turn that every direction begins with.
_VERBS = {"walk": ("I_WALK",), "look": ("I_LOOK",), "run": ("I_RUN",), "jump": ("I_JUMP",), "turn": ()}
_SIDES = {"left": ("I_TURN_LEFT",), "right": ("I_TURN_RIGHT",)}
_MANNERS = ("opposite", "around")
_TIMES = {"twice": 2, "thrice": 3}
_JOINTS = ("and", "after")

_END, _PADDING = ".", ""

#: A token is the place of a word or an action here: "." ends every sequence, "" stands behind the end.
SCAN_WORDS = (*_VERBS, *_SIDES, *_MANNERS, *_TIMES, *_JOINTS, _END, _PADDING)
SCAN_ACTIONS = (*(action for does in (_VERBS | _SIDES).values() for action in does), _END, _PADDING)

SCAN_SPLITS = ("simple", "length", "jump", "turn_left", "all")

#: Words in the longest command, actions in the longest answer.
LONGEST_COMMAND = 9
LONGEST_ANSWER = 48

_LONGEST_TRAINED = 22  # by the length split

#: A command and its actions.
ScanRow = tuple[str, tuple[str, ...]]


def interpret(command: str) -> tuple[str, ...]:
    """The actions of a command, by the rules of Lake & Baroni 2018 (arXiv 1711.00350).

    A direction puts a turn before what the verb does; ``opposite`` makes it two turns, ``around`` repeats turn and
    verb four times. What stands behind ``after`` is done first.

    >>> interpret("jump left twice")
    ('I_TURN_LEFT', 'I_JUMP', 'I_TURN_LEFT', 'I_JUMP')
    >>> interpret("walk after turn opposite right")
    ('I_TURN_RIGHT', 'I_TURN_RIGHT', 'I_WALK')

    Raises:
        UserError: a word that the language lacks, or words that are no command.
    """
    words = command.split()
    _check(words, "word", SCAN_WORDS)
    for joint in _JOINTS:
        if joint in words:
            place = words.index(joint)
            first, second = _phrase(words[:place]), _phrase(words[place + 1 :])
            return first + second if joint == "and" else second + first
    return _phrase(words)


def _phrase(words: list[str]) -> tuple[str, ...]:
    match words:
        case [*once, ("twice" | "thrice") as times]:
            return _once(once) * _TIMES[times]
        case _:
            return _once(words)


def _once(words: list[str]) -> tuple[str, ...]:
    match words:
        case [verb] if _VERBS.get(verb):
            return _VERBS[verb]
        case [verb, side] if verb in _VERBS and side in _SIDES:
            return _SIDES[side] + _VERBS[verb]
        case [verb, "opposite", side] if verb in _VERBS and side in _SIDES:
            return _SIDES[side] * 2 + _VERBS[verb]
        case [verb, "around", side] if verb in _VERBS and side in _SIDES:
            return (_SIDES[side] + _VERBS[verb]) * 4
        case _:
            raise UserError(
                f"{' '.join(words)!r} is no phrase of SCAN: write one such as 'jump around left twice', or two of "
                "them with 'and' or 'after' between"
            )


@cache
def _language() -> tuple[ScanRow, ...]:
    """All commands: 102 phrases, then every pair of them under either joint."""
    directions = [*_SIDES, *(f"{manner} {side}" for manner in _MANNERS for side in _SIDES)]
    plain = [verb for verb, does in _VERBS.items() if does]
    once = [*plain, *(f"{verb} {direction}" for verb in _VERBS for direction in directions)]
    phrases = [*once, *(f"{phrase} {times}" for times in _TIMES for phrase in once)]
    pairs = [f"{first} {joint} {second}" for joint in _JOINTS for first in phrases for second in phrases]
    return tuple((command, interpret(command)) for command in (*phrases, *pairs))


@dataclass(frozen=True)
class Scan:
    """Carrying out commands: ``jump twice after turn left`` gives I_TURN_LEFT I_JUMP I_JUMP.

    From Lake & Baroni 2018 (arXiv 1711.00350): 13 words, 6 actions, 20,910 commands of up to 9 words with 1 to 48
    actions. The splits ask whether a network that has seen the parts can put them together:

    * ``simple``: 16,728 commands, drawn at random, to train on, the other 4,182 to test. The published draw follows
      from no rule, so this is another one of the same sizes, given by ``seed``.
    * ``length``: answers of up to 22 actions (16,990), then those of 24 to 48 (3,920).
    * ``jump``: all commands without the word (13,203) and ``jump`` alone, which fills a tenth of the training (1,467
      rows); then every other command with it (7,706).
    * ``turn_left``: the same with the words ``turn left``, next to each other (19,701 and 2,189; then 1,208).
    * ``all``: every command to train on, none to test.

    All but ``simple`` are the published ones, row for row, in another order.

    Args:
        seed: of the simple split.
    """

    seed: int = 0

    def split(self, name: str) -> tuple[list[ScanRow], list[ScanRow]]:
        """Rows to train on and to test on: shuffled in ``simple``, in the order of the grammar in the others.

        Raises:
            UserError: ``name`` is not among ``SCAN_SPLITS``.
        """
        rows = list(_language())
        match name:
            case "simple":
                order = torch.randperm(len(rows), generator=torch.Generator().manual_seed(self.seed)).tolist()
                shuffled, training = [rows[place] for place in order], len(rows) * 4 // 5
                return shuffled[:training], shuffled[training:]
            case "length":
                short = [row for row in rows if len(row[1]) <= _LONGEST_TRAINED]
                return short, [row for row in rows if len(row[1]) > _LONGEST_TRAINED]
            case "jump":
                return _first_alone("jump")
            case "turn_left":
                return _first_alone("turn left")
            case "all":
                return rows, []
            case _:
                raise unknown_name("split", name, SCAN_SPLITS)

    @staticmethod
    def encoded(rows: Sequence[ScanRow]) -> tuple[Tensor, Tensor]:
        """Tokens of the commands (N, 10) and of their actions (N, 49), int64, in the order of ``rows``.

        Each sequence is followed by its end mark, and that by padding: the last two of ``SCAN_WORDS`` and of
        ``SCAN_ACTIONS``. A network need never answer the padding.

        Raises:
            UserError: a word or an action that the language lacks, or a sequence that is too long.
        """
        commands = _padded([command.split() for command, _ in rows], "word", SCAN_WORDS, LONGEST_COMMAND)
        return commands, _padded([actions for _, actions in rows], "action", SCAN_ACTIONS, LONGEST_ANSWER)

    @staticmethod
    def decoded(commands: Tensor, actions: Tensor) -> list[ScanRow]:
        """The rows of tokens (N, any length) each: what stands before the first end mark, or all without one."""
        pairs = zip(commands.tolist(), actions.tolist(), strict=True)
        return [(" ".join(_read(said, SCAN_WORDS)), _read(done, SCAN_ACTIONS)) for said, done in pairs]

    @staticmethod
    def right(answer: Tensor, actions: Tensor) -> Tensor:
        """bool (...): whether all actions and the end of an answer are right; tokens (..., T) each.

        What an answer holds behind the end does not count.
        """
        return ((answer == actions) | (actions == SCAN_ACTIONS.index(_PADDING))).all(-1)


def _first_alone(phrase: str) -> tuple[list[ScanRow], list[ScanRow]]:
    """``phrase`` is trained on by itself, in a tenth of the rows, and tested in company."""
    alone = (phrase, interpret(phrase))
    training = [row for row in _language() if phrase not in row[0]]
    test = [row for row in _language() if phrase in row[0] and row != alone]
    return training + [alone] * (len(training) // 9), test


def _check(sequence: Sequence[str], kind: str, known: tuple[str, ...]) -> None:
    for each in sequence:
        if each not in known[:-2]:
            raise unknown_name(f"{kind} of SCAN", each, known[:-2])


def _padded(sequences: Sequence[Sequence[str]], kind: str, known: tuple[str, ...], longest: int) -> Tensor:
    token = {each: index for index, each in enumerate(known)}
    tokens = torch.full((len(sequences), longest + 1), token[_PADDING])
    for row, own in enumerate(sequences):
        _check(own, kind, known)
        if len(own) > longest:
            raise UserError(f"{len(own)} {kind}s are too many: SCAN has at most {longest}")
        tokens[row, : len(own) + 1] = torch.tensor([token[each] for each in (*own, _END)])
    return tokens


def _read(tokens: list[int], known: tuple[str, ...]) -> tuple[str, ...]:
    end = known.index(_END)
    return tuple(known[token] for token in (tokens[: tokens.index(end)] if end in tokens else tokens))
