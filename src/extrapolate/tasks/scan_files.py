"""The published files of SCAN: a line ``IN: jump twice OUT: I_JUMP I_JUMP`` for each command."""

import zlib
from pathlib import Path

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate._runtime.files import open_text
from extrapolate.tasks.scan_grammar import ScanRow, interpret

ARCHIVE = "https://github.com/brendenlake/SCAN"

#: By split: the archive's folder, and the files to train on and to test on.
FILES: dict[str, tuple[str, tuple[str, ...]]] = {
    "simple": ("simple_split", ("tasks_train_simple.txt", "tasks_test_simple.txt")),
    "length": ("length_split", ("tasks_train_length.txt", "tasks_test_length.txt")),
    "jump": ("add_prim_split", ("tasks_train_addprim_jump.txt", "tasks_test_addprim_jump.txt")),
    "turn_left": (
        "add_prim_split",
        ("tasks_train_addprim_turn_left.txt", "tasks_test_addprim_turn_left.txt"),
    ),
    "all": (".", ("tasks.txt",)),
}


def read_rows(folder: Path, split: str) -> tuple[list[ScanRow], list[ScanRow]]:
    """Rows to train on and to test on, in the order of the files; ``all`` has none to test on.

    The files may lie in ``folder`` itself or as in the archive, packed (``.gz``) or not.

    Raises:
        UserError: an unknown split; a file that is missing or damaged.
    """
    if split not in FILES:
        raise unknown_name_error("split", split, list(FILES))
    own, names = FILES[split]
    training, *test = (_read(folder, own, name) for name in names)
    return training, test[0] if test else []


def _read(folder: Path, own: str, name: str) -> list[ScanRow]:
    paths = [place / file for place in (folder, folder / own) for file in (name, f"{name}.gz")]
    path = next((path for path in paths if path.is_file()), None)
    if path is None:
        raise UserError(f"{folder} lacks SCAN's {name}: get it from {ARCHIVE}")
    try:
        with open_text(path) as file:
            rows = [_row(line, path, number) for number, line in enumerate(file, 1)]
    except (OSError, EOFError, ValueError, zlib.error) as error:
        raise UserError(f"{path} is damaged ({error}): download it again from {ARCHIVE}") from None
    if not rows:
        raise UserError(f"{path} is empty: download it again from {ARCHIVE}")
    return rows


def _row(line: str, path: Path, number: int) -> ScanRow:
    command, out, actions = line.removeprefix("IN:").partition(" OUT: ")
    row = (command.strip(), tuple(actions.split()))
    if not line.endswith("\n") or not out or not line.startswith("IN:") or _interpret(row[0]) != row[1]:
        raise UserError(
            f"{path} is damaged (line {number} is no command with its actions): download it again from {ARCHIVE}"
        )
    return row


def _interpret(command: str) -> tuple[str, ...] | None:
    try:
        return interpret(command)
    except UserError:
        return None
