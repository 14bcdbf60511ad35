"""The machine and this process on it: what it is, the processor time and the memory that are used."""

import ctypes
import os
import platform
import resource
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path

import torch

from extrapolate import __version__


def describe_machine(device: str) -> dict[str, str | int]:
    """The machine, and the device that tensors are on."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "device": device if device == "cpu" else torch.cuda.get_device_name(device),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Of this package, and of what its numbers depend on."""
    libraries = {name: version(name) for name in ("torch", "numpy")}
    return {"extrapolate": __version__, **libraries, "python": platform.python_version()}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def cpu_seconds() -> float:
    """What this process and its children that have ended took of the processor so far."""
    return sum(os.times()[:4])


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if sys.platform == "linux" else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


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
