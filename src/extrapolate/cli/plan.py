"""``extrapolate run NAME --plan``: estimate the time and memory of a run."""

from typing import Any

from rich.table import Table

from extrapolate.cli.console import print_json, stderr_console, stdout_console


def print_plan(experiment: Any, config: Any, workers: int, as_json: bool) -> None:
    """Time a few trainings briefly and print the estimated time and memory of the whole run."""
    from extrapolate.experiments.cost import estimate_cost

    console = stderr_console()
    console.print(f"{experiment.outline(config)}; timing some of the trainings", markup=False, soft_wrap=True)
    cost = estimate_cost(experiment, config, lambda text: console.print(text, style="dim", markup=False))
    figures = {
        "trainings": len(cost.hours),
        "timed": cost.timed,
        "models": cost.models,
        "cpu_hours": round(sum(cost.hours), 6),
        "workers": workers,
        "wall_hours": round(cost.wall_hours(workers), 6),
        "peak_mib_per_worker": round(cost.peak_mib),
        "weights_mib": round(cost.weights_mib, 1),
    }
    if as_json:
        print_json(figures)
        return
    table = Table(show_header=False, box=None, pad_edge=False)
    for name, value in (
        ("trainings", f"{len(cost.hours):,} with {cost.models:,} models in total; {cost.timed} trainings were timed"),
        ("processor time", _duration(sum(cost.hours))),
        ("expected time", f"{_duration(cost.wall_hours(workers))} on {workers} core{'s' * (workers > 1)}"),
        ("memory", f"about {cost.peak_mib:,.0f} MiB for each of {workers} process{'es' * (workers > 1)}"),
        ("results", f"about {cost.weights_mib:,.1f} MiB of weights"),
    ):
        table.add_row(name, value)
    stdout_console().print(table)


def _duration(hours: float) -> str:
    """Return the duration in seconds, minutes or hours, such as ``4.2 hours``."""
    if hours < 1 / 60:
        return f"{3600 * hours:.0f} seconds"
    if hours < 1:
        return f"{60 * hours:.0f} minutes"
    return f"{hours:,.1f} hours" if hours < 100 else f"{hours:,.0f} hours"
