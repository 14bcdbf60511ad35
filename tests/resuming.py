"""A part's training, interrupted and resumed, ends with the numbers of an undisturbed one."""

from dataclasses import dataclass
from pathlib import Path

import pytest
import torch

from extrapolate._runtime.progress import Interrupted
from extrapolate.experiments import Part
from extrapolate.training import loop
from extrapolate.training.loop import run_training


@dataclass
class StopAt:
    """Asks to stop once ``step`` steps are done."""

    step: int
    done: int = 0

    def progress(self, step: int, solved: int | None) -> None:
        self.done = step

    def stop_requested(self) -> bool:
        return self.done >= self.step


def assert_resumes_alike(part: Part, step: int, folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """``part`` stopped at ``step`` and gone on with has the weights and measures of ``part`` never stopped."""
    monkeypatch.setattr(loop, "PROGRESS_SECONDS", -1.0)
    whole, halved = part.replicas(), part.replicas()
    undisturbed = run_training(whole, part.plan(whole))
    with pytest.raises(Interrupted):
        run_training(halved, part.plan(halved), checkpoint=folder / "checkpoint", watch=StopAt(step))
    resumed = part.replicas()
    history = run_training(resumed, part.plan(resumed), checkpoint=folder / "checkpoint")
    assert resumed.state.keys() == whole.state.keys()
    assert all(torch.equal(value, whole.state[name]) for name, value in resumed.state.items())
    assert all(torch.equal(value, undisturbed.metrics[name]) for name, value in history.metrics.items())
