"""Functions of two sums over parts of a vector, a + b to √a, on a wider range."""

from collections.abc import Iterator
from functools import partial

from extrapolate.experiments.arithmetic._function_findings import (
    TABLE,
    nearer,
    published_scores,
    success,
    summarize,
)
from extrapolate.experiments.arithmetic._function_networks import STATIC
from extrapolate.experiments.arithmetic._functions import SOURCE, Form, FunctionsConfig, notes, train_model
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding
from extrapolate.experiments.training import Training
from extrapolate.tasks import SUM_FUNCTIONS, Sequences, parse_range

FORM = Form(Sequences(parse_range("U[1,2]")), Sequences(parse_range("U[2,6]")), learning_rate=1e-3)

#: Published scores on the wider range, by function and model.
EXTRAPOLATION = {
    "add": {"ReLU6": 42.6, "Linear": 0.0, "NAC": 0.0, "NALU": 0.0},
    "sub": {"ReLU6": 29.0, "Linear": 0.0, "NAC": 0.0, "NALU": 0.0},
    "mul": {"ReLU6": 10.0, "Linear": 29.5, "NAC": 33.3, "NALU": 0.0},
    "div": {"ReLU6": 37.2, "Linear": 52.3, "NAC": 61.3, "NALU": 0.7},
    "square": {"ReLU6": 47.0, "Linear": 25.1, "NAC": 53.3, "NALU": 0.0},
    "root": {"ReLU6": 10.3, "Linear": 20.0, "NAC": 16.4, "NALU": 0.0},
}

#: Published scores on the training range.
INTERPOLATION = {"div": {"NALU": 5.3}}


def findings(config: FunctionsConfig) -> Iterator[Finding]:
    """The published scores, where NALU is alone with small ones, and from how few seeds it succeeds."""
    yield from published_scores("extrapolation", EXTRAPOLATION)
    yield from published_scores("interpolation", INTERPOLATION)
    yield from nearer(
        "NALU",
        ("ReLU6", "Linear", "NAC"),
        ("mul", "div", "square", "root"),
        f"0.0 to 0.7 where the others have 10 to 61 ({TABLE})",
    )
    yield from success(tuple(SUM_FUNCTIONS))


@experiment(
    source=SOURCE,
    laptop=FunctionsConfig(seeds=10, steps=60_000, batch=64),
    paper={
        "seeds": 20,
        "steps": 5_000_000,
        "eval_every": 5_000,
        "in_features": 100,
        "hidden": 100,
        "batch": 128,
        "samples": 2_000,
        "epsilon": 1e-5,
    },
    smoke={
        "models": ("Linear", "NALU"),
        "functions": ("add", "mul"),
        "steps": 20,
        "eval_every": 10,
        "in_features": 8,
        "hidden": 4,
        "batch": 8,
        "samples": 50,
    },
    findings=findings,
    notes=partial(notes, form=FORM),
    summary=summarize,
)
def functions_static(config: FunctionsConfig) -> Iterator[Training]:
    for name in config.models:
        yield train_model(config, FORM, name, STATIC[name])
