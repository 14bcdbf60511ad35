"""Options of the command as fields of a dataclass: how they are parsed, written and explained."""

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, fields, replace
from typing import Any

import torch

from extrapolate._runtime.errors import UserError, unknown_name_error

#: Options that all experiments have, listed after an experiment's own.
COMMON = ("seeds", "steps", "eval_every", "batch", "device")

#: ``cut(own, papers)`` describes how a value falls short of the paper's; None if it does not.
Cut = Callable[[Any, Any], str | None]


@dataclass(frozen=True)
class Option:
    """A field as an option of the command: its help, parser (``read``), writer (``write``) and metavar.

    ``axis`` names one of its values (a noun) if models are trained for each of them.
    """

    help: str
    read: Callable[[str], Any]
    write: Callable[[Any], str]
    metavar: str
    cut: Cut | None = None
    axis: str | None = None


def options_of(config: Any) -> dict[str, Option]:
    """Return the options of a configuration by field name: the experiment's own first, then the common ones."""
    ordered = sorted(fields(config), key=lambda each: COMMON.index(each.name) if each.name in COMMON else -1)
    return {each.name: each.metadata["option"] for each in ordered if "option" in each.metadata}


def axes_of(config: Any) -> dict[str, tuple[Any, ...]]:
    """Return the values that models are trained for, by their noun: ``{"unit": ("NAC", "NALU")}``."""
    return {o.axis: getattr(config, name) for name, o in options_of(config).items() if o.axis is not None}


def serialize_config(config: Any) -> dict[str, str]:
    """Write each option of a configuration as text; the manifest records it, and resuming compares it."""
    return {name: each.write(getattr(config, name)) for name, each in options_of(config).items()}


def with_options(config: Any, texts: Mapping[str, str]) -> Any:
    """Return ``config`` with the options of ``texts`` replaced.

    Raises:
        UserError: a text cannot be parsed; the message begins with its option.
    """
    known = options_of(config)
    values = {}
    for key, text in texts.items():
        try:
            values[key] = known[key].read(text)
        except UserError as error:
            raise UserError(f"--{key.replace('_', '-')}: {error}") from None
    return replace(config, **values)


def at_least(minimum: int) -> Callable[[str], int]:
    """Make a parser of whole numbers of at least ``minimum``."""

    def read(text: str) -> int:
        try:
            value = int(text.replace("_", "").replace(",", ""))
        except ValueError:
            raise UserError(f"{text!r} is not a whole number") from None
        if value < minimum:
            raise UserError(f"{value} is too small: it must be at least {minimum}")
        return value

    return read


def real_between(
    least: float = -math.inf, above: float = -math.inf, below: float = math.inf
) -> Callable[[str], float]:
    """Make a parser of numbers of at least ``least``, above ``above`` and below ``below``."""
    wanted = [(f"at least {least:g}", least), (f"above {above:g}", above), (f"below {below:g}", below)]
    bounds = " and ".join(text for text, bound in wanted if math.isfinite(bound))

    def read(text: str) -> float:
        try:
            value = float(text)
        except ValueError:
            raise UserError(f"{text!r} is not a number") from None
        if not (value >= least and above < value < below):
            raise UserError(f"{text} is out of range: it must be {bounds or 'finite'}")
        return value

    return read


def sorted_from(read: Callable[[str], Any]) -> Callable[[str], tuple[Any, ...]]:
    """Make a parser of values separated by commas, each parsed by ``read``: sorted, without duplicates."""
    none = "no number given: give some, separated by commas"
    return lambda text: tuple(sorted({read(part) for part in _parts(text, none)}))


def names_from(known: Sequence[str], kind: str) -> Callable[[str], tuple[str, ...]]:
    """Make a parser of names separated by commas, each one of ``known``; its error suggests the nearest name."""
    none = f"no {kind} given: choose from {', '.join(known)}"
    return lambda text: tuple(match_name(part, known, kind) for part in dict.fromkeys(_parts(text, none)))


def _parts(text: str, if_none: str) -> list[str]:
    parts = [part.strip() for part in text.split(",") if part.strip()]
    if not parts:
        raise UserError(if_none)
    return parts


def match_name(text: str, known: Sequence[str], kind: str) -> str:
    """Return the name in ``known`` that equals ``text``, ignoring case."""
    spelt = {each.casefold(): each for each in known}
    if text.casefold() not in spelt:
        raise unknown_name_error(kind, text, known)
    return spelt[text.casefold()]


def available_device(text: str) -> str:
    """Parse ``cpu`` or ``cuda``; refuse a device that this machine lacks."""
    found = match_name(text, ("cpu", "cuda"), "device")
    if found == "cuda" and not torch.cuda.is_available():
        raise UserError("no CUDA device was found: leave the option out to train on the CPU")
    return found
