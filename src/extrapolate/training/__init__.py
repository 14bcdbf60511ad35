"""One loop. It trains one module, or R replicas of it at once, and keeps, resumes and shows the training.

:class:`Replicas` holds the stacked modules, :class:`Plan` says what to do with them, :func:`train` does it.
"""

from extrapolate.training.checkpoint import CheckpointError
from extrapolate.training.history import History
from extrapolate.training.loop import train
from extrapolate.training.plan import PenaltySchedule, Plan
from extrapolate.training.replicas import Replicas
from extrapolate.training.watch import Interrupted, Quiet, Watch, stop_on_signals

__all__ = [
    "CheckpointError",
    "History",
    "Interrupted",
    "PenaltySchedule",
    "Plan",
    "Quiet",
    "Replicas",
    "Watch",
    "stop_on_signals",
    "train",
]
