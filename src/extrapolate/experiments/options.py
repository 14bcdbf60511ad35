"""Fields of a settings dataclass that a person may set, with how to read them and what they mean."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, fields
from difflib import get_close_matches
from typing import Any

from extrapolate.errors import UserError


@dataclass(frozen=True)
class Option:
    """How the command offers a field: its help, how its text is read, how its value is written."""

    help: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]


def option(help: str, read: Callable[[str], Any], write: Callable[[Any], str] = str) -> Any:
    """A dataclass field that the command offers as ``--name``."""
    return field(metadata={"option": Option(help, read, write)})


def options_of(settings: Any) -> dict[str, Option]:
    """The options of a settings class or value, by field name."""
    return {each.name: each.metadata["option"] for each in fields(settings) if "option" in each.metadata}


def written(settings: Any) -> dict[str, str]:
    """A settings value as text, option by option: what the manifest records and resuming compares."""
    return {name: each.write(getattr(settings, name)) for name, each in options_of(settings).items()}


def at_least(minimum: int) -> Callable[[str], int]:
    """Reads a whole number that must not be less than ``minimum``."""

    def read(text: str) -> int:
        try:
            value = int(text.replace("_", "").replace(",", ""))
        except ValueError:
            raise UserError(f"{text!r} is not a whole number") from None
        if value < minimum:
            raise UserError(f"{value} is too small: it must be at least {minimum}")
        return value

    return read


def names_from(known: Sequence[str], kind: str) -> Callable[[str], tuple[str, ...]]:
    """Reads names separated by commas, each one of ``known``; offers the nearest for a misspelt one."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))
        if not names:
            raise UserError(f"no {kind} given: choose from {', '.join(known)}")
        return tuple(_known_name(name, known, kind) for name in names)

    return read


def _known_name(name: str, known: Sequence[str], kind: str) -> str:
    exact = {each.casefold(): each for each in known}
    if name.casefold() in exact:
        return exact[name.casefold()]
    near = get_close_matches(name.casefold(), list(exact), 1, cutoff=0.5)
    hint = f"did you mean {exact[near[0]]}?" if near else f"choose from {', '.join(known)}"
    raise UserError(f"unknown {kind} {name!r}: {hint}")


def joined(names: Sequence[str]) -> str:
    return ",".join(names)
