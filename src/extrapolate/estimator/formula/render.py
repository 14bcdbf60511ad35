"""Render an expression as plain text, LaTeX and MathML."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from xml.dom.minidom import Document

import sympy
from sympy.printing.mathml import MathMLPresentationPrinter

#: Characters that LaTeX reads as commands, and their escapes.
LATEX_ESCAPES = {
    "\\": r"\textbackslash{}",
    "{": r"\{",
    "}": r"\}",
    "$": r"\$",
    "&": r"\&",
    "#": r"\#",
    "%": r"\%",
    "_": r"\_",
    "^": r"\textasciicircum{}",
    "~": r"\textasciitilde{}",
}
UNPRINTABLE = re.compile(r"[\x00-\x1f\x7f-\x9f]")

#: Significant digits of a number in LaTeX and MathML; the plain text has all digits.
DIGITS = 6


@dataclass(frozen=True)
class RenderedExpression:
    """An expression in three formats: ``text`` uses the symbols and sympy parses it; the others use column names."""

    text: str
    latex: str
    mathml: str


def render(expression: sympy.Expr, symbols: Mapping[str, sympy.Symbol], target: str) -> RenderedExpression:
    """Render an expression; ``symbols``: by column name. LaTeX and MathML contain ``target = expression``."""
    names = {symbol: name for name, symbol in symbols.items()}
    latex_names = {symbol: latex_name(name) for symbol, name in names.items()}
    rounded = round_numbers(expression, DIGITS)
    latex = sympy.latex(rounded, symbol_names=latex_names, full_prec=False, mul_symbol=r" \, ")
    return RenderedExpression(
        as_text(expression),
        f"{latex_name(target)} = {latex}",
        _mathml(rounded, names, target),
    )


def as_text(expression: sympy.Expr) -> str:
    """Return text that Python and sympy parse; a float has the fewest digits that restore it exactly."""
    floats = {each: _shortest(float(each)) for each in expression.atoms(sympy.Float)}
    return sympy.sstr(expression.xreplace(floats), full_prec=False)


def _shortest(value: float) -> sympy.Float:
    digits = next(count for count in (15, 16, 17) if float(f"{value:.{count}g}") == value)
    return sympy.Float(f"{value:.{digits}g}", digits)


def round_numbers(expression: sympy.Expr, digits: int) -> sympy.Expr:
    """Return the expression with every float rounded to ``digits`` significant digits and that precision."""
    floats = {each: sympy.Float(f"{float(each):.{digits}g}", digits) for each in expression.atoms(sympy.Float)}
    return cast(sympy.Expr, expression.xreplace(floats))


def latex_name(name: str) -> str:
    """Return a column's name for LaTeX: a single letter in italics, a longer name upright."""
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name
    clean = UNPRINTABLE.sub(" ", name)
    escaped = "".join(LATEX_ESCAPES.get(letter, letter) for letter in clean)
    return rf"\mathrm{{{escaped}}}" if clean.isidentifier() else rf"\text{{{escaped}}}"


class _MathML(MathMLPresentationPrinter):
    """Presentation MathML with the columns' names as escaped text."""

    def __init__(self, names: Mapping[sympy.Symbol, str]) -> None:
        super().__init__({"mul_symbol": "dot"})
        self.names = names

    def _print_Symbol(self, sym: Any, style: str = "plain") -> Any:  # noqa: N802 - sympy finds it by this name
        return self.name(self.names[sym])

    def name(self, name: str) -> Any:
        element = self.dom.createElement("mi")
        # sympy's own text nodes do not escape special characters.
        element.appendChild(Document().createTextNode(UNPRINTABLE.sub(" ", name)))
        return element


def _mathml(expression: sympy.Expr, names: Mapping[sympy.Symbol, str], target: str) -> str:
    printer = _MathML(names)
    row: Any = printer.dom.createElement("mrow")
    row.appendChild(printer.name(target))
    equals = printer.dom.createElement("mo")
    equals.appendChild(printer.dom.createTextNode("="))
    row.appendChild(equals)
    row.appendChild(printer._print(expression))
    return str(row.toxml())
