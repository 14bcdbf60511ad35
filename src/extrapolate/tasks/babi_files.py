"""The text of the bAbI tasks: stories, line by line, with questions between the statements."""

import re
import zlib
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import NamedTuple

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.files import open_text

ARCHIVE = "tasks_1-20_v1-2.tar.gz (https://research.facebook.com/downloads/babi)"

_WORD = re.compile(r"[^\s.,?]+|[.,?]")


class Line(NamedTuple):
    """A statement, or where there is an ``answer`` a question.

    Attributes:
        words: in lower case; ".", "," and "?" are words.
        answer: its words; a list and a path have several.
        supporting: the numbers of the statements that the answer follows from; a story's first line has number 1.
    """

    words: tuple[str, ...]
    answer: tuple[str, ...] = ()
    supporting: tuple[int, ...] = ()


#: All lines of a story.
Story = tuple[Line, ...]


def find_file(folder: Path, task: int, part: str) -> Path:
    """The file of a task (1 to 20); ``part`` is train or test. It may be packed (``.gz``).

    Raises:
        UserError: it is not there.
    """
    found = sorted(path for end in ("", ".gz") for path in folder.glob(f"qa{task}_*_{part}.txt{end}"))
    if not found:
        raise UserError(
            f"{folder} lacks qa{task}_..._{part}.txt: give the folder en-10k of {ARCHIVE}, or leave task {task} out"
        )
    return found[0]


def read_stories(path: Path) -> Iterator[Story]:
    """The stories of a file, one at a time.

    A line is a number and a statement, or a number and a question, its answer and the numbers of the supporting
    statements, with tabs between; number 1 begins a story.

    Raises:
        UserError: the file is missing, truncated or damaged.
    """
    story: list[Line] = []
    place, text = 0, ""
    try:
        with open_text(path) as file:
            for place, text in enumerate(file, 1):
                number, _, rest = text.partition(" ")
                if number == "1" and story:
                    yield tuple(story)
                    story.clear()
                if number != str(len(story) + 1):
                    raise ValueError(f"number {len(story) + 1} or 1 is expected in line {place}")
                story.append(_line(rest, len(story), place))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}: get {ARCHIVE}") from None
    except (EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}): download {ARCHIVE} again") from None
    if not story or not story[-1].answer or not text.endswith("\n"):
        raise UserError(f"{path} is cut short (line {place} does not end a story): download {ARCHIVE} again")
    yield tuple(story)


def _line(text: str, before: int, index: int) -> Line:
    """A line without its number; ``before``: lines of the story before it."""
    said, *asked = text.rstrip("\n").split("\t")
    words = _words(said)
    if not words or len(asked) not in (0, 2) or (asked and not asked[0].strip()):
        raise ValueError(f"line {index} is neither a statement nor a question with its answer")
    if not asked:
        return Line(words)
    answer, supporting = tuple(asked[0].lower().replace(",", " ").split()), tuple(map(int, asked[1].split()))
    if not all(1 <= number <= before for number in supporting):
        raise ValueError(f"the supporting statements of line {index} are not before it")
    return Line(words, answer, supporting)


@lru_cache(maxsize=100_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))
