"""Where the command writes: results to stdout, everything about their making to stderr."""

import json
import shlex
import sys
from typing import Any

from rich.console import Console

#: Width of what is not written to a terminal: a table keeps its shape in a file or a pipe.
PIPED_WIDTH = 110


def _console(stream: Any) -> Console:
    width = None if stream.isatty() else PIPED_WIDTH
    return Console(file=stream, width=width, highlight=False, emoji=False)


def stdout_console() -> Console:
    return _console(sys.stdout)


def stderr_console() -> Console:
    return _console(sys.stderr)


def format_command() -> str:
    """What was typed, as another shell would take it."""
    return shlex.join(["extrapolate", *sys.argv[1:]])


def print_json(value: Any) -> None:
    """One JSON value on stdout; NaN and infinity have no place in JSON and raise ValueError."""
    sys.stdout.write(json.dumps(value, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
