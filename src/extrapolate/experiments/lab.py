"""The names that a file of an experiment uses, in one module: ``from extrapolate.experiments import lab``."""

from extrapolate.experiments.config import (
    REQUIRED,
    Config,
    Settings,
    fewer,
    folder,
    instead,
    integer,
    integers,
    larger,
    metrics_of_each,
    missing,
    name,
    names,
    other,
    ranges,
    real,
    reals,
    require,
    sizes,
)
from extrapolate.experiments.curves import Curve, curves_across, curves_by, curves_table
from extrapolate.experiments.experiment import Experiment, count_of, experiment, intervals_note
from extrapolate.experiments.findings import (
    Finding,
    Found,
    Measure,
    difference,
    gain,
    mean,
    of,
    rows_of,
    share_of,
    solved_rate,
)
from extrapolate.experiments.training import (
    Context,
    Measured,
    Measurement,
    Trained,
    Training,
    as_rows,
    at_first_use,
    first_below,
)
from extrapolate.training.train_config import TrainConfig
