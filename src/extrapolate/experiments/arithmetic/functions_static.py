"""Functions of two sums over parts of a vector, a + b to √a, on a wider range."""

from collections.abc import Iterator

from extrapolate.experiments import lab
from extrapolate.experiments.arithmetic import _functions
from extrapolate.experiments.arithmetic._functions import PAPER, SMOKE, FunctionsConfig
from extrapolate.tasks import SUM_FUNCTIONS

#: The models of the published table, and the functions whose score on the wider range it prints as 0.0.
VANISHING = {
    "ReLU6": (),
    "Linear": ("add", "sub"),
    "NAC": ("add", "sub"),
    "NALU": ("add", "sub", "mul", "square", "root"),
}


def findings(config: FunctionsConfig) -> Iterator[lab.Finding]:
    """The published scores, where NALU is alone with small ones, and from how few seeds it succeeds.

    A published 0.0 must print as 0.0 here and a large score must not; NALU's 0.7 for a ÷ b is not judged.
    """

    def score(model: str, function: str, column: str) -> lab.Measure:
        labels = {"unit": model, "function": function}
        return lab.of(lambda rows: rows[column].to_numpy(), labels, estimate=_functions.geometric_mean)

    for name, function in SUM_FUNCTIONS.items():
        for model, vanishing in VANISHING.items():
            words = {"exact": model, "model": model, "function": name, "formula": function.formula}
            id = (
                "{exact}/{function}/extrapolation"
                if name in vanishing
                else "{model}/{function}/extrapolation"
            )
            if (model, name) == ("NALU", "div"):
                id = "NALU/div/extrapolation"
            yield lab.Finding(id, score(model, name, "extrapolation"), words)
    yield lab.Finding("NALU/div/interpolation", score("NALU", "div", "interpolation"))
    for name in ("mul", "div", "square", "root"):
        measure = _functions.lead(name, "NALU", "ReLU6", "Linear", "NAC")
        words = {"function": name, "formula": SUM_FUNCTIONS[name].formula}
        yield lab.Finding("NALU/{function}/nearer-than-ReLU6-Linear-NAC", measure, words)
    yield from _functions.success(tuple(SUM_FUNCTIONS))


@lab.experiment(
    papers=["1808.00508", "2001.05016"],
    laptop=FunctionsConfig(seeds=10, steps=60_000, batch=64),
    paper=PAPER | {"steps": 5_000_000, "eval_every": 5_000, "in_features": 100, "samples": 2_000},
    smoke={
        **SMOKE,
        "models": ("Linear", "NALU"),
        "functions": ("add", "mul"),
        "steps": 20,
        "eval_every": 10,
        "samples": 50,
    },
    findings=findings,
    notes=_functions.notes,
    means=_functions.MEANS,
)
def functions_static(config: FunctionsConfig) -> Iterator[lab.Training]:
    for name in config.models:
        yield _functions.train_model(config, name)
