"""What was published about functions of two sums: scores, and which network is right where others are not.

The numbers are quoted from memory by others and could not be read again: every claim on them says so.
"""

from dataclasses import dataclass

TABLE = "arXiv 1808.00508, table 1, as quoted, unverified"
SEEDS = "arXiv 2001.05016"

#: Scores on the wider range of a vector's numbers, by function and model.
EXTRAPOLATION: dict[str, dict[str, float]] = {
    "add": {"ReLU6": 42.6, "Linear": 0.0, "NAC": 0.0, "NALU": 0.0},
    "sub": {"ReLU6": 29.0, "Linear": 0.0, "NAC": 0.0, "NALU": 0.0},
    "mul": {"ReLU6": 10.0, "Linear": 29.5, "NAC": 33.3, "NALU": 0.0},
    "div": {"ReLU6": 37.2, "Linear": 52.3, "NAC": 61.3, "NALU": 0.7},
    "square": {"ReLU6": 47.0, "Linear": 25.1, "NAC": 53.3, "NALU": 0.0},
    "root": {"ReLU6": 10.3, "Linear": 20.0, "NAC": 16.4, "NALU": 0.0},
}

#: Scores on the range of the training.
INTERPOLATION: dict[str, dict[str, float]] = {"div": {"NALU": 5.3}}


@dataclass(frozen=True)
class Comparison:
    """``model`` comes nearer than each of ``others``, function by function."""

    model: str
    others: tuple[str, ...]
    functions: tuple[str, ...]
    published: str


@dataclass(frozen=True)
class Findings:
    """What is claimed of one form of the inputs; ``unsolved``: functions that NALU was published to learn."""

    scores: dict[str, dict[str, dict[str, float]]]
    comparisons: tuple[Comparison, ...]
    unsolved: tuple[str, ...]


STATIC_FINDINGS = Findings(
    scores={"extrapolation": EXTRAPOLATION, "interpolation": INTERPOLATION},
    comparisons=(
        Comparison(
            "NALU",
            ("ReLU6", "Linear", "NAC"),
            ("mul", "div", "square", "root"),
            f"0.0 to 0.7 where the others have 10 to 61 ({TABLE})",
        ),
    ),
    unsolved=("add", "sub", "mul", "div", "square", "root"),
)
RECURRENT_FINDINGS = Findings(
    scores={},
    comparisons=(
        Comparison(
            "NALU",
            ("LSTM",),
            ("add", "sub", "mul", "square", "root"),
            f"goes on being right over 1,000 steps where an LSTM does not ({TABLE})",
        ),
        Comparison(
            "NAC",
            ("LSTM",),
            ("add", "sub"),
            f"goes on being right over 1,000 steps where an LSTM does not ({TABLE})",
        ),
    ),
    unsolved=("add", "sub", "mul", "square", "root"),
)
