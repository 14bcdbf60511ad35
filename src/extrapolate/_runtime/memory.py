"""The memory of a process that trains: freed memory stays with it, and how much it held at most."""

import ctypes
import resource
import sys

#: glibc's names for what it may be told (malloc.h), and what it is told.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
NEVER, AHEAD = 2**31 - 1, 2**26


def keep_freed_memory() -> None:
    """For the rest of this process large tensors lie in memory that was freed before, not fetched page by page.

    Fetching may cost half the time of a step whose tensors are tens of megabytes. Where the C library is not glibc
    nothing happens.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, NEVER)
        mallopt(TOP_PAD, AHEAD)


def peak_mib() -> float:
    """The most memory that this process has held so far, MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
