"""Claims about sheets of questions: networks without an error on one, and the errors of each."""

import polars as pl

from extrapolate.experiments.findings import Claim, interval_of
from extrapolate.experiments.intervals import student, success_rate
from extrapolate.experiments.old import measurement


def exact(
    id: str, claim: str, published: str | None, rows: pl.DataFrame, sheet: str, unjudged: str | None
) -> Claim:
    """The share of networks without an error on ``sheet``; holds if there is one.

    Networks that were not given the sheet had errors on easier ones and count as not exact. ``unjudged``: why the
    claim is not judged, None if it is.
    """
    errors = rows[f"{sheet}/wrong"].cast(pl.Int64).drop_nulls()
    without, given = int((errors == 0).sum()), len(errors)
    rate = success_rate(without, rows.height)
    count = rows[f"{sheet}/of"][0]
    why = f"{without} of {rows.height} networks without an error on {count:,} sequences; {given} were given them"
    if without:
        why += f". No error among N sequences bounds the rate of errors by about 3/N, {3 / count:.2g} here"
    holds = without > 0 if unjudged is None else None
    return Claim(id, claim, published, rate.value, interval_of(rate), rate.n, holds, unjudged or why)


def share_wrong(id: str, claim: str, rows: pl.DataFrame, sheet: str) -> list[Claim]:
    """The mean share of wrong sequences on ``sheet`` over the networks that were given it; none where none was."""
    given = rows.filter(pl.col(f"{sheet}/wrong").is_not_null())
    if given.is_empty():
        return []
    errors = (given[f"{sheet}/wrong"] / given[f"{sheet}/of"]).to_numpy()
    count = given[f"{sheet}/of"][0]
    return [measurement(id, claim, student(errors), f"{count:,} sequences for each network")]
