"""What tests of the networks that come with the package share: how many answers of one are wrong."""

from extrapolate import nn, tasks
from extrapolate.experiments.algorithms._testing import POSITIONS, count_errors


def wrong(model: nn.DiagonalNeuralGPU | nn.NeuralGPUEnsemble, examples: tasks.Examples) -> int:
    """Of so many sequences, how many ``model`` gets wrong in any place."""
    at_once = max(1, POSITIONS // examples.symbols.shape[1])
    pieces = zip(examples.symbols.split(at_once), examples.answer.split(at_once), strict=True)
    return sum(count_errors(model, tasks.Examples(*piece)) for piece in pieces)
