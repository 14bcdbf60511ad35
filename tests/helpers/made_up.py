"""Claims of an experiment for results that a test constructs."""

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from extrapolate.experiments import Claim, Experiment


def claims_of(
    experiment: Experiment, column: str, values: Mapping[str, Sequence[Any]], **others: Any
) -> dict[str, Claim]:
    """Return the claims, by id, of models whose ``column`` is ``values[unit][seed]``; ``others``: further columns."""
    rows = [
        {"model": unit, "seed": seed, column: value}
        for unit, each in values.items()
        for seed, value in enumerate(each)
    ]
    columns = {name: value if isinstance(value, pl.Expr) else pl.lit(value) for name, value in others.items()}
    return judged(experiment, pl.DataFrame(rows).with_columns(**columns))


def judged(experiment: Experiment, results: pl.DataFrame, config: Any = None) -> dict[str, Claim]:
    """Return the claims, by id, of results; ``config``: the laptop preset by default."""
    claims = experiment.claims(results, config or experiment.presets["laptop"])
    return {claim.id: claim for claim in claims}
