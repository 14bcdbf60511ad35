"""How many files of the package a command enters: a measure of how far a reader must look.

python scripts/files_entered.py run single-module --preset smoke --workers 1

Counts the functions that are executed, by file; the modules are imported beforehand by a first run of the command.
"""

import sys
import tempfile
from collections import Counter
from pathlib import Path
from types import FrameType
from typing import Any

import extrapolate
from extrapolate.cli import main

PACKAGE = str(Path(extrapolate.__file__).parent)


def run(arguments: list[str]) -> None:
    """The command, with an output folder of its own."""
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = ["extrapolate", *arguments, "--out", folder]
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise


def count(arguments: list[str]) -> Counter[str]:
    """The functions entered, by file of the package."""
    entered: set[tuple[str, str, int]] = set()

    def note(frame: FrameType, event: str, argument: Any) -> None:
        code = frame.f_code
        if event == "call" and code.co_filename.startswith(PACKAGE):
            entered.add((code.co_filename, code.co_qualname, code.co_firstlineno))

    run(arguments)
    sys.setprofile(note)
    run(arguments)
    sys.setprofile(None)
    return Counter(str(Path(file).relative_to(PACKAGE)) for file, *_ in entered)


if __name__ == "__main__":
    found = count(sys.argv[1:])
    rooms = Counter(name.split("/")[0] for name in found)
    print(f"{len(found)} files, {found.total()} functions: {dict(rooms.most_common())}")
