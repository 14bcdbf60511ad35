"""``extrapolate fit``: find the formula in a table; save it, print it and check that it is exact."""

import os
import re
import shlex
import time
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from extrapolate._runtime.errors import UserError
from extrapolate.cli.console import format_command, print_json, stderr_console, stdout_console

if TYPE_CHECKING:
    from extrapolate.estimator import ArithmeticRegressor
    from extrapolate.estimator.table.fit_data import FitData

#: File names in the folder of a fit; the page has its own.
MODEL, ANSWER, POINTS = "model.json", "fit.json", "points.parquet"


def fit(
    file: Annotated[Path, typer.Argument(metavar="FILE", help="A table: CSV, TSV or parquet.")],
    target: Annotated[str, typer.Option(metavar="COLUMN", help="The column to express as a formula of the others.")],
    ignore: Annotated[
        list[str] | None,
        typer.Option(metavar="COLUMN", help="Do not use this column. Repeat the option for several."),
    ] = None,
    seconds: Annotated[
        float, typer.Option(help="Time limit of the search, in seconds. Most searches end earlier.")
    ] = 60.0,
    seed: Annotated[int, typer.Option(min=0, max=2**31 - 1, help="Seed of the search.")] = 0,
    drop_missing: Annotated[
        bool, typer.Option("--drop-missing", help="Skip rows with missing, NaN or infinite cells.")
    ] = False,
    as_json: Annotated[bool, typer.Option("--json", help="Print the result as one JSON object.")] = False,
    out: Annotated[
        Path | None, typer.Option(metavar="DIR", help="Output folder.", show_default="a folder in runs/")
    ] = None,
) -> None:
    """Find the arithmetic formula of one column of a table, and check how exactly it fits.

    Writes the formula, the results of the checks and a report page to a folder. If no formula is found, the report
    explains why. Apply the formula to other tables with extrapolate predict.
    """
    from extrapolate.cli.fit_text import print_fit
    from extrapolate.estimator.results import answer
    from extrapolate.estimator.table.fit_data import read_fit_data

    if not seconds > 0:
        raise UserError(f"--seconds {seconds:g}: the time limit must be above 0; the default is 60")
    folder = out or Path("runs") / f"fit-{_name_part(file.stem)}-{_name_part(target)}"
    _check_folder(folder)
    start = time.monotonic()
    data = read_fit_data(file, target, ignore or (), drop_missing=drop_missing)
    if not as_json:
        for note in data.notes:
            stderr_console().print(f"note: {note}", style="yellow", markup=False, soft_wrap=True)
    model = _search(data, seconds, seed)
    found = answer(model, data, file=file.name, target=target, seed=seed, began=start)
    page = _write(folder, model, data, found)
    if as_json:
        print_json(found)
        return
    console = stdout_console()
    print_fit(found, console)
    console.print(f"\nThe page: {page.resolve()}", markup=False, soft_wrap=True)
    command = shlex.join(["extrapolate", "predict", str(folder), str(file)])
    console.print(f"Apply it: {command}", markup=False, soft_wrap=True)


def _search(data: "FitData", seconds: float, seed: int) -> "ArithmeticRegressor":
    import polars as pl

    from extrapolate._runtime.progress import Interrupted, stop_on_signals
    from extrapolate.cli.fit_display import display
    from extrapolate.estimator import ArithmeticRegressor

    console = stderr_console()
    try:
        with stop_on_signals() as stop, display(console, stop) as progress:
            model = ArithmeticRegressor(time_limit=seconds, random_state=seed, progress=progress)
            return model.fit(pl.DataFrame(data.x, schema=list(data.names)), data.y)
    except Interrupted as stopped:
        console.print(f"{stopped}: nothing was written", style="yellow", markup=False, soft_wrap=True)
        raise typer.Exit(130) from None


def _name_part(name: str) -> str:
    """Return ``name`` as part of a folder name that every file system accepts."""
    return re.sub(r"[^\w.-]+", "-", name).strip("-.")[:60] or "table"


def _check_folder(folder: Path) -> None:
    """Check before the search that its files can be written.

    Raises:
        UserError: the folder is a file, belongs to a run, or cannot be written to.
    """
    existing = next(each for each in (folder, *folder.absolute().parents) if each.exists())
    if not existing.is_dir():
        raise UserError(f"{existing} is not a folder: choose another --out")
    if not os.access(existing, os.W_OK | os.X_OK):
        raise UserError(f"{existing} cannot be written to: choose another --out")
    if (folder / "manifest.json").exists():
        raise UserError(f"{folder} holds a run of `extrapolate run`: choose another --out")


def _write(folder: Path, model: "ArithmeticRegressor", data: "FitData", found: dict[str, Any]) -> Path:
    """Write all files of the folder, each one atomically, and return the path of the page."""
    import json

    import polars as pl

    from extrapolate._runtime.files import replacing, write_text
    from extrapolate.estimator.formula.saved import formula_as_json
    from extrapolate.estimator.results import circumstances
    from extrapolate.report.fit_page import write_fit_page

    saved = formula_as_json(model.formula_, data.names, found["target"], found=model.found_)
    points = {"actual": data.y, "predicted": model.formula_.predict(data.x), "outer": model.outer_}
    made = circumstances(format_command())
    try:
        folder.mkdir(parents=True, exist_ok=True)
        write_text(folder / MODEL, json.dumps(saved, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        with replacing(folder / POINTS) as temporary:
            pl.DataFrame(points).write_parquet(temporary)
        write_text(folder / ANSWER, json.dumps(found | made, indent=2, ensure_ascii=False, allow_nan=False) + "\n")
        return write_fit_page(folder)
    except OSError as error:
        raise UserError(f"{folder} cannot be written ({error.strerror or error}): choose another --out") from error
