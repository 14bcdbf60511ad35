"""The published findings, as data: a file ``claims/ARXIV.toml`` for each paper."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("claims")

#: What an entry may hold beside ``claim``: what the paper says, a rule on the estimate, a remark.
RULES = ("above", "below", "at_least", "at_most", "more_than")
KEYS = {"claim", "published", "note", *RULES}


@dataclass(frozen=True)
class Claim:
    """A published finding beside what was measured; ``published`` None: a measurement without a published number.

    ``holds`` is None where nothing is claimed, or where not all of it was run (``why`` says so).
    """

    id: str
    claim: str
    published: str | float | None
    measured: float | None
    interval: tuple[float, float] | None
    n: int
    holds: bool | None
    why: str | None = None


@dataclass(frozen=True)
class Entry:
    """A finding in words. ``{word}`` in its texts stands for what the finding of the experiment puts there.

    ``published`` is a sentence, a number, or numbers by the words in the finding's id (one level for each of them).
    ``rule``: the name of one of :data:`RULES` and its bound; None for a number beside a number.
    """

    claim: str
    published: Any
    note: str | None
    rule: tuple[str, float] | None

    def published_for(self, id: str, words: Mapping[str, Any]) -> str | float | None:
        """What the paper says of the finding ``id``; None where its table has no such number."""
        value = self.published
        for word in words_in(id):
            if isinstance(value, dict):
                value = value.get(str(words[word]))
        return value.format(**words) if isinstance(value, str) else value


def words_in(id: str) -> list[str]:
    """``{model}/{split}-error`` to ``unit, split``."""
    return re.findall(r"{(\w+)}", id)


@cache
def entry_of(experiment: str, id: str) -> Entry:
    """The entry of a finding, by the experiment's name and the finding's id with its words left open."""
    found = _entries()[experiment][id]
    rule = next(((name, float(found[name])) for name in RULES if name in found), None)
    return Entry(found["claim"], found.get("published"), found.get("note"), rule)


def ids_of(experiment: str) -> set[str]:
    """The findings of an experiment that the files hold."""
    return set(_entries().get(experiment, {}))


def cite(*papers: str) -> str:
    """``Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); ...``"""
    return "; ".join(
        "{authors}, {title} (arXiv {arxiv}, {venue})".format(arxiv=each, **_files()[each]["paper"]) for each in papers
    )


@cache
def _files() -> dict[str, dict[str, Any]]:
    """By arXiv number."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}


@cache
def _entries() -> dict[str, dict[str, dict[str, Any]]]:
    """By experiment and id.

    Raises:
        ValueError: an id is in two files, or an entry holds what none may hold.
    """
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for arxiv, content in _files().items():
        for experiment, found in content.items():
            if experiment == "paper":
                continue
            own = entries.setdefault(experiment, {})
            for id, entry in found.items():
                if id in own or not {"claim"} <= entry.keys() <= KEYS:
                    raise ValueError(f"claims/{arxiv}.toml: {experiment}, {id}: held twice, or with unknown keys")
                own[id] = entry
    return entries
