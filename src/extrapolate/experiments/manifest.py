"""What was run, with what, on what: enough to run it again."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from typing import Any

import torch

from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.options import written


def new_manifest(experiment: Experiment[Any], settings: Any, preset: str, command: str) -> dict[str, Any]:
    """The manifest of a run that starts now; the runner fills in its end."""
    return {
        "experiment": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "preset": preset,
        "settings": written(settings),
        "command": command,
        "versions": {
            "extrapolate": version("extrapolate"),
            "torch": torch.__version__,
            "numpy": version("numpy"),
            "python": platform.python_version(),
        },
        "machine": _machine(settings.device),
        "started": now(),
        "finished": None,
        "seconds": 0.0,
        "cpu_seconds": 0.0,
        "notes": experiment.notes(settings),
    }


def now() -> str:
    return datetime.now(UTC).isoformat(timespec="seconds")


def cpu_seconds() -> float:
    """What this process and its children that have ended took of the processor so far."""
    return sum(os.times()[:4])


def cores() -> int:
    """How many cores this process may use."""
    return len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def _machine(device: str) -> dict[str, Any]:
    return {
        "processor": _processor(),
        "cores": cores(),
        "device": device if device == "cpu" else torch.cuda.get_device_name(device),
        "system": f"{platform.system()} {platform.machine()}",
    }


def _processor() -> str:
    if sys.platform == "linux":
        with open("/proc/cpuinfo", encoding="utf-8") as lines:
            for line in lines:
                if line.startswith("model name"):
                    return line.partition(":")[2].strip()
    return platform.processor() or "unknown"
