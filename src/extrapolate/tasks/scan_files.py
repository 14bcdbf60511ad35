"""Reader for the published files of SCAN: one line ``IN: jump twice OUT: I_JUMP I_JUMP`` per command."""

import zlib
from pathlib import Path

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate._runtime.files import open_text
from extrapolate.tasks.scan_grammar import ScanRow, interpret

ARCHIVE = "https://github.com/brendenlake/SCAN"

#: For each split, the folder in the archive, the training file and the test file.
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
    """Read the training rows and the test rows of a split, in file order; ``all`` has no test rows.

    The files may be in ``folder`` or in the subfolder that the archive uses. They may be compressed (``.gz``).

    Raises:
        UserError: the split is unknown, or a file is missing or damaged.
    """
    if split not in FILES:
        raise unknown_name_error("split", split, list(FILES))
    own, names = FILES[split]
    training, *test = (_read(folder, own, name) for name in names)
    return training, test[0] if test else []


def _read(folder: Path, own: str, name: str) -> list[ScanRow]:
    paths = [parent / file for parent in (folder, folder / own) for file in (name, f"{name}.gz")]
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
            f"{path} is damaged (line {number} is not a command with its actions): download it again from {ARCHIVE}"
        )
    return row


def _interpret(command: str) -> tuple[str, ...] | None:
    try:
        return interpret(command)
    except UserError:
        return None
