"""Reader for the files of the bAbI tasks: stories as lines of statements and questions."""

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
    """One line of a story: a question if it has an ``answer``, otherwise a statement.

    Attributes:
        words: words in lower case; ".", "," and "?" are words.
        answer: words of the answer; a list or a path has several.
        supporting: line numbers of the statements that imply the answer; the first line of a story is 1.
    """

    words: tuple[str, ...]
    answer: tuple[str, ...] = ()
    supporting: tuple[int, ...] = ()


#: All lines of a story.
Story = tuple[Line, ...]


def find_file(folder: Path, task: int, part: str) -> Path:
    """Return the path of the file of a task (1 to 20), compressed (``.gz``) or not; ``part`` is train or test.

    Raises:
        UserError: the file is missing.
    """
    found = sorted(path for end in ("", ".gz") for path in folder.glob(f"qa{task}_*_{part}.txt{end}"))
    if not found:
        raise UserError(
            f"{folder} lacks qa{task}_..._{part}.txt: give the folder en-10k of {ARCHIVE}, or leave task {task} out"
        )
    return found[0]


def read_stories(path: Path) -> Iterator[Story]:
    """Read the stories of a file, one at a time.

    A line has a number and a statement, or a number, a question, its answer and the numbers of the supporting
    statements, separated by tabs. Number 1 begins a story.

    Raises:
        UserError: the file is missing, truncated or damaged.
    """
    story: list[Line] = []
    index, text = 0, ""
    try:
        with open_text(path) as file:
            for index, text in enumerate(file, 1):
                number, _, rest = text.partition(" ")
                if number == "1" and story:
                    yield tuple(story)
                    story.clear()
                if number != str(len(story) + 1):
                    raise ValueError(f"line {index} must have number {len(story) + 1} or 1")
                story.append(_line(rest, len(story), index))
    except OSError as error:
        raise UserError(f"{path}: {error.strerror or error}: get {ARCHIVE}") from None
    except (EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}): download {ARCHIVE} again") from None
    if not story or not story[-1].answer or not text.endswith("\n"):
        raise UserError(f"{path} is truncated (line {index} does not end a story): download {ARCHIVE} again")
    yield tuple(story)


def _line(text: str, before: int, index: int) -> Line:
    """Parse a line without its number; ``before`` is the number of earlier lines of the story."""
    sentence, *fields = text.rstrip("\n").split("\t")
    words = _words(sentence)
    if not words or len(fields) not in (0, 2) or (fields and not fields[0].strip()):
        raise ValueError(f"line {index} is neither a statement nor a question with its answer")
    if not fields:
        return Line(words)
    answer, supporting = tuple(fields[0].lower().replace(",", " ").split()), tuple(map(int, fields[1].split()))
    if not all(1 <= number <= before for number in supporting):
        raise ValueError(f"the supporting statements of line {index} are not before it")
    return Line(words, answer, supporting)


@lru_cache(maxsize=100_000)
def _words(text: str) -> tuple[str, ...]:
    return tuple(_WORD.findall(text.lower()))
