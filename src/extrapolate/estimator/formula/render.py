"""An expression as a reader wants it: plain text, LaTeX, and MathML for a page."""

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, cast
from xml.dom.minidom import Document

import sympy
from sympy.printing.mathml import MathMLPresentationPrinter

#: What LaTeX reads as commands, and how to write it as itself.
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

#: Digits of a number in LaTeX and MathML, which are looked at; the text has them all.
DIGITS = 6


@dataclass(frozen=True)
class RenderedExpression:
    """``text`` is what sympy parses over the symbols; the others show the columns' own names."""

    text: str
    latex: str
    mathml: str


def render(expression: sympy.Expr, symbols: Mapping[str, sympy.Symbol], target: str) -> RenderedExpression:
    """``symbols``: by column name. The LaTeX and MathML say ``target = expression``."""
    names = {symbol: name for name, symbol in symbols.items()}
    written = {symbol: latex_name(name) for symbol, name in names.items()}
    looked_at = round_numbers(expression, DIGITS)
    latex = sympy.latex(looked_at, symbol_names=written, full_prec=False, mul_symbol=r" \, ")
    return RenderedExpression(
        as_text(expression),
        f"{latex_name(target)} = {latex}",
        _mathml(looked_at, names, target),
    )


def as_text(expression: sympy.Expr) -> str:
    """Python and sympy read it; a float has the digits that give it back, and none more."""
    floats = {each: _shortest(float(each)) for each in expression.atoms(sympy.Float)}
    return sympy.sstr(expression.xreplace(floats), full_prec=False)


def _shortest(value: float) -> sympy.Float:
    digits = next(count for count in (15, 16, 17) if float(f"{value:.{count}g}") == value)
    return sympy.Float(f"{value:.{digits}g}", digits)


def round_numbers(expression: sympy.Expr, digits: int) -> sympy.Expr:
    """With every float at so many digits, and no precision beyond them."""
    floats = {each: sympy.Float(f"{float(each):.{digits}g}", digits) for each in expression.atoms(sympy.Float)}
    return cast(sympy.Expr, expression.xreplace(floats))


def latex_name(name: str) -> str:
    """A column's name in a formula: one letter in italics, longer ones upright."""
    if len(name) == 1 and name.isascii() and name.isalpha():
        return name
    clean = UNPRINTABLE.sub(" ", name)
    escaped = "".join(LATEX_ESCAPES.get(letter, letter) for letter in clean)
    return rf"\mathrm{{{escaped}}}" if clean.isidentifier() else rf"\text{{{escaped}}}"


class _MathML(MathMLPresentationPrinter):
    """Presentation MathML with the columns' names as text, whatever is in them."""

    def __init__(self, names: Mapping[sympy.Symbol, str]) -> None:
        super().__init__({"mul_symbol": "dot"})
        self.names = names

    def _print_Symbol(self, sym: Any, style: str = "plain") -> Any:  # noqa: N802 - sympy finds it by this name
        return self.name(self.names[sym])

    def name(self, name: str) -> Any:
        element = self.dom.createElement("mi")
        # Not sympy's own text nodes: they are written without escapes.
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
