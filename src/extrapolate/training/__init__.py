"""Train one module, or R replicas of it at once, on your data.

:class:`Replicas` holds the stacked modules. :func:`train` trains them and returns a :class:`History`.
Schedules for learning rates and penalties: :class:`LinearDecay`, :class:`StepDecay`, :class:`Warmup`,
:class:`Growth`, :class:`Step`.
"""

from extrapolate.training.callbacks import Callback
from extrapolate.training.checkpoint import CheckpointError
from extrapolate.training.clip import Clip
from extrapolate.training.history import History
from extrapolate.training.penalty import Penalty
from extrapolate.training.replicas import Replicas
from extrapolate.training.schedule import Growth, LinearDecay, Schedule, Step, StepDecay, Warmup
from extrapolate.training.train import train

__all__ = [
    "Callback",
    "CheckpointError",
    "Clip",
    "Growth",
    "History",
    "LinearDecay",
    "Penalty",
    "Replicas",
    "Schedule",
    "Step",
    "StepDecay",
    "Warmup",
    "train",
]
