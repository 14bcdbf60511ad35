"""The experiments there are, by name."""

from difflib import get_close_matches

from extrapolate.errors import UserError
from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.single_module import SingleModuleExperiment

EXPERIMENTS: dict[str, Experiment] = {each.name: each for each in (SingleModuleExperiment(),)}


def experiment_named(name: str) -> Experiment:
    """The experiment, or an error that offers the nearest name."""
    if name in EXPERIMENTS:
        return EXPERIMENTS[name]
    near = get_close_matches(name, EXPERIMENTS, 1, cutoff=0.4)
    hint = f"did you mean {near[0]}?" if near else f"there are: {', '.join(EXPERIMENTS)}"
    raise UserError(f"unknown experiment {name!r}: {hint}")
