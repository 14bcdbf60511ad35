"""Small files in the formats of the papers' data."""

import tarfile
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import pytest

from extrapolate._runtime.errors import UserError
from extrapolate.tasks.cifar import ARCHIVE, TEST_FILES, TRAINING_FILES, UNPACKED
from extrapolate.tasks.scan import ScanRow
from extrapolate.tasks.wikitext import WIKITEXT_FILES

#: Two stories of task 1: who is in which location.
BABI_TRAIN = """\
1 Mary moved to the bathroom.
2 John went to the hallway.
3 Where is Mary? \tbathroom\t1
4 Mary went back to the office.
5 Where is Mary? \toffice\t4
1 John went to the garden.
2 Where is John? \tgarden\t1
"""
BABI_TEST = "1 Mary went to the garden.\n2 Where is Mary? \tgarden\t1\n"
#: Task 19: answers have two words.
BABI_PATHS = """\
1 The office is east of the hallway.
2 The kitchen is north of the office.
3 How do you go from the kitchen to the hallway?\ts,w\t2 1
"""


def write_babi(folder: Path) -> None:
    texts = {
        "qa1_single-supporting-fact": (BABI_TRAIN, BABI_TEST),
        "qa19_path-finding": (BABI_PATHS, BABI_PATHS),
    }
    for name, parts in texts.items():
        for part, text in zip(("train", "test"), parts, strict=True):
            (folder / f"{name}_{part}.txt").write_text(text)


def write_cifar(folder: Path, count: int = 40) -> None:
    """Write images: number n of a file has the label n modulo 10, and all red values are 255."""
    for name in (*TRAINING_FILES, *TEST_FILES):
        records = np.zeros((count, 1 + 3072), np.uint8)
        records[:, 0], records[:, 1:1025] = np.arange(count) % 10, 255
        (folder / name).write_bytes(records.tobytes())


def pack_cifar(folder: Path) -> None:
    """Move the files of ``folder`` into an archive like the distributed one."""
    with tarfile.open(folder / ARCHIVE, "w:gz") as archive:
        for name in (*TRAINING_FILES, *TEST_FILES):
            archive.add(folder / name, f"{UNPACKED}/{name}")
            (folder / name).unlink()


def write_mathematics(folder: Path, texts: dict[str, list[str]], name: str = "arithmetic__add_or_sub.txt") -> None:
    """Write lines by difficulty: each question, then its answer."""
    for difficulty, lines in texts.items():
        (folder / f"train-{difficulty}").mkdir(exist_ok=True)
        (folder / f"train-{difficulty}" / name).write_text("\n".join(lines) + "\n")


def sums_of(numbers: Iterable[int]) -> list[str]:
    """Return lines: each question, then its answer."""
    return [line for number in numbers for line in (f"{number} + 1", str(number + 1))]


def write_scan(path: Path, rows: Iterable[ScanRow]) -> None:
    path.write_text("".join(f"IN: {command} OUT: {' '.join(actions)}\n" for command, actions in rows))


def write_wikitext(folder: Path) -> None:
    """Write files in the format of the distributed ones: empty lines, headings, spaces around lines."""
    texts = (
        " \n = Valkyria = \n \n The game <unk> the game , and the story of the game . \n",
        " = Story = \n \n The story of the opera . \n",
        " = Game = \n \n The <unk> game of the story , and the game . \n",
    )
    for name, text in zip(WIKITEXT_FILES, texts, strict=True):
        (folder / name).write_text(text)


def refused(read: Callable[[], object], message: str) -> None:
    """Check that ``read`` raises a UserError of one line that contains ``message``."""
    with pytest.raises(UserError, match=message) as caught:
        read()
    assert "\n" not in str(caught.value)
