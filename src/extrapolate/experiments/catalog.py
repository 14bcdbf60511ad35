"""The experiments there are, by name."""

from extrapolate.errors import unknown_name
from extrapolate.experiments.arithmetic_dataset import ARITHMETIC_DATASET
from extrapolate.experiments.digits_parity import DIGITS_PARITY
from extrapolate.experiments.digits_product import DIGITS_PRODUCT
from extrapolate.experiments.digits_sequence import DIGITS_SEQUENCE
from extrapolate.experiments.experiment import Experiment
from extrapolate.experiments.functions import FUNCTIONS_RECURRENT, FUNCTIONS_STATIC
from extrapolate.experiments.gilr_long_memory import GILR_LONG_MEMORY
from extrapolate.experiments.gilr_speed import GILR_SPEED
from extrapolate.experiments.grid_time import GRID_TIME
from extrapolate.experiments.madam import MADAM_ARITHMETIC, MADAM_BITS, MADAM_LEARNING_RATE
from extrapolate.experiments.modularity import (
    MODULARITY_ADD_MUL,
    MODULARITY_CLASS_REMOVAL,
    MODULARITY_DOUBLE_ADDITION,
    MODULARITY_MATHEMATICS,
    MODULARITY_PERMUTED_DIGITS,
    MODULARITY_SCAN,
    MODULARITY_STRENGTH,
)
from extrapolate.experiments.neural_gpu import (
    NEURAL_GPU_ADDITION,
    NEURAL_GPU_MULTIPLICATION,
    NEURAL_GPU_TASKS,
)
from extrapolate.experiments.noise_range import NOISE_RANGE
from extrapolate.experiments.number_words import NUMBER_WORDS
from extrapolate.experiments.programs import PROGRAMS
from extrapolate.experiments.single_module import GRID, SINGLE_MODULE

EXPERIMENTS: dict[str, Experiment] = {
    each.name: each
    for each in (
        SINGLE_MODULE,
        GRID,
        ARITHMETIC_DATASET,
        NOISE_RANGE,
        FUNCTIONS_STATIC,
        FUNCTIONS_RECURRENT,
        NUMBER_WORDS,
        DIGITS_SEQUENCE,
        DIGITS_PRODUCT,
        DIGITS_PARITY,
        PROGRAMS,
        GRID_TIME,
        GILR_LONG_MEMORY,
        GILR_SPEED,
        MADAM_LEARNING_RATE,
        MADAM_BITS,
        MADAM_ARITHMETIC,
        MODULARITY_ADD_MUL,
        MODULARITY_STRENGTH,
        MODULARITY_DOUBLE_ADDITION,
        MODULARITY_CLASS_REMOVAL,
        MODULARITY_PERMUTED_DIGITS,
        MODULARITY_SCAN,
        MODULARITY_MATHEMATICS,
        NEURAL_GPU_TASKS,
        NEURAL_GPU_ADDITION,
        NEURAL_GPU_MULTIPLICATION,
    )
}


def experiment_named(name: str) -> Experiment:
    """The experiment, or an error that offers the nearest name."""
    if name not in EXPERIMENTS:
        raise unknown_name("experiment", name, list(EXPERIMENTS))
    return EXPERIMENTS[name]
