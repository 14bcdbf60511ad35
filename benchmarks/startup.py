"""Start-up time: the import, the command's help, an unknown experiment.

Each call is a new process, in turn with an empty one (``python -c pass``). The first of each is a warm-up that fills
the file cache. Prints one JSON line per call: the medians in seconds, and the limit.

    python benchmarks/startup.py [--repeats 10]
"""

import argparse
import json
import statistics
import subprocess
import sys
import time

COMMAND = "from extrapolate.cli import main; main()"

#: Arguments of ``python -c``, expected exit status, and limit in seconds.
CALLS: dict[str, tuple[list[str], int, float]] = {
    "import extrapolate": (["import extrapolate"], 0, 0.1),
    "extrapolate --help": ([COMMAND, "--help"], 0, 0.5),
    "extrapolate run nosuch": ([COMMAND, "run", "nosuch"], 2, 1.0),
}


def seconds(arguments: list[str], status: int) -> float:
    """Return the wall time of ``python -c`` with ``arguments``, in seconds.

    Raises:
        RuntimeError: its exit status is not ``status``.
    """
    began = time.perf_counter()
    result = subprocess.run([sys.executable, "-c", *arguments], capture_output=True, text=True)
    taken = time.perf_counter() - began
    if result.returncode != status:
        raise RuntimeError(f"{arguments} exited with status {result.returncode}, not {status}: {result.stderr}")
    return taken


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--repeats", type=int, default=10, help="timed calls of each (default 10)")
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
