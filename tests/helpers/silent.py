"""A display for tests, which shows nothing and never stops a run, and small runs with it."""

from dataclasses import replace
from pathlib import Path
from typing import Any

from extrapolate._runtime.progress import NullProgress, Progress
from extrapolate.experiments import Outcome, get_experiment, run


class Silent:
    def start_training(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Progress:
        return NullProgress()

    def skip_training(self, name: str) -> None:
        pass

    def stop_requested(self) -> bool:
        return False


def smoke_run(name: str, folder: Path, **changes: Any) -> Outcome:
    """Run the smoke preset of an experiment with some settings changed."""
    experiment = get_experiment(name)
    config = replace(experiment.presets["smoke"], **changes)
    return run(experiment, config, preset="smoke", folder=folder, command="test", display=Silent())
