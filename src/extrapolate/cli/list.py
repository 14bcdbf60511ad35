"""``extrapolate list``: the experiments, and what each preset trains."""

from typing import Annotated, Any

import typer
from rich.text import Text

from extrapolate.cli.console import print_json, stdout_console


def list_experiments(
    as_json: Annotated[bool, typer.Option("--json", help="Print the experiments as one JSON list.")] = False,
) -> None:
    """List the experiments with their papers, and the models that each preset (size of a run) trains."""
    from extrapolate.experiments import EXPERIMENTS

    if as_json:
        print_json([_describe(each) for each in EXPERIMENTS.values()])
        return
    console = stdout_console()
    for each in EXPERIMENTS.values():
        console.print(Text(each.name, style="bold cyan"), Text(each.title))
        for preset, settings in each.presets.items():
            console.print(Text(f"  {preset:<8}", style="bold"), Text(each.outline(settings)))
        console.print(Text(f"  {each.source}", style="dim"))
        console.print(Text(f"  extrapolate run {each.name} --help"))


def _describe(experiment: Any) -> dict[str, Any]:
    from extrapolate.experiments.options import options_of, serialize_config

    presets = experiment.presets.items()
    first = next(iter(experiment.presets.values()))
    return {
        "name": experiment.name,
        "title": experiment.title,
        "source": experiment.source,
        "presets": {name: serialize_config(each) | {"outline": experiment.outline(each)} for name, each in presets},
        "options": {name: option.help for name, option in options_of(first).items()},
    }
