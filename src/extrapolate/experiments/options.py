"""Fields of a settings dataclass that a person may set, with how to read them and what they mean."""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field, fields, replace
from typing import Any

import torch

from extrapolate.errors import UserError, unknown_name


@dataclass(frozen=True)
class Option:
    """How the command offers a field: its help, how its text is read and written, what its help calls it."""

    help: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    metavar: str


def option(
    help: str, read: Callable[[str], Any], write: Callable[[Any], str] = str, *, metavar: str = "N"
) -> Any:
    """A dataclass field that the command offers as ``--name``."""
    return field(metadata={"option": Option(help, read, write, metavar)})


def options_of(settings: Any) -> dict[str, Option]:
    """The options of a settings class or value, by field name."""
    return {each.name: each.metadata["option"] for each in fields(settings) if "option" in each.metadata}


def written(settings: Any) -> dict[str, str]:
    """A settings value as text, option by option: what the manifest records and resuming compares."""
    return {name: each.write(getattr(settings, name)) for name, each in options_of(settings).items()}


def with_options(settings: Any, texts: Mapping[str, str]) -> Any:
    """``settings`` with the options of ``texts`` read and put in.

    Raises:
        UserError: a text cannot be read; the message begins with its option.
    """
    options = options_of(settings)
    values = {}
    for name, text in texts.items():
        try:
            values[name] = options[name].read(text)
        except UserError as error:
            raise UserError(f"--{name.replace('_', '-')}: {error}") from None
    return replace(settings, **values)


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


def numbers_from(read: Callable[[str], int]) -> Callable[[str], tuple[int, ...]]:
    """Reads whole numbers separated by commas, each with ``read``; in rising order, each once."""

    def read_all(text: str) -> tuple[int, ...]:
        found = tuple(sorted({read(part.strip()) for part in text.split(",") if part.strip()}))
        if not found:
            raise UserError("no number given: whole numbers separated by commas, such as 16,256")
        return found

    return read_all


def names_from(known: Sequence[str], kind: str) -> Callable[[str], tuple[str, ...]]:
    """Reads names separated by commas, each one of ``known``; offers the nearest for a misspelt one."""

    def read(text: str) -> tuple[str, ...]:
        names = tuple(dict.fromkeys(filter(None, (part.strip() for part in text.split(",")))))
        if not names:
            raise UserError(f"no {kind} given: choose from {', '.join(known)}")
        return tuple(_known_name(name, known, kind) for name in names)

    return read


def name_from(known: Sequence[str], kind: str) -> Callable[[str], str]:
    """Reads one of ``known``, as :func:`names_from` reads several."""
    return lambda text: _known_name(text.strip(), known, kind)


def _known_name(name: str, known: Sequence[str], kind: str) -> str:
    exact = {each.casefold(): each for each in known}
    if name.casefold() not in exact:
        raise unknown_name(kind, name, known)
    return exact[name.casefold()]


def available_device(text: str) -> str:
    """Reads ``cpu`` or ``cuda``, and makes sure that there is one."""
    device = _known_name(text, ("cpu", "cuda"), "device")
    if device == "cuda" and not torch.cuda.is_available():
        raise UserError("no CUDA device was found here: leave the option out to train on the CPU")
    return device


def joined(names: Sequence[str]) -> str:
    return ",".join(names)
