"""How long a person waits before anything is done: the import, the command's help, a misspelt name.

Each call is a process of its own, in turn with a process that does nothing (``python -c pass``); the first of each is
not counted, since it fills the file cache. Prints a JSON line a call: the medians in seconds, and the limit.

    python benchmarks/startup.py [--repeats 10]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

COMMAND = "from extrapolate.cli import main; main()"

#: What is called, the exit status it must end with, and the seconds it may take.
CALLS: dict[str, tuple[list[str], int, float]] = {
    "import extrapolate": (["import extrapolate"], 0, 0.1),
    "extrapolate --help": ([COMMAND, "--help"], 0, 0.5),
    "extrapolate run nosuch": ([COMMAND, "run", "nosuch"], 2, 1.0),
}


def seconds(arguments: list[str], status: int) -> float:
    """Wall time of ``python -c`` with ``arguments``.

    Raises:
        RuntimeError: it ended with another status.
    """
    began = time.perf_counter()
    ended = subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True)
    taken = time.perf_counter() - began
    if ended.returncode != status:
        raise RuntimeError(f"{arguments} ended with status {ended.returncode}: {ended.stderr}")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="calls of each that count (default 10)")
    repeats = parser.parse_args().repeats
    for name, (arguments, status, limit) in CALLS.items():
        taken, bare = [], []
        for _ in range(repeats + 1):
            taken.append(seconds(arguments, status))
            bare.append(seconds(["pass"], 0))
        line = {
            "call": name,
            "seconds": round(statistics.median(taken[1:]), 3),
            "python_alone": round(statistics.median(bare[1:]), 3),
            "limit": limit,
            "repeats": repeats,
        }
        print(json.dumps(line), flush=True)


if __name__ == "__main__":
    main()
