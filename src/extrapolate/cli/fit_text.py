"""What a fit found, in the terminal."""

from typing import Any

from rich import box
from rich.console import Console
from rich.table import Table
from rich.text import Text

from extrapolate.report.fit_words import coefficient_error, coefficient_value, evidence, headline, short
from extrapolate.report.words import number, printable, value

#: Other formulas shown, at most.
OTHERS = 5

#: Letters of a formula in a table.
WIDEST = 160


def print_fit(found: dict[str, Any], console: Console) -> None:
    """``found``: the object of ``--json``."""

    def say(text: str, style: str = "") -> None:
        console.print(Text(printable(text), style=style), soft_wrap=True)

    say(headline(found), "bold")
    if found["found"]:
        say(f"\n  {found['target']} = {found['expression']}\n", "bold cyan")
        say(f"LaTeX: {found['latex']}", "dim")
        renamed = {name: symbol for name, symbol in found["symbols"].items() if name != symbol}
        for name, symbol in renamed.items():
            say(f"  {symbol} is the column {name!r}", "dim")
    else:
        say(f"  predictions would come from: {found['target']} = {short(found['fallback'], WIDEST)}", "dim")
    for line in evidence(found):
        say(f"• {line}")
    if found["found"]:
        console.print(_coefficients(found))
    if others := [each for each in found["candidates"] if each["cost"]][:OTHERS]:
        console.print(_candidates(others))


def _table(title: str, *columns: str) -> Table:
    table = Table(title=Text(title), title_justify="left", box=box.SIMPLE_HEAD, pad_edge=False, show_edge=False)
    for place, column in enumerate(columns):
        justify = "left" if place == 0 else "right"
        table.add_column(column, justify=justify, overflow="fold")
    return table


def _coefficients(found: dict[str, Any]) -> Table:
    table = _table("\nCoefficients", "of", "value", "standard error")
    for each in found["coefficients"]:
        place = " (below)" if each["part"] == "denominator" else ""
        table.add_row(Text(each["term"] + place), Text(coefficient_value(each)), Text(coefficient_error(each)))
    return table


def _candidates(others: list[dict[str, Any]]) -> Table:
    table = _table("\nNext best", "formula", "error inside", "outside", "costs (nats)")
    for each in others:
        errors = (value(each["inner_error"]), value(each["outer_error"]))
        table.add_row(Text(short(each["expression"], WIDEST)), *errors, f"+{number(each['cost'])}")
    return table
