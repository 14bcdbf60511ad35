"""Experiments that reproduce published results: one file per experiment, with its trainings and its claims.

Each name is imported at first use. An unknown experiment is therefore refused without importing torch.
"""

from typing import TYPE_CHECKING

from extrapolate._runtime.lazy import import_lazily

if TYPE_CHECKING:
    from extrapolate.experiments.catalog import EXPERIMENTS, get_experiment
    from extrapolate.experiments.experiment import Experiment
    from extrapolate.experiments.findings import Claim
    from extrapolate.experiments.runner import Outcome, run
    from extrapolate.experiments.saved_run import Run, load_run

__all__ = [
    "EXPERIMENTS",
    "Claim",
    "Experiment",
    "Outcome",
    "Run",
    "get_experiment",
    "load_run",
    "run",
]

_MODULES = {
    "catalog": ("EXPERIMENTS", "get_experiment"),
    "experiment": ("Experiment",),
    "findings": ("Claim",),
    "runner": ("Outcome", "run"),
    "saved_run": ("Run", "load_run"),
}

__getattr__, __dir__ = import_lazily(
    __name__,
    {name: f"{__name__}.{module}:{name}" for module, names in _MODULES.items() for name in names},
    extra="experiments",
)
