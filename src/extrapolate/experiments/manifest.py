"""What was run, with what, on what: enough to run it again."""

import os
import platform
import sys
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.options import written


def new_manifest(experiment: Experiment[Any], settings: Any, preset: str, command: str) -> dict[str, Any]:
    """The manifest of a run that starts now; the runner fills in its end."""
    device = settings.device
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
        "machine": {
            "processor": _processor(),
            "cores": cores(),
            "device": device if device == "cpu" else torch.cuda.get_device_name(device),
            "system": f"{platform.system()} {platform.machine()}",
        },
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


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text("utf-8").splitlines() if sys.platform == "linux" else []
    names = [line.partition(":")[2].strip() for line in lines if line.startswith("model name")]
    return names[0] if names else platform.processor() or "unknown"
