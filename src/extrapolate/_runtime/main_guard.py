"""Each worker process imports the script that started it: the script's own code needs a main guard."""

import multiprocessing
import sys
from collections.abc import Sequence
from pathlib import Path

GUARD = 'if __name__ == "__main__":'


def end_if_importing_main() -> None:
    """End this process if it is a worker that imports its parent's script, which has no main guard.

    It would do what the script does once more, in the same folder.
    """
    # Python sets this mark during that import, and refuses to start processes by it
    if getattr(multiprocessing.current_process(), "_inheriting", False):
        raise SystemExit(f"error: {_explain_missing_guard(sys.modules['__mp_main__'].__file__)}")


def explain_ended_workers(exit_codes: Sequence[int | None]) -> str:
    """Say why workers are gone, and what to do.

    A worker that has started reports its errors, so an exit code above 0 is of a failed start. A code below 0 is the
    signal that killed it.
    """
    script = getattr(sys.modules["__main__"], "__file__", None)
    if script is not None and any(code is not None and code > 0 for code in exit_codes):
        return _explain_missing_guard(script)
    return (
        "a training process was ended from outside (out of memory?): run the same command again, "
        "with --workers 1 if memory is short"
    )


def _explain_missing_guard(script: str | None) -> str:
    if script is None or not Path(script).is_file():
        return f"worker processes import the main script, and {script} is no file: save it, or use workers=1"
    return (
        f"worker processes failed as they started: each of them runs {script} again; add the line `{GUARD}` to it "
        "and indent below it what is to run once, or use workers=1"
    )
