"""Detect a missing main guard: each worker process imports the script that started it."""

import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path

GUARD = 'if __name__ == "__main__":'


def end_if_importing_main() -> None:
    """Exit if this process is a worker that imports its parent's script and the script has no main guard.

    Otherwise the worker would run the whole script again, in the same folder.
    """
    # Python sets this attribute during that import; it then refuses to start processes
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(f"error: {_explain_missing_guard(sys.modules['__mp_main__'].__file__)}")


def explain_ended_workers(exit_codes: Sequence[int | None]) -> str:
    """Return a message: why workers ended, and what to do.

    A running worker reports its errors, so an exit code above 0 means that a worker failed to start. A code below 0
    is the signal that killed it.
    """
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script is not None and any(code is not None and code > 0 for code in exit_codes):
        return _explain_missing_guard(script)
    return (
        "a training process was killed (out of memory?): run the same command again, "
        "with --workers 1 if memory is short"
    )


def _explain_missing_guard(script: str | None) -> str:
    if script is None or not Path(script).is_file():
        return f"worker processes import the main script, but {script} is not a file: save it, or use workers=1"
    return (
        f"worker processes failed to start: each one runs {script} again; add the line `{GUARD}` to it "
        "and indent the code that must run once below that line, or use workers=1"
    )
