"""Functions of two sums accumulated over 10 steps, a + b to √a, tested on 1,000."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

from extrapolate.experiments.arithmetic._function_findings import TABLE, nearer, success, summarize
from extrapolate.experiments.arithmetic._function_networks import RECURRENT
from extrapolate.experiments.arithmetic._functions import SOURCE, Form, FunctionsConfig, notes, train_model
from extrapolate.experiments.config import names
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding
from extrapolate.experiments.training import Training
from extrapolate.tasks import Sequences, parse_range

RANGE = parse_range("U[1,2]")
FORM = Form(Sequences(RANGE, 10), Sequences(RANGE, 1_000), learning_rate=1e-2)


@dataclass(frozen=True, kw_only=True)
class RecurrentConfig(FunctionsConfig):
    """That of vectors, with recurrent models."""

    models: tuple[str, ...] = names(RECURRENT, "Models to train", "model")


def findings(config: RecurrentConfig) -> Iterator[Finding]:
    """NALU and NAC stay right over many steps, an LSTM does not; and from how few seeds NALU succeeds."""
    published = f"stays right over 1,000 steps where an LSTM does not ({TABLE})"
    learned = ("add", "sub", "mul", "square", "root")
    yield from nearer("NALU", ("LSTM",), learned, published)
    yield from nearer("NAC", ("LSTM",), ("add", "sub"), published)
    yield from success(learned)


@experiment(
    source=SOURCE,
    laptop=RecurrentConfig(steps=20_000, eval_every=500, in_features=10, hidden=8, batch=32, samples=50),
    paper={
        "seeds": 20,
        "steps": 100_000,
        "eval_every": 1_000,
        "hidden": 100,
        "batch": 128,
        "samples": 500,
        "epsilon": 1e-5,
    },
    smoke={
        "models": ("LSTM", "NALU"),
        "functions": ("mul",),
        "steps": 10,
        "eval_every": 5,
        "in_features": 8,
        "hidden": 4,
        "batch": 8,
        "samples": 10,
    },
    findings=findings,
    notes=partial(notes, form=FORM),
    summary=summarize,
)
def functions_recurrent(config: RecurrentConfig) -> Iterator[Training]:
    for name in config.models:
        yield train_model(config, FORM, name, RECURRENT[name])
