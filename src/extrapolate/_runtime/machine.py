"""Describe the machine, and measure the CPU time and memory of this process."""

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
    """Return the processor, the number of cores, the device of the tensors and the operating system."""
    return {
        "processor": _processor(),
        "cores": cores(),
        "device": device if device == "cpu" else torch.cuda.get_device_name(device),
        "system": f"{platform.system()} {platform.machine()}",
    }


def versions() -> dict[str, str]:
    """Return the versions of this package and of the libraries that its results depend on."""
    libraries = {name: version(name) for name in ("torch", "numpy")}
    return {"extrapolate": __version__, **libraries, "python": platform.python_version()}


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def cpu_seconds() -> float:
    """Return the CPU time of this process and of its children that have ended, in seconds."""
    return sum(os.times()[:4])


def cores() -> int:
    """Return the number of cores that this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if sys.platform == "linux" else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"


#: Parameters of glibc's mallopt (malloc.h), and the values that we set.
TRIM_THRESHOLD, TOP_PAD, MMAP_MAX = -1, -2, -4
NEVER, AHEAD = 2**31 - 1, 2**26


def keep_freed_memory() -> None:
    """Make this process reuse freed memory for large tensors instead of returning it to the system.

    New pages from the system may cost half the time of a step whose tensors are tens of megabytes. Without glibc
    this does nothing.
    """
    if sys.platform != "linux":
        return
    mallopt = getattr(ctypes.CDLL(None), "mallopt", None)
    if mallopt is not None:
        mallopt(MMAP_MAX, 0)
        mallopt(TRIM_THRESHOLD, NEVER)
        mallopt(TOP_PAD, AHEAD)


def peak_mib() -> float:
    """Return the peak memory of this process so far, in MiB."""
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    return peak / (2**20 if sys.platform == "darwin" else 2**10)
