"""Puts the states of a computation on one self-contained page, step by step, as an animation to scrub."""

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

#: A byte of the page for each number of a state: -1 is 0, 0 is 127, 1 is 254.
HALF = 127


@dataclass(frozen=True)
class Computation:
    """What a network did with a sequence of n places in T steps.

    ``given`` and ``exact``: a letter a place. ``read``: the T + 1 answers as they would be read after each step, a
    letter a place; ``numbers``: the same as numbers, empty where a reading is none. ``states`` (T + 1, n, m), from -1
    to 1. ``groups``: names of the maps' groups with their sizes. ``facts``: what is said of the network.
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
    """Writes the page and returns its path. An old one stays until the new one is whole.

    Raises:
        ReportError: it cannot be written.
    """
    try:
        write_text(path, render(computed))
    except OSError as error:
        raise ReportError(f"{path}: cannot be written ({error.strerror or error}); give another name") from error
    return path


def render(computed: Computation) -> str:
    """The page as a string of HTML."""
    script = resources.files("extrapolate.report").joinpath("templates/states.js").read_text(encoding="utf-8")
    digest = base64.b64encode(hashlib.sha256(script.encode()).digest()).decode()
    steps, places, channels = computed.states.shape
    # (T + 1, m, n): a row of the picture is a map
    pixels = np.rint((computed.states.transpose(0, 2, 1).clip(-1, 1) + 1) * HALF).astype(np.uint8)
    data = {
        "places": places,
        "channels": channels,
        "steps": steps - 1,
        "pixels": base64.b64encode(pixels.tobytes()).decode(),
        "input": computed.input,
        "exact": computed.exact,
        "read": computed.read,
        "numbers": computed.values,
    }
    return (
        environment()
        .get_template("states.html.j2")
        .render(computed=computed, data=data, script=Markup(script), digest=f"sha256-{digest}")
    )
