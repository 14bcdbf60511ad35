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
        {"unit": unit, "seed": seed, column: own[seed]}
        for unit, own in values.items()
        for seed in range(len(own))
    ]
    columns = {name: own if isinstance(own, pl.Expr) else pl.lit(own) for name, own in others.items()}
    claims = experiment.claims(pl.DataFrame(rows).with_columns(**columns), experiment.presets["laptop"])
    return {claim.id: claim for claim in claims}
