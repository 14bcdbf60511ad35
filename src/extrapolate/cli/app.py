"""The ``extrapolate`` command: its sub-commands, its error messages, its exit status."""

import os
import sys
import warnings
from typing import Annotated, Any, NoReturn

import typer
from typer.exceptions import Abort, TyperException

from extrapolate import __version__
from extrapolate._runtime.errors import UserError
from extrapolate._runtime.extras import needs_extra
from extrapolate.cli.compute import compute
from extrapolate.cli.fit import fit
from extrapolate.cli.list import list_experiments
from extrapolate.cli.predict import predict
from extrapolate.cli.report import report
from extrapolate.cli.run import RunGroup

USAGE, INTERRUPTED = 2, 130

app = typer.Typer(
    name="extrapolate",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
    context_settings={"help_option_names": ["-h", "--help"]},
)
app.command("list")(list_experiments)
app.add_typer(
    typer.Typer(cls=RunGroup, no_args_is_help=True, rich_markup_mode="rich"),
    name="run",
    help="Reproduce a published result: train the models, check the published findings, write a report page. "
    "Each experiment has its own options: extrapolate run single-module --help",
)
app.command()(report)
app.command()(fit)
app.command()(predict)
# an argument that begins with a dash may be a negative number, which has its own error message
app.command(context_settings={"ignore_unknown_options": True})(compute)


def _show_version(wanted: bool) -> None:
    if wanted:
        sys.stdout.write(f"extrapolate {__version__}\n")
        raise typer.Exit


@app.callback()
def extrapolate(
    show_version: Annotated[
        bool, typer.Option("--version", callback=_show_version, is_eager=True, help="Show the version.")
    ] = False,
) -> None:
    """Neural networks that learn the rule behind their examples and stay accurate outside the training range.

    Start with: extrapolate run single-module --units NMU,StochasticNMU
    """


def main(arguments: list[str] | None = None) -> NoReturn:
    """Run the command and exit: status 0 for success, 2 for invalid input, 130 if interrupted."""
    warnings.showwarning = _show_warning
    sys.exit(_status(arguments))


def _show_warning(message: Warning | str, *_: Any) -> None:
    sys.stderr.write(f"note: {message}\n")


def _status(arguments: list[str] | None) -> int:
    command = next(iter(sys.argv[1:] if arguments is None else arguments), "")
    try:
        with needs_extra("fit" if command in ("fit", "predict") else "experiments", f"extrapolate {command}"):
            return app(arguments, prog_name="extrapolate", standalone_mode=False) or 0
    except UserError as error:
        return _report_failure(str(error))
    except TyperException as error:
        return _report_misuse(error)
    except Abort:
        return INTERRUPTED
    except BrokenPipeError:  # the reader of the pipe has closed it
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 0
    except KeyboardInterrupt:  # the second Ctrl-C: the first one requested a stop
        return INTERRUPTED
    except OSError as error:  # such as a file name that is too long, or a read-only file system
        return _report_failure(f"{error.filename or 'the operation failed'}: {error.strerror or error}")


def _report_misuse(error: TyperException) -> int:
    """Report a wrong option or argument. Without arguments, typer has already printed the help (empty message)."""
    message, context = error.format_message(), getattr(error, "ctx", None)
    if not message:
        return USAGE
    return _report_failure(f"{message} See {context.command_path} --help" if context else message)


def _report_failure(message: str) -> int:
    sys.stderr.write(f"error: {' '.join(message.split())}\n")
    return USAGE
