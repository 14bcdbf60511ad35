"""The page of a fit: exact, with noise, without a formula, and with names that contain markup."""

import json
import re
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sympy

from data_files import refused
from extrapolate.estimator.formula.render import render
from extrapolate.report.fit_page import mathml, write_fit_page
from pages import HOSTILE, Page


def answer(**changes: Any) -> dict[str, Any]:
    """A fit.json of y = 2·a/b with noise; ``changes`` replace its parts."""
    a, b = sympy.symbols("a b")
    formula = render(2 * a / b, {"a": a, "b": b}, "y")
    certificate = {
        "exact": False, "inner_error": 0.01, "outer_error": 0.012, "outer_rows": 20, "noise": 0.01,
        "noise_grows": True, "residual_structure": -0.1, "agrees_in_fractions": True, "checked_points": 24,
        "checked_reach": 5e5, "undefined": ["b = 0: division by zero"], "time_limit_struck": False, "reason": None,
    }  # fmt: skip
    coefficient = {"term": "a/b", "part": "numerator", "value": 2.0, "written": "2", "estimate": 2.001}
    candidate = {"complexity": 3, "inner_error": 0.01, "outer_error": 0.012}
    return {
        "found": True,
        "expression": formula.text,
        "target": "y",
        "symbols": {"a": "a", "b": "b"},
        "latex": formula.latex,
        "mathml": formula.mathml,
        "reason": None,
        "fallback": None,
        "coefficients": [coefficient | {"standard_error": 0.001}],
        "certificate": certificate,
        "candidates": [
            candidate | {"expression": formula.text, "cost": 0.0},
            candidate | {"expression": "1.23456789012345*a", "cost": 12.0, "complexity": 2},
        ],
        "file": "table.csv",
        "rows": 100,
        "rows_used": 100,
        "columns": ["a", "b"],
        "notes": [],
        "seed": 0,
        "seconds": 1.5,
        "command": "extrapolate fit table.csv --target y",
        "finished": "2026-01-02T03:04:05+00:00",
        "versions": {"extrapolate": "0.1.0"},
    } | changes


def page(folder: Path, content: dict[str, Any]) -> str:
    rng = np.random.default_rng(0)
    actual = rng.uniform(1, 10, 100)
    points = {"actual": actual, "predicted": actual * rng.uniform(0.99, 1.01, 100), "outer": actual > 8}
    (folder / "fit.json").write_text(json.dumps(content))
    pl.DataFrame(points).write_parquet(folder / "points.parquet")
    return write_fit_page(folder).read_text(encoding="utf-8")


def test_page_shows_the_formula_its_evidence_and_the_rows(tmp_path: Path) -> None:
    reader = Page(page(tmp_path, answer()))
    formula = ("A formula for y, with noise", "2*a/b", r"\frac{2 \, a}{b}", "1.2346*a")
    evidence = ("about 1 % of the value", "Undefined where b = 0: division by zero.")
    for words in (*formula, *evidence, "extrapolate fit table.csv --target y"):
        assert words in reader.text
    assert {"math", "mfrac"} <= reader.tags
    assert reader.count("figure") == 3
    assert not [value for value in reader.values if re.match(r"(https?:)?//", value)]


def test_page_without_a_formula_has_the_reason(tmp_path: Path) -> None:
    reason = "the best formula leaves 40% of the variance unexplained"
    none = {"found": False, "expression": None, "latex": None, "mathml": None, "fallback": "0.5*a + 3"}
    content = answer(**none, reason=reason)
    content["certificate"] |= {"reason": reason, "agrees_in_fractions": False, "time_limit_struck": True}
    reader = Page(page(tmp_path, content))
    assert "No formula found for y" in reader.text
    assert reason[0].upper() + reason[1:] in reader.text
    assert "0.5*a + 3" in reader.text
    assert "time limit" in reader.text
    assert not reader.count("math")


def test_page_of_an_exact_formula_and_number_of_plotted_rows(tmp_path: Path) -> None:
    content = answer()
    content["certificate"] |= {"exact": True, "inner_error": 1e-16, "outer_error": None, "undefined": []}
    assert "Defined everywhere." in Page(page(tmp_path, content)).text
    points = pl.DataFrame({"actual": [1.0, 2.0], "predicted": [None, 2.0], "outer": [True, False]})
    points.write_parquet(tmp_path / "points.parquet")
    assert "The plots show 1 of 2 rows" in Page(write_fit_page(tmp_path).read_text(encoding="utf-8")).text


@pytest.mark.parametrize("name", HOSTILE)
def test_hostile_names_are_only_text(tmp_path: Path, name: str) -> None:
    a, b = sympy.symbols("a b")
    formula = render(2 * a / b, {name: a, "b": b}, name)
    named = dict.fromkeys(("target", "file", "command"), name) | {"columns": [name, "b"], "notes": [name]}
    content = answer(symbols={name: "a", "b": "b"}, latex=formula.latex, mathml=formula.mathml, **named)
    plain, reader = Page(page(tmp_path, answer())), Page(page(tmp_path, content))
    assert reader.tags <= {*plain.tags, "p"}
    assert not [key for _, attributes in reader.elements for key in attributes if key.startswith("on")]
    visible = re.sub("[\x00\x1b]", "\ufffd", name)
    assert visible in reader.text
    assert "\x1b" not in reader.text
    assert reader.count("math")


def test_latex_names_are_escaped() -> None:
    a = sympy.Symbol("a")
    assert render(a, {"50% of_x & {y}": a}, "y_t").latex == r"\mathrm{y\_t} = \text{50\% of\_x \& \{y\}}"
    assert render(a, {"\\": a}, "#").latex == r"\text{\#} = \text{\textbackslash{}}"


def test_floats_in_the_text_of_a_formula_are_exact() -> None:
    x = sympy.Symbol("x")
    for value in (8.314, 1 / 3, 1e-7, 6.02214076e23, 0.1 + 0.2):
        text = render(sympy.Float(value, 17) * x, {"x": x}, "y").text
        assert float(text.removesuffix("*x")) == value
    assert render(sympy.Float(8.314, 17) * x, {"x": x}, "y").text == "8.314*x"


@pytest.mark.parametrize(
    ("text", "result"),
    [
        ("<mrow><script>1</script></mrow>", None),
        ("<mrow><mi href='javascript:1'>x</mi><mtext>y</mtext></mrow>", None),
        *((text, None) for text in ("<mrow>", "", None)),
        ("<mrow><mi onclick='x'>a</mi></mrow>", "<mrow><mi>a</mi></mrow>"),
    ],
)
def test_mathml_with_other_elements_is_refused_and_attributes_are_removed(
    text: str | None, result: str | None
) -> None:
    assert mathml(text) == result


def test_a_folder_without_a_fit_is_an_error(tmp_path: Path) -> None:
    for _ in range(2):
        refused(lambda: write_fit_page(tmp_path), "not the folder of `extrapolate fit`")
        page(tmp_path, answer())
        (tmp_path / "fit.json").write_text("[1, 2]")
