"""``extrapolate run NAME``: one sub-command per experiment; its options are the fields of the settings."""

import hashlib
import inspect
import re
from collections.abc import Callable
from pathlib import Path
from typing import Annotated, Any

import typer
from rich.markup import escape
from typer.core import TyperCommand, TyperGroup

from extrapolate._runtime.errors import unknown_name_error
from extrapolate.cli.console import format_command, stderr_console
from extrapolate.cli.plan import print_plan
from extrapolate.cli.report import print_report

DEFAULT_PRESET = "laptop"


class RunGroup(TyperGroup):
    """Imports an experiment only when its sub-command is called; the list needs only names and titles."""

    def list_commands(self, ctx: Any) -> list[str]:
        from extrapolate.experiments import EXPERIMENTS

        return list(EXPERIMENTS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        """Return a stub with the title, for the list of sub-commands."""
        from extrapolate.experiments import EXPERIMENTS

        return TyperCommand(cmd_name, help=escape(f"{EXPERIMENTS.title(cmd_name)}."))

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        """Return the called sub-command, with its options."""
        from extrapolate.experiments import get_experiment

        name, *rest = args
        return name, command_for(get_experiment(name)), rest


def command_for(experiment: Any) -> Any:
    """Return the sub-command of one experiment."""
    single = typer.Typer(add_completion=False, rich_markup_mode="rich")
    presets = "\n\n".join(
        f"--preset {name}: {experiment.outline(each)}." for name, each in experiment.presets.items()
    )
    body = _body(experiment)
    single.command(
        experiment.name,
        help=escape(
            f"{experiment.title}.\n\n{presets}\n\nRun the same command again to resume a run that was stopped."
        ),
        epilog=escape(f"Reproduces {experiment.source}."),
    )(body)
    command = typer.main.get_command(single)
    command.name = experiment.name
    return command


def _body(experiment: Any) -> Callable[..., None]:
    """Return the function whose signature defines the sub-command's options, which are known only at run time."""
    from extrapolate._runtime.machine import cores
    from extrapolate.experiments.options import options_of, serialize_config

    defaults = serialize_config(laptop := experiment.presets[DEFAULT_PRESET])

    def command(
        preset: str, out: Path | None, workers: int | None, plan: bool, as_json: bool, **options: str | None
    ) -> None:
        config = _configure(experiment, preset, options)
        count = workers or (cores() if config.device == "cpu" else 1)
        if plan:
            print_plan(experiment, config, count, as_json)
        else:
            _run(experiment, preset, config, out or default_folder(experiment, preset, config), count, as_json)

    def parameter(name: str, kind: Any, default: Any, info: Any) -> inspect.Parameter:
        keyword = inspect.Parameter.KEYWORD_ONLY
        return inspect.Parameter(name, keyword, annotation=Annotated[kind, info], default=default)

    presets = f"Set of settings: {', '.join(experiment.presets)}; see above."
    workers = "Number of training processes (one core each)."
    plan = "Estimate the processor time and memory of the run by timing a few trainings, and exit."
    parameters = [
        parameter("preset", str, DEFAULT_PRESET, typer.Option(help=presets, metavar="NAME")),
        *(
            parameter(name, str | None, None, _option_info(option, defaults[name]))
            for name, option in options_of(laptop).items()
        ),
        parameter("out", Path | None, None, typer.Option(help="Output folder.", show_default="a folder in runs/")),
        parameter(
            "workers",
            int | None,
            None,
            typer.Option(help=workers, min=1, metavar="N", show_default="number of cores; 1 on a GPU"),
        ),
        parameter("plan", bool, False, typer.Option("--plan", help=plan)),
        parameter("as_json", bool, False, typer.Option("--json", help="Print the results as one JSON object.")),
    ]
    command.__signature__ = inspect.Signature(parameters)  # type: ignore[attr-defined]
    command.__annotations__ = {each.name: each.annotation for each in parameters}
    return command


def _option_info(option: Any, default: str) -> Any:
    text = f"{DEFAULT_PRESET}: {escape(re.sub(',(?=[^ 0-9-])', ', ', default))}"
    return typer.Option(help=escape(option.help), show_default=text, metavar=option.metavar)


def _configure(experiment: Any, preset: str, options: dict[str, str | None]) -> Any:
    """Return the settings: the preset, changed by the options of the command line."""
    from extrapolate.experiments.options import with_options

    if preset not in experiment.presets:
        raise unknown_name_error("preset", preset, list(experiment.presets))
    texts = {name: text for name, text in options.items() if text is not None}
    return with_options(experiment.presets[preset], texts)


def _run(experiment: Any, preset: str, config: Any, folder: Path, workers: int, as_json: bool) -> None:
    from extrapolate._runtime.machine import keep_freed_memory
    from extrapolate._runtime.progress import Interrupted, stop_on_signals
    from extrapolate.cli.progress import display
    from extrapolate.experiments import run

    console = stderr_console()
    console.print(f"{experiment.outline(config)}, in {folder}", markup=False, soft_wrap=True)
    keep_freed_memory()
    try:
        with stop_on_signals() as stop, display(console, stop) as progress:
            run(
                experiment,
                config,
                preset=preset,
                folder=folder,
                command=format_command(),
                display=progress,
                workers=workers,
            )
    except Interrupted as stopped:
        _show_partial_results(folder)
        again = "run the same command again to resume"
        console.print(f"{stopped}: {again}", style="yellow", markup=False, soft_wrap=True)
        raise typer.Exit(130) from None
    print_report(folder, as_json)


def default_folder(experiment: Any, preset: str, config: Any) -> Path:
    """Return ``runs/NAME-PRESET``, plus a digest of the options that differ from the preset."""
    from extrapolate.experiments.options import serialize_config

    usual = serialize_config(experiment.presets[preset])
    changed = {name: text for name, text in serialize_config(config).items() if text != usual[name]}
    digest = hashlib.blake2b(repr(sorted(changed.items())).encode(), digest_size=4).hexdigest()
    return Path("runs") / "-".join([experiment.name, preset, *([digest] if changed else [])])


def _show_partial_results(folder: Path) -> None:
    """Write the page of the finished trainings, if there are any."""
    from extrapolate.report import write_page

    if (folder / "results.parquet").exists():
        stderr_console().print(f"The page so far: {write_page(folder).resolve()}", markup=False, soft_wrap=True)
