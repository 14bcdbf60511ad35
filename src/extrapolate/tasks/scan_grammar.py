"""The grammar of SCAN: words, actions, and the interpretation of commands as actions."""

from collections.abc import Sequence
from functools import cache

from extrapolate._runtime.errors import UserError, unknown_name_error

#: Actions of each verb. "turn" has none: its turns come from the direction.
_VERBS = {"walk": ("I_WALK",), "look": ("I_LOOK",), "run": ("I_RUN",), "jump": ("I_JUMP",), "turn": ()}
_SIDES = {"left": ("I_TURN_LEFT",), "right": ("I_TURN_RIGHT",)}
_MANNERS = ("opposite", "around")
_TIMES = {"twice": 2, "thrice": 3}
_JOINTS = ("and", "after")

END, PADDING = ".", ""

#: A token is the index of a word or an action here. "." is the end mark; "" is padding after the end.
SCAN_WORDS = (*_VERBS, *_SIDES, *_MANNERS, *_TIMES, *_JOINTS, END, PADDING)
SCAN_ACTIONS = (*(action for does in (_VERBS | _SIDES).values() for action in does), END, PADDING)

#: A command and its actions.
ScanRow = tuple[str, tuple[str, ...]]


def interpret(command: str) -> tuple[str, ...]:
    """Return the actions of a command, by the rules of Lake & Baroni 2018 (arXiv 1711.00350).

    A direction puts a turn before the action of the verb. ``opposite`` puts two turns there; ``around`` repeats
    turn and action four times. In ``a after b``, b is executed first.

    >>> interpret("jump left twice")
    ('I_TURN_LEFT', 'I_JUMP', 'I_TURN_LEFT', 'I_JUMP')
    >>> interpret("walk after turn opposite right")
    ('I_TURN_RIGHT', 'I_TURN_RIGHT', 'I_WALK')

    Raises:
        UserError: a word is unknown, or the words do not form a command.
    """
    words = command.split()
    check_known(words, "word", SCAN_WORDS)
    for joint in _JOINTS:
        if joint in words:
            index = words.index(joint)
            first, second = _phrase(words[:index]), _phrase(words[index + 1 :])
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
                f"{' '.join(words)!r} is not a phrase of SCAN: write one such as 'jump around left twice', "
                "or join two with 'and' or 'after'"
            )


@cache
def language() -> tuple[ScanRow, ...]:
    """Return all commands with their actions: 102 phrases, then all pairs with ``and``, then with ``after``."""
    directions = [*_SIDES, *(f"{manner} {side}" for manner in _MANNERS for side in _SIDES)]
    plain = [verb for verb, does in _VERBS.items() if does]
    once = [*plain, *(f"{verb} {direction}" for verb in _VERBS for direction in directions)]
    phrases = [*once, *(f"{phrase} {times}" for times in _TIMES for phrase in once)]
    pairs = [f"{first} {joint} {second}" for joint in _JOINTS for first in phrases for second in phrases]
    return tuple((command, interpret(command)) for command in (*phrases, *pairs))


def check_known(sequence: Sequence[str], kind: str, known: tuple[str, ...]) -> None:
    """Raise UserError if ``sequence`` has a word or an action that is not in ``known``."""
    for each in sequence:
        if each not in known[:-2]:
            raise unknown_name_error(f"{kind} of SCAN", each, known[:-2])
