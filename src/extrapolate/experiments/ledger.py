"""The published findings as data: one file ``claims/ARXIV.toml`` per paper."""

import re
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

FOLDER = Path(__file__).with_name("claims")

#: The keys of an entry: ``claim``, the published value, a remark, and at most one rule on the estimate.
RULES = ("above", "below", "at_least", "at_most", "more_than")
KEYS = {"claim", "published", "note", *RULES}


@dataclass(frozen=True)
class Claim:
    """A published finding and its measurement. ``published`` is None if the paper has no number for it.

    ``holds`` is None if nothing is claimed, or if not enough of it was run (``why`` gives the reason).
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
    """The texts of a finding. ``words`` of the experiment's finding replace ``{word}`` in them.

    ``published`` is a sentence, a number, or a table of numbers: one level per word in the finding's id.
    ``rule``: one of :data:`RULES` and its bound; None for a number that is only for comparison.
    """

    claim: str
    published: Any
    note: str | None
    rule: tuple[str, float] | None

    def published_for(self, id: str, words: Mapping[str, Any]) -> str | float | None:
        """Return the published value of the finding ``id``; None if the paper's table has no such number."""
        value = self.published
        for word in words_in(id):
            if isinstance(value, dict):
                value = value.get(str(words[word]))
        return value.format(**words) if isinstance(value, str) else value


def words_in(id: str) -> list[str]:
    """Return the words in an id: ``["model", "split"]`` of ``{model}/{split}-error``."""
    return re.findall(r"{(\w+)}", id)


@cache
def entry_of(experiment: str, id: str) -> Entry:
    """Return the entry of a finding. ``id`` is the id before its words are replaced."""
    found = _entries()[experiment][id]
    rule = next(((name, float(found[name])) for name in RULES if name in found), None)
    return Entry(found["claim"], found.get("published"), found.get("note"), rule)


def ids_of(experiment: str) -> set[str]:
    """Return the ids of an experiment's findings in the files."""
    return set(_entries().get(experiment, {}))


def cite(*papers: str) -> str:
    """Cite papers: ``Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018); ...``"""
    return "; ".join(
        "{authors}, {title} (arXiv {arxiv}, {venue})".format(arxiv=each, **_files()[each]["paper"]) for each in papers
    )


@cache
def _files() -> dict[str, dict[str, Any]]:
    """Read the files, by arXiv number."""
    return {path.stem: tomllib.loads(path.read_text(encoding="utf-8")) for path in sorted(FOLDER.glob("*.toml"))}


@cache
def _entries() -> dict[str, dict[str, dict[str, Any]]]:
    """Return the entries by experiment and id.

    Raises:
        ValueError: an id is in two files, or an entry lacks ``claim`` or has an unknown key.
    """
    entries: dict[str, dict[str, dict[str, Any]]] = {}
    for arxiv, content in _files().items():
        for experiment, found in content.items():
            if experiment == "paper":
                continue
            own = entries.setdefault(experiment, {})
            for id, entry in found.items():
                if id in own or not {"claim"} <= entry.keys() <= KEYS:
                    raise ValueError(f"claims/{arxiv}.toml: {experiment}, {id}: duplicate, no claim, or unknown keys")
                own[id] = entry
    return entries
