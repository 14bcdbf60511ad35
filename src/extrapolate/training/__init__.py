"""One loop. It trains one module, or R replicas of it at once, and keeps, resumes and shows the training.

:class:`Replicas` holds the stacked modules, :class:`Plan` says what to do with them, :func:`train` does it.
"""

from extrapolate.training.checkpoint import CheckpointError
from extrapolate.training.clip import Clip
from extrapolate.training.feedback import Balance, Curriculum, Feedback, Plateau, Pull
from extrapolate.training.gradients import mapped, one_by_one
from extrapolate.training.history import History
from extrapolate.training.length_bins import LengthBins
from extrapolate.training.loop import train
from extrapolate.training.penalty import Penalty
from extrapolate.training.plan import Plan
from extrapolate.training.relaxation import Merging, disagreement
from extrapolate.training.replicas import Replicas
from extrapolate.training.restart import Restart
from extrapolate.training.schedule import Drop, Fall, Growth, Ramp, Step
from extrapolate.training.watch import Interrupted, Quiet, Watch, stop_on_signals

__all__ = [
    "Balance",
    "CheckpointError",
    "Clip",
    "Curriculum",
    "Drop",
    "Fall",
    "Feedback",
    "Growth",
    "History",
    "Interrupted",
    "LengthBins",
    "Merging",
    "Penalty",
    "Plan",
    "Plateau",
    "Pull",
    "Quiet",
    "Ramp",
    "Replicas",
    "Restart",
    "Step",
    "Watch",
    "disagreement",
    "mapped",
    "one_by_one",
    "stop_on_signals",
    "train",
]
