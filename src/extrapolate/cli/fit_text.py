"""The result of a fit, printed to the terminal."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extrapolate.report.fit_words import coefficient_error, coefficient_value, evidence, headline, short
from extrapolate.report.words import number, printable, value

#: Maximum number of other formulas.
OTHERS = 5

#: Maximum number of characters of a formula in a table.
WIDEST = 160


def print_fit(found: dict[str, Any], console: Console) -> None:
    """Print the result of a fit. ``found``: the object of ``--json``."""

    def print_line(text: str, style: str = "") -> None:
        console.print(Text(printable(text), style=style), soft_wrap=True)

    print_line(headline(found), "bold")
    if found["found"]:
        print_line(f"\n  {found['target']} = {found['expression']}\n", "bold cyan")
        print_line(f"LaTeX: {found['latex']}", "dim")
        renamed = {name: symbol for name, symbol in found["symbols"].items() if name != symbol}
        for name, symbol in renamed.items():
            print_line(f"  {symbol} is the column {name!r}", "dim")
    else:
        print_line(
            f"  predictions use the best sum of columns: {found['target']} = {short(found['fallback'], WIDEST)}",
            "dim",
        )
    for line in evidence(found):
        print_line(f"• {line}")
    if found["found"]:
        console.print(_coefficients(found))
    if others := [each for each in found["candidates"] if each["cost"]][:OTHERS]:
        console.print(_candidates(others))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for index, column in enumerate(columns):
        justify = "left" if index == 0 else "right"
        table.add_column(column, justify=justify, overflow="fold")
    return table


def _coefficients(found: dict[str, Any]) -> Table:
    table = _table("\nCoefficients", "term", "value", "standard error")
    for each in found["coefficients"]:
        part = " (denominator)" if each["part"] == "denominator" else ""
        table.add_row(Text(each["term"] + part), Text(coefficient_value(each)), Text(coefficient_error(each)))
    return table


def _candidates(others: list[dict[str, Any]]) -> Table:
    table = _table("\nNext best", "formula", "error inside", "error outside", "extra cost (nats)")
    for each in others:
        errors = (value(each["inner_error"]), value(each["outer_error"]))
        table.add_row(Text(short(each["expression"], WIDEST)), *errors, f"+{number(each['cost'])}")
    return table
