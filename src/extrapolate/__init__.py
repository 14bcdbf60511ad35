"""Neural networks that learn the rule behind their examples and stay accurate far outside the training range.

``import extrapolate`` is fast: each name below, and torch with it, is imported at its first use.
"""

from typing import TYPE_CHECKING

from extrapolate._runtime.lazy import import_lazily

if TYPE_CHECKING:
    from extrapolate import estimator, experiments, inspect, nn, ops, optim, tasks, training
    from extrapolate.estimator import ArithmeticRegressor
    from extrapolate.experiments import load_run
    from extrapolate.inspect import exact, learn_masks
    from extrapolate.training import Replicas, train

__all__ = [
    "ArithmeticRegressor",
    "Replicas",
    "estimator",
    "exact",
    "experiments",
    "inspect",
    "learn_masks",
    "load_run",
    "nn",
    "ops",
    "optim",
    "tasks",
    "train",
    "training",
]

__version__ = "0.1.0"

_OBJECTS = {
    "ArithmeticRegressor": "estimator",
    "Replicas": "training",
    "exact": "inspect",
    "learn_masks": "inspect",
    "load_run": "experiments",
    "train": "training",
}
_PACKAGES = ("estimator", "experiments", "inspect", "nn", "ops", "optim", "tasks", "training")

__getattr__, __dir__ = import_lazily(
    __name__,
    {name: f"{__name__}.{name}" for name in _PACKAGES}
    | {name: f"{__name__}.{home}:{name}" for name, home in _OBJECTS.items()},
)
