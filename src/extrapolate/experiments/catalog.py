"""The experiments there are, by name."""

from extrapolate.errors import unknown_name
from extrapolate.experiments.arithmetic_dataset import ARITHMETIC_DATASET
from extrapolate.experiments.digits_sequence import DIGITS_SEQUENCE
from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.gilr_long_memory import GILR_LONG_MEMORY
from extrapolate.experiments.gilr_speed import GILR_SPEED
from extrapolate.experiments.modularity_add_mul import MODULARITY_ADD_MUL
from extrapolate.experiments.number_words import NUMBER_WORDS
from extrapolate.experiments.single_module import GRID, SINGLE_MODULE

EXPERIMENTS: dict[str, Experiment] = {
    each.name: each
    for each in (
        SINGLE_MODULE,
        GRID,
        ARITHMETIC_DATASET,
        NUMBER_WORDS,
        DIGITS_SEQUENCE,
        GILR_LONG_MEMORY,
        GILR_SPEED,
        MODULARITY_ADD_MUL,
    )
}


def experiment_named(name: str) -> Experiment:
    """The experiment, or an error that offers the nearest name."""
    if name not in EXPERIMENTS:
        raise unknown_name("experiment", name, list(EXPERIMENTS))
    return EXPERIMENTS[name]
