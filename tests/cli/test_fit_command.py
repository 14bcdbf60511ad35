"""``extrapolate fit`` and ``predict``: the formula of a table, the JSON output, and clear error messages."""

import io
import json
from collections.abc import Callable
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import sympy
import typer
from typer.testing import CliRunner

from data_files import refused
from extrapolate.cli.fit import fit
from extrapolate.cli.predict import predict
from extrapolate.estimator.table import read_file

app = typer.Typer()
app.command()(fit)
app.command()(predict)


def run(*arguments: object) -> tuple[str, str]:
    """Run the command; return its stdout and stderr.

    Raises:
        UserError: as ``main`` receives it.
    """
    result = CliRunner().invoke(app, [str(each) for each in arguments])
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    assert result.exit_code == 0, result.output
    return result.stdout, result.stderr


def orders(rows: int = 120) -> pl.DataFrame:
    rng = np.random.default_rng(0)
    columns = {
        "price": rng.uniform(1, 100, rows).round(2),
        "qty": rng.integers(1, 20, rows),
        "shipping": rng.uniform(0, 15, rows).round(2),
        "weight": rng.uniform(0.1, 3, rows).round(3),
    }
    return pl.DataFrame(columns).with_columns(total=pl.col("price") * pl.col("qty") + pl.col("shipping"))


def write(path: Path, frame: pl.DataFrame) -> Path:
    if path.suffix == ".parquet":
        frame.write_parquet(path)
    else:
        frame.write_csv(path, separator="\t" if path.suffix == ".tsv" else ",")
    return path


def fitted(path: Path, out: Path, *options: object) -> dict[str, Any]:
    stdout, _ = run("fit", path, "--target", "total", "--json", "--out", out, *options)
    return json.loads(stdout)


@pytest.mark.parametrize("suffix", [".csv", ".tsv", ".parquet"])
def test_fit_finds_saves_and_predicts(tmp_path: Path, suffix: str) -> None:
    path = write(tmp_path / f"orders{suffix}", orders())
    found = fitted(path, tmp_path / "out")
    assert found["found"]
    symbols = {symbol: sympy.Symbol(symbol) for symbol in found["symbols"].values()}
    price, qty, shipping = (symbols[name] for name in ("price", "qty", "shipping"))
    parsed = sympy.parse_expr(found["expression"], local_dict=symbols)
    assert sympy.expand(parsed - price * qty - shipping) == 0
    assert found["certificate"]["exact"]
    assert found["certificate"]["agrees_in_fractions"]
    assert found["candidates"][0]["cost"] == 0
    assert 0 < found["seconds"] < 60
    files = {each.name for each in (tmp_path / "out").iterdir()}
    assert files == {"model.json", "fit.json", "points.parquet", "report.html"}

    elsewhere = orders(30).select("shipping", "price", "qty") * 100
    stdout, stderr = run("predict", tmp_path / "out", write(tmp_path / f"new{suffix}", elsewhere))
    predicted = pl.read_csv(io.StringIO(stdout))
    assert predicted.columns == ["shipping", "price", "qty", "predicted_total"]
    expected = elsewhere["price"] * elsewhere["qty"] + elsewhere["shipping"]
    np.testing.assert_allclose(predicted["predicted_total"], expected, rtol=1e-12)
    assert stderr == ""


def test_same_file_and_seed_give_the_same_answer(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", orders())
    answers = [fitted(path, tmp_path / name, "--seed", 3) | {"seconds": 0} for name in ("one", "two")]
    assert answers[0] == answers[1]
    models = [(tmp_path / name / "model.json").read_text() for name in ("one", "two")]
    assert models[0] == models[1]


def test_output_has_the_formula_the_page_and_the_command_to_apply_it(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.chdir(tmp_path)
    write(tmp_path / "orders.csv", orders())
    stdout, _ = run("fit", "orders.csv", "--target", "total")
    page = str(tmp_path / "runs" / "fit-orders-total" / "report.html")
    again = "extrapolate predict runs/fit-orders-total orders.csv"
    for words in ("total = price*qty + shipping", r"\mathrm{price}", "Next best", page, again):
        assert words in stdout


def test_without_a_formula_the_reason_is_reported(tmp_path: Path) -> None:
    noise = pl.Series(np.random.default_rng(1).standard_normal(120))
    path = write(tmp_path / "random.csv", orders().with_columns(total=noise).select("price", "qty", "total"))
    found = fitted(path, tmp_path / "out")
    assert not found["found"]
    assert found["expression"] is None
    assert found["reason"]
    stdout, stderr = run("predict", tmp_path / "out" / "model.json", path)
    assert np.isfinite(pl.read_csv(io.StringIO(stdout))["predicted_total"].to_numpy()).all()
    assert "found no formula" in stderr


def test_cells_where_the_formula_is_undefined_are_empty_and_counted(tmp_path: Path) -> None:
    rng = np.random.default_rng(0)
    frame = pl.DataFrame({"a": rng.uniform(1, 5, 60), "b b": rng.uniform(1, 5, 60)})
    path = write(tmp_path / "ratio.csv", frame.with_columns(total=pl.col("a") / pl.col("b b")))
    found = fitted(path, tmp_path / "out")
    assert found["expression"] == "a/b_b"
    assert found["symbols"] == {"a": "a", "b b": "b_b"}
    assert found["certificate"]["undefined"] == ["b_b = 0: division by zero"]
    (tmp_path / "new.csv").write_text("b b,a,note\n2,1,x\n0,1,y\n,1,z\n")
    out = tmp_path / "predicted.csv"
    _, stderr = run("predict", tmp_path / "out", tmp_path / "new.csv", "--out", out)
    assert pl.read_csv(out)["predicted_total"].to_list() == [0.5, None, None]
    assert "1 of 3 rows lack a value" in stderr
    assert "undefined on 1 of 3 rows" in stderr


def test_columns_of_text_can_be_ignored(tmp_path: Path) -> None:
    frame = orders().with_columns(city=pl.lit("Łódź, PL"), day=pl.lit("2024-02-03"))
    path = write(tmp_path / "orders.csv", frame)
    message = r"'city' holds text.*'day' holds dates.*--ignore city --ignore day"
    refused(lambda: fitted(path, tmp_path / "out"), message)
    assert fitted(path, tmp_path / "out", "--ignore", "city", "--ignore", "day")["found"]


def test_rows_with_gaps_are_counted_and_skipped_only_on_request(tmp_path: Path) -> None:
    lines = orders().write_csv().splitlines()
    lines[3] = lines[3].replace(lines[3].split(",")[0], "", 1)
    lines[5] = "inf" + lines[5][lines[5].index(",") :]
    lines[6] = "NaN" + lines[6][lines[6].index(",") :]
    path = tmp_path / "gaps.csv"
    path.write_text("\n".join(lines))
    message = r"3 of 120 rows .* 2 missing and 1 infinite in 'price'; .*--drop-missing"
    refused(lambda: fitted(path, tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()
    found = fitted(path, tmp_path / "out", "--drop-missing")
    assert found["found"]
    assert (found["rows"], found["rows_used"]) == (120, 117)
    assert "left out" in found["notes"][0]


@pytest.mark.parametrize("decimal", [".", ","])
def test_semicolons_and_decimal_commas_are_understood(tmp_path: Path, decimal: str) -> None:
    text = orders().write_csv(separator=";").replace(".", decimal)
    path = tmp_path / "orders.csv"
    path.write_bytes(b"\xef\xbb\xbf" + text.replace("\n", "\r\n").encode())
    assert fitted(path, tmp_path / "out")["found"]


def test_a_sample_of_a_very_large_file_is_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(read_file, "LARGEST", 100_000)
    for suffix in (".csv", ".parquet"):
        path = write(tmp_path / f"large{suffix}", orders(20_000))
        assert path.stat().st_size > 100_000
        found = fitted(path, tmp_path / f"out{suffix}")
        assert found["found"]
        assert 500 < found["rows"] < 10_000
        assert "sample" in found["notes"][0]
        stdout, _ = run("predict", tmp_path / f"out{suffix}", path)
        assert len(stdout.splitlines()) == 20_001, "every row has a prediction"


#: A function that damages the text of a file, or other contents; and the error message.
BAD: list[tuple[Callable[[str], str | bytes] | str | bytes, str]] = [
    (lambda text: text.replace("total", "totl", 1), r"unknown column 'total': did you mean totl\?"),
    (lambda text: text.replace("\n", "\n1,2,x5,4,9\n", 1), r"column 'shipping', row 1 \(line 2\): 'x5' is"),
    (lambda text: text.replace("weight", "price", 1), "two columns named 'price'"),
    (lambda text: text.splitlines()[0] + "\n", "column names but no rows"),
    (lambda text: "\n".join(text.splitlines()[:20]), "19 rows: at least 20"),
    (lambda text: text.replace("\n", "\n1,2,3,4,5,6\n", 1), "line 2 has 6 cells, but there are 5 columns"),
    (lambda text: text.replace("\n", "\n1,2,3,\xe9,5\n", 1).encode("latin-1"), "line 2 is not UTF-8"),
    (lambda text: "\n".join(text.splitlines()[1:]), "first line must name the columns"),
    (lambda text: text.encode("utf-16"), "UTF-16"),
    ("", "is empty"),
    ("\n\n", "is empty"),
    (bytes(range(256)) * 9, "not a table: it holds binary data"),
    (b"\x1f\x8b rest", "compressed"),
    (b"PAR1" + b"x" * 100, "cannot be read|not a table"),
    ("total\n" + "1\n2\n" * 30, "no column besides the target"),
    ("a,total\n" + "1,7\n2,7\n" * 30, "'total' is 7 in every row"),
    ("a,total\n" + "1,x\n2,y\n" * 30, r"'total' holds text \('x' in row 1"),
    ("a;total\n" + "1,000;2\n2,000;3\n" * 30, "'1,000' can be read in two ways"),
]


@pytest.mark.parametrize(("damage", "message"), BAD)
def test_bad_files_get_one_clear_line_and_write_nothing(tmp_path: Path, damage: Any, message: str) -> None:
    content: Any = damage(orders().write_csv()) if callable(damage) else damage
    path = tmp_path / "orders.csv"
    path.write_bytes(content if isinstance(content, bytes) else content.encode())
    refused(lambda: fitted(path, tmp_path / "out"), message)
    assert not (tmp_path / "out").exists()


def test_bad_paths_and_names_get_one_clear_line(tmp_path: Path) -> None:
    path = write(tmp_path / "orders.csv", orders())
    (tmp_path / "run").mkdir()
    (tmp_path / "run" / "manifest.json").write_text("{}")
    for file, out, message in (
        ("order.csv", "out", r"no such file: .*order\.csv; did you mean orders\.csv"),
        ("", "out", "is a folder"),
        ("orders.csv", "orders.csv", "is not a folder"),
        ("orders.csv", "run", "holds a run"),
    ):
        refused(partial(fitted, tmp_path / file, tmp_path / out), message)
    ignoring = partial(fitted, path, tmp_path / "out", "--ignore", "wieght")
    refused(ignoring, "unknown column 'wieght': did you mean weight")


MODEL: dict[str, object] = {
    "format": "extrapolate formula", "version": 1, "target": "y", "found": True, "columns": ["a", "b"], "root": 1,
    "sign": 1, "numerator": [{"coefficient": 2.0, "written": "2", "exponents": ["1", "-1/2"]}], "denominator": [],
}  # fmt: skip


def predicted(folder: Path, table: str, **changes: object) -> str:
    """Return the predictions of a saved formula 2·a/√b, with ``changes`` to its file."""
    (folder / "model.json").write_text(json.dumps(MODEL | changes))
    (folder / "new.csv").write_text(table)
    return run("predict", folder / "model.json", folder / "new.csv")[0]


TERMS: list[dict[str, object]] = [
    {"coefficient": "__import__('os')", "exponents": ["1", "1"]},
    {"coefficient": 1.0, "exponents": ["1", "9**9"]},
    {"coefficient": 1.0, "exponents": ["1", "1/0"]},
    {"exponents": ["1", "1"]},
]
DAMAGED: list[dict[str, object]] = [
    {"columns": ["a"]}, {"columns": ["a", "a"]}, {"columns": "ab"}, {"root": 3}, {"root": True}, {"numerator": []},
    *({"numerator": [term]} for term in TERMS), {"target": 5}, {"version": 99}, {"format": "other"},
]  # fmt: skip


@pytest.mark.parametrize("changes", DAMAGED)
def test_a_damaged_model_is_refused(tmp_path: Path, changes: dict[str, object]) -> None:
    assert predicted(tmp_path, "a,b\n3,4\n") == "a,b,predicted_y\n3,4,3.0\n"
    refused(lambda: predicted(tmp_path, "a,b\n3,4\n", **changes), r"model\.json is")


@pytest.mark.parametrize(
    ("text", "message"),
    [
        ("A,b\n1,2\n", "lacks a column that the formula needs: unknown column 'a': did you mean A"),
        ("a,b\n1,two\n", "column 'b' holds text"),
        ("a,b\n1,2\n1,two\n", r"column 'b', row 2 \(line 3\): 'two' is not a number; fix the cell$"),
        ("a,b,predicted_y\n1,2,3\n", "already has a column 'predicted_y'"),
        ("", "is empty"),
    ],
)
def test_a_table_without_the_columns_of_the_formula_is_refused(tmp_path: Path, text: str, message: str) -> None:
    refused(lambda: predicted(tmp_path, text), message)
    out = tmp_path / "out.csv"
    files = (tmp_path / "model.json", tmp_path / "new.csv")
    refused(lambda: run("predict", *files, "--out", out), message)
    assert not out.exists()
    refused(lambda: run("predict", tmp_path / "nothing", tmp_path / "new.csv"), "no such model")
