"""Curves over a quantity: computed from results, shown on the page."""

from pathlib import Path

import polars as pl

from extrapolate.experiments.curves import SCHEMA, Curve, curves_by, curves_table
from extrapolate.report.figures import Figure
from extrapolate.report.figures.curves import curves
from extrapolate.report.files import Folder, Manifest
from extrapolate.stats import NOTHING, Estimate, student

MANIFEST = Manifest("x", "x", "", "", "", "", "", None, None, {}, {}, {}, ())


def figure_of(path: Path, y_name: str, made: list[Curve]) -> Figure:
    table = curves_table("Error by length", "A lead.", "images", y_name, made)
    assert table.schema == pl.Schema(SCHEMA)
    table.write_parquet(path / "curves.parquet")
    figure = curves(Folder(path, MANIFEST, None, None, None, (), ()))
    assert figure is not None
    return figure


def test_one_point_per_value_with_its_interval() -> None:
    columns = {"model": ["NAC"] * 4 + ["LSTM"] * 2, "length": [10, 1, 10, 1, 1, 1]}
    results = pl.DataFrame(columns | {"task": "sum", "error": [3.0, 1.0, 5.0, 1.0, 7.0, 9.0]})
    nac, lstm = curves_by(results, "length", lambda rows: student(rows["error"].to_numpy()))
    assert (nac.group, nac.line) == ("sum", "NAC")
    assert [(x, each.value, each.n) for x, each in nac.points] == [(1.0, 1.0, 2), (10.0, 4.0, 2)]
    assert [each.value for _, each in lstm.points] == [8.0]


def test_each_line_has_a_panel_and_each_group_a_table(tmp_path: Path) -> None:
    made = [
        Curve("sum", "NAC", [(1, Estimate(1.0, 0.5, 1.5, 5)), (1000, Estimate(2.0, 1.0, 4.0, 5))]),
        Curve("sum", "<b>LSTM</b>", [(1, Estimate(1.0, None, None, 1)), (1000, NOTHING)]),
        Curve("count", "NAC", [(1, Estimate(float("inf"), None, None, 5))]),
    ]
    sums, counts = figure_of(tmp_path, "error", made).groups
    assert (sums.title, counts.title) == ("sum", "count")
    assert [panel.title for panel in sums.panels] == ["NAC", "<b>LSTM</b>"]
    assert "<b>" not in sums.panels[1].svg
    first, last = sums.table.rows
    assert [entry.text for entry in first] == ["1", "1", "1"]
    assert last[1].note.startswith("1")
    assert last[2].text == "–"
    points = [(float(x), Estimate(share, share, share, 5)) for x, share in enumerate((1.0, 0.5, 0.001))]
    (group,) = figure_of(tmp_path, "share of episodes", [Curve("g", "NAC", points)]).groups
    assert "100 %" in group.panels[0].svg


def test_without_a_table_of_curves_there_is_no_figure(tmp_path: Path) -> None:
    path, folder = tmp_path / "curves.parquet", Folder(tmp_path, MANIFEST, None, None, None, (), ())
    assert curves(folder) is None
    path.write_bytes(b"no table")
    assert curves(folder) is None
    pl.DataFrame({"x": [1.0]}).write_parquet(path)
    assert curves(folder) is None
