"""Neural GPUs: sequences copied, reversed, duplicated and sorted; numbers added and multiplied."""

from extrapolate.experiments.neural_gpu.arithmetic.experiment import (
    NEURAL_GPU_ADDITION,
    NEURAL_GPU_MULTIPLICATION,
)
from extrapolate.experiments.neural_gpu.tasks.experiment import NEURAL_GPU_TASKS

__all__ = ["NEURAL_GPU_ADDITION", "NEURAL_GPU_MULTIPLICATION", "NEURAL_GPU_TASKS"]
