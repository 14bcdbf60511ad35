"""Output of the command: results go to stdout, progress and notes to stderr."""

import json
import shlex
import sys
from typing import Any

from rich.console import Console

#: Width in characters if the output is a file or a pipe, so that tables keep their shape.
PIPED_WIDTH = 110


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, emoji=False)


def stdout_console() -> Console:
    return _console(sys.stdout)


def stderr_console() -> Console:
    return _console(sys.stderr)


def format_command() -> str:
    """Return the command line of this process, quoted for a shell."""
    return shlex.join(["extrapolate", *sys.argv[1:]])


def print_json(value: Any) -> None:
    """Print one JSON value to stdout. NaN and infinity are not valid JSON: they raise ValueError."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
