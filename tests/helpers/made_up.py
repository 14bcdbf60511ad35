"""Claims of results that a test makes up."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from extrapolate.experiments import Claim, Experiment


def claims_of(
    experiment: Experiment, column: str, values: Mapping[str, Sequence[Any]], **others: Any
) -> dict[str, Claim]:
    """The claims, by id, of models whose ``column`` is ``values[unit][seed]``; ``others`` are further columns."""
    rows = [
        {"model": unit, "seed": seed, column: own[seed]} for unit, own in values.items() for seed in range(len(own))
    ]
    columns = {name: own if isinstance(own, pl.Expr) else pl.lit(own) for name, own in others.items()}
    return judged(experiment, pl.DataFrame(rows).with_columns(**columns))


def judged(experiment: Experiment, results: pl.DataFrame, config: Any = None) -> dict[str, Claim]:
    """The claims, by id, of results; under the laptop preset unless there is a ``config``."""
    found = experiment.claims(results, config or experiment.presets["laptop"])
    return {claim.id: claim for claim in found}
