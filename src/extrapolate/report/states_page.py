"""Write the states of a computation to a self-contained page, as an animation with a slider."""

import base64
import hashlib
from dataclasses import dataclass
from importlib import resources
from pathlib import Path

import numpy as np
from markupsafe import Markup

from extrapolate._runtime.files import write_text
from extrapolate.report.files import ReportError
from extrapolate.report.shell import environment

#: The page has one byte per value of a state: -1 is 0, 0 is 127, 1 is 254.
HALF = 127


@dataclass(frozen=True)
class Computation:
    """A computation of T steps on a sequence of n positions.

    ``input`` and ``exact``: one character per position. ``read``: the T + 1 answers read before the first step and
    after each step, one character per position; ``values``: the same as numbers, empty if an answer is not a number.
    ``states`` (T + 1, n, m), from -1 to 1. ``groups``: names and sizes of the groups of channels. ``facts``: facts
    about the network.
    """

    question: str
    answer: str
    correct: bool
    input: str
    exact: str
    read: list[str]
    values: list[str]
    states: np.ndarray
    groups: list[tuple[str, int]]
    facts: dict[str, str]
    command: str


def write_states_page(path: Path, computed: Computation) -> Path:
    """Write the page atomically and return its path.

    Raises:
        ReportError: the page cannot be written.
    """
    try:
        write_text(path, render(computed))
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror or error}); choose another path") from error
    return path


def render(computed: Computation) -> str:
    """Return the page as HTML."""
    script = resources.files("extrapolate.report").joinpath("templates/states.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    steps, positions, channels = computed.states.shape
    # (T + 1, m, n): each row of the picture is a channel
    pixels = np.rint((computed.states.transpose(0, 2, 1).clip(-1, 1) + 1) * HALF).astype(np.uint8)
    data = {
        "positions": positions,
        "channels": channels,
        "steps": steps - 1,
        "pixels": base64.b64encode(pixels.tobytes()).decode(),
        "input": computed.input,
        "exact": computed.exact,
        "read": computed.read,
        "values": computed.values,
    }
    return (
        environment()
        .get_template("states.html.j2")
        .render(computed=computed, data=data, script=Markup(script), digest=f"sha256-{digest}")
    )
