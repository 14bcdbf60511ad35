"""Published results, a package each: what to run, what must come out. No loop lives here.

Each name is imported when it is first used, so that an unknown experiment is refused without importing torch.
"""

from typing import TYPE_CHECKING

from extrapolate._runtime.lazy import import_lazily

if TYPE_CHECKING:
    from extrapolate.experiments.catalog import EXPERIMENTS, experiment_named
    from extrapolate.experiments.experiment import Experiment
    from extrapolate.experiments.findings import Claim
    from extrapolate.experiments.options import Option, options_of, serialize_config, with_options
    from extrapolate.experiments.runner import Display, Outcome, run
    from extrapolate.experiments.saved_run import Run, load_run

__all__ = [
    "EXPERIMENTS",
    "Claim",
    "Display",
    "Experiment",
    "Option",
    "Outcome",
    "Run",
    "experiment_named",
    "load_run",
    "options_of",
    "run",
    "serialize_config",
    "with_options",
]

_MODULES = {
    "catalog": ("EXPERIMENTS", "experiment_named"),
    "experiment": ("Experiment",),
    "findings": ("Claim",),
    "options": ("Option", "options_of", "with_options", "written"),
    "runner": ("Display", "Outcome", "run"),
    "saved_run": ("Run", "load_run"),
}

__getattr__, __dir__ = import_lazily(
    __name__, {name: f"{__name__}.{module}:{name}" for module, names in _MODULES.items() for name in names}
)
