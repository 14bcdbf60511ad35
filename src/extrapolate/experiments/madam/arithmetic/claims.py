"""What was measured: nobody has published Madam on arithmetic units."""

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.intervals import Estimate, difference_of_rates, success_rate
from extrapolate.experiments.old import measurement


def claims(results: pl.DataFrame) -> list[Claim]:
    """Success over all ranges with each optimizer, and the difference."""
    found = []
    for (unit, operation), rows in results.group_by("idea", "operation", maintain_order=True):
        rates = {str(name): _rate(each) for (name,), each in rows.group_by("optimizer", maintain_order=True)}
        where = f"{unit}, {operation}, all ranges together"
        for name, rate in rates.items():
            found.append(
                measurement(f"{unit}/{operation}/{name}", f"{where}: share solved with {name}", rate)
            )
        if {"Adam", "Madam"} <= rates.keys():
            more = difference_of_rates(rates["Madam"], rates["Adam"])
            text = f"{where}: share solved with Madam less that with Adam"
            found.append(measurement(f"{unit}/{operation}/difference", text, more))
    return found


def _rate(rows: pl.DataFrame) -> Estimate:
    return success_rate(int(rows["solved"].sum()), rows.height)
