"""Learners on disk while they learn: one safetensors file, replaced in one move."""

from collections.abc import Sequence
from pathlib import Path

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file

from extrapolate.errors import UserError
from extrapolate.files import replacing
from extrapolate.inspect.masks.learner import MaskLearner


def write_states(path: Path, learners: Sequence[MaskLearner]) -> None:
    """Replaces ``path`` by the states of all learners."""
    states = {
        f"{place}/{name}": value.cpu().contiguous()
        for place, learner in enumerate(learners)
        for name, value in learner.state().items()
    }
    with replacing(path) as temporary:
        save_file(states, temporary)


def read_states(path: Path, learners: Sequence[MaskLearner]) -> None:
    """Puts the states that :func:`write_states` wrote into the learners.

    Raises:
        UserError: the file cannot be read, or is of other learners.
    """
    try:
        states = load_file(path)
    except SafetensorError as error:
        raise UserError(
            f"checkpoint {path} is damaged ({error}): delete it to learn its masks anew"
        ) from None
    for place, learner in enumerate(learners):
        start = f"{place}/"
        learner.restore({n.removeprefix(start): v for n, v in states.items() if n.startswith(start)})
