"""Count the files and functions of the package that a command executes: a measure of how much code to read.

python scripts/files_entered.py run single-module --preset smoke --workers 1

The command runs twice; only the second run is counted, because the first one imports the modules.
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
    """Run the command with a temporary output folder."""
    with tempfile.TemporaryDirectory() as folder:
        sys.argv = ["extrapolate", *arguments, "--out", folder]
        try:
            main()
        except SystemExit as ended:
            if ended.code:
                raise


def count(arguments: list[str]) -> Counter[str]:
    """Return the number of functions executed, by file of the package."""
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
    packages = Counter(name.split("/")[0] for name in found)
    print(f"{len(found)} files, {found.total()} functions: {dict(packages.most_common())}")
