"""The report of a run as a page and in the terminal: finished, unfinished, or with hostile names."""

import io
import json
import math
import os
import re
from itertools import product
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
from rich.console import Console

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.run_folder import FORMAT
from extrapolate.experiments.summary import summarize
from extrapolate.report import ReportError, print_summary, read, write_page
from extrapolate.report import page as page_module
from pages import HOSTILE, Page, assert_self_contained

UNITS = ("NMU", "StochasticNMU", "BatchStochasticNMU", "NACMul", "NALU", "MLP")
RANGES = {
    "U[-20,-10]": ("U[-40,-20]", -20.0, -10.0),
    "U[-2,-1]": ("U[-6,-2]", -2.0, -1.0),
    "U[-1.2,-1.1]": ("U[-6.1,-1.2]", -1.2, -1.1),
    "U[-0.2,-0.1]": ("U[-2,-0.2]", -0.2, -0.1),
    "U[-2,2]": ("U[-6,-2] ∪ U[2,6]", -2.0, 2.0),
    "U[0.1,0.2]": ("U[0.2,2]", 0.1, 0.2),
    "U[1,2]": ("U[2,6]", 1.0, 2.0),
    "U[1.1,1.2]": ("U[1.2,6]", 1.1, 1.2),
    "U[10,20]": ("U[20,40]", 10.0, 20.0),
}
CHANCES = {
    "NMU": (1, 0.88, 0.16, 1, 1, 1, 1, 1, 1),
    "StochasticNMU": (1,) * 9,
    "BatchStochasticNMU": (1,) * 9,
    "NACMul": (0, 0, 0, 0, 0, 0.55, 0.96, 0.4, 1),
    "NALU": (0, 0, 0, 0, 0, 0.1, 0.3, 0.04, 0.6),
    "MLP": (0,) * 9,
}
COLUMNS = (
    "model", "task", "split", "extrapolation_range", "seed", "solved", "solved_at", "sparsity_error",
    "validation_mse", "extrapolation_mse", "threshold", "steps",
)  # fmt: skip


def results(seeds: int = 25, operations: tuple[str, ...] = ("mul",)) -> pl.DataFrame:
    draw = np.random.default_rng(7)
    rows = []
    for operation, unit, (index, name), seed in product(operations, UNITS, enumerate(RANGES), range(seeds)):
        solved = bool(seed < round(CHANCES[unit][index] * seeds))
        step = int(draw.gamma(12, (8_000 if "U[1" in name else 26_000) / 12) // 1000 * 1000 + 1000)
        error = float(10 ** draw.normal(-5.5 if "NMU" in unit else -3.4, 0.4))
        found = (step, error, 1e-9, 1e-8) if solved else (None, None, 1e-9, 3.0)
        rows.append((unit, operation, name, RANGES[name][0], seed, solved, *found, 1e-6, 100_000))
    schema = dict.fromkeys(COLUMNS) | {"solved_at": pl.Int64, "sparsity_error": pl.Float64}
    return pl.DataFrame(rows, schema, orient="row")


RESULTS = results()
SUMMARY = summarize(RESULTS)


SURFACES = [("StochasticNMU", "U[-2,-1]", True), ("MLP", "U[-2,2]", False), ("MLP", "U[-2,-1]", False)]


def surface(unit: str, name: str, solved: bool, points: int = 41, operation: str = "mul") -> pl.DataFrame:
    _, low, high = RANGES[name]
    reach = 3 * max(abs(low), abs(high))
    side = np.linspace(-reach, reach, points)
    a, b = (plane.ravel() for plane in np.meshgrid(side, side))
    true = a * b
    learned = true * (1 + 1e-6) + 1e-7 if solved else np.maximum(0, 0.9 * a + 1.2 * b - 0.4) + 0.3 * np.abs(a)
    frame = pl.DataFrame({"x0": a, "x1": b, "true": true, "learned": learned})
    constants = {"model": unit, "task": operation, "split": name, "seed": 3, "solved": solved}
    constants |= {"train_low": low, "train_high": high}
    return frame.select(*(pl.lit(item).alias(key) for key, item in constants.items()), pl.all())


def manifest(**changes: object) -> dict[str, object]:
    return {
        "format": FORMAT,
        "experiment": "single-module",
        "title": "Single module task",
        "source": "Mistry, Farrahi and Hare, “A Primer for Neural Arithmetic Logic Modules”, JMLR 2022",
        "preset": "laptop",
        "settings": {"operations": ["mul"], "seeds": 25, "steps": 100000, "batch": 128, "lr": 0.001},
        "command": "extrapolate run single-module --preset laptop --out results/single-module",
        "versions": {"extrapolate": "0.1.0", "torch": "2.8.0", "numpy": "2.2.0", "python": "3.11.9"},
        "machine": {"processor": "x86_64", "cores": 2, "device": "cpu"},
        "started": "2025-11-21T07:14:02+00:00",
        "finished": "2025-11-21T07:31:40+00:00",
        "seconds": 1058.2,
        "notes": ["The preset trains 100,000 steps where the paper trains 5,000,000."],
    } | changes


RUNNING = manifest(finished=None)


def claim(id: str, text: str, published: object, measured: object, **rest: object) -> dict[str, object]:
    common = {"interval": None, "n": 25, "holds": None, "preset": "laptop"}
    return {"id": id, "claim": text, "published": published, "measured": measured} | common | rest


def claims() -> list[dict[str, object]]:
    return [
        claim("nmu-1", "The NMU fails in U[-2,-1]: its success rate is below 1", "below 1", 0.88,
              interval=[0.7, 0.96], holds=True),
        claim("nmu-2", "The NMU fails in U[-1.2,-1.1], the interval excluding 1", "below 1", 0.16,
              interval=[0.064, 0.347], holds=True),
        claim("snmu", "The stochastic NMU succeeds in all nine ranges", 1.0, 1.0, interval=[0.867, 1.0],
              holds=True, n=225),
        claim("nac", "NAC• and NALU succeed only in some positive ranges", "4 of 9", "4 of 9", holds=True),
        claim("mlp", "A ReLU MLP never extrapolates", 0, 0.0, interval=[0.0, 0.017], holds=True, n=225),
        claim("fast", "The stochastic NMU solves U[1,2] within 5,000 steps", 5000, 8240.0,
              interval=[7310.0, 9150.0], holds=False,
              why="Steps are counted in evaluations of 1,000, and the preset starts the penalty later."),
        claim("time", "Wall-clock seconds a model", None, 0.78, n=1350),
        claim("sparsity", "Mean sparsity error, solved models", None, 3.2e-6, interval=[2.9e-6, 3.6e-6]),
    ]  # fmt: skip


def write_folder(folder: Path, **parts: object) -> Path:
    """Write the folder of a run; a part that is None is left out."""
    content: dict[str, object] = {
        "manifest": manifest(),
        "results": RESULTS,
        "summary": SUMMARY,
        "claims": claims(),
        "surfaces": pl.concat([surface(*each) for each in SURFACES]),
    } | parts
    folder.mkdir(parents=True, exist_ok=True)
    for name, part in content.items():
        if isinstance(part, pl.DataFrame):
            part.write_parquet(folder / f"{name}.parquet")
        elif part is not None:
            (folder / f"{name}.json").write_text(json.dumps(part))
    return folder


def page_of(folder: Path) -> tuple[str, Page]:
    html = write_page(folder).read_text(encoding="utf-8")
    return html, Page(html)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_folder(tmp_path_factory.mktemp("whole") / "run")


@pytest.fixture(scope="module")
def html(whole: Path) -> str:
    return write_page(whole).read_text(encoding="utf-8")


def test_page_has_the_headline_the_figures_and_their_numbers(html: str) -> None:
    page = Page(html)
    text = page.text
    assert "5 of 6 published findings hold; StochasticNMU and BatchStochasticNMU solve" in text
    assert "extrapolate run single-module --preset laptop --out results/single-module" in text
    assert "does not hold" in text
    assert "the preset starts the penalty later" in text
    assert "Two measurements without a published number" in text
    assert "unfinished" not in text.lower()
    assert "Missing" not in text
    drawings = [attributes for tag, attributes in page.elements if tag == "svg"]
    assert len(drawings) == 6 + 5 + 5 + 2 * 3  # units by measure (the MLP solves nothing), and two surfaces
    assert all(drawing["role"] == "img" and drawing["aria-label"] for drawing in drawings)
    assert page.count("caption") == 3 + 2  # one table per group
    assert "22/25" in text
    ids = [attributes["id"] for _, attributes in page.elements if "id" in attributes]
    assert len(ids) == len(set(ids))
    assert set(re.findall(r"url\(#([^)]+)\)", html)) <= set(ids)


def test_same_folder_gives_the_same_bytes(tmp_path: Path) -> None:
    planes = surface("NMU", "U[1,2]", True, points=9)
    folder = write_folder(tmp_path, results=results(1), summary=None, surfaces=planes)
    assert write_page(folder).read_bytes() == write_page(folder).read_bytes()


NOTHING: dict[str, Any] = dict.fromkeys(("results", "summary", "claims", "surfaces"))
EMPTY = {"results": RESULTS.clear(), "summary": SUMMARY.clear(), "claims": []}
NO_FIGURES = ("No figures yet", "results.parquet does not exist")
MISSING = "summary.parquet does not exist; claims.json does not exist"
NO_ROWS = "results.parquet has no rows; summary.parquet has no rows; claims.json has no rows"


@pytest.mark.parametrize(
    ("parts", "texts"),
    [
        (NOTHING | {"manifest": RUNNING, "results": results(3)}, ("So far: ", MISSING, "3/3")),
        (NOTHING | {"manifest": RUNNING}, ("This run is unfinished", *NO_FIGURES)),
        (NOTHING, NO_FIGURES),
        (EMPTY | {"surfaces": surface("NMU", "U[1,2]", True, points=3).clear()}, (NO_ROWS,)),
    ],
)
def test_page_and_terminal_report_missing_files_and_unfinished_runs(
    tmp_path: Path, parts: dict[str, Any], texts: tuple[str, ...]
) -> None:
    folder = write_folder(tmp_path, **parts)
    _, page = page_of(folder)
    text = printed(folder, 80)
    assert [each for each in texts if each not in page.text] == []
    assert ("This run is unfinished" in page.text) == ("Unfinished" in text) == ("manifest" in parts)
    assert ("3/3" in text) == ("3/3" in texts), "counted from the results"


def test_many_findings_are_folded_and_those_that_do_not_hold_are_first(tmp_path: Path) -> None:
    many = [claim(f"c{i}", f"finding {i}", "so", 1.0, holds=i != 39) for i in range(40)]
    html, page = page_of(write_folder(tmp_path, claims=many))
    first, rest = html.split("<details>", 1)
    assert "finding 39" in first
    assert page.text.count("does not hold") == 1
    assert "finding 38" in rest
    assert "finding 38" not in first


def test_empty_files_are_named(tmp_path: Path) -> None:
    empty = {"results": RESULTS.clear(), "summary": SUMMARY.clear(), "claims": []}
    folder = write_folder(tmp_path, surfaces=surface("NMU", "U[1,2]", True, points=3).clear(), **empty)
    _, page = page_of(folder)
    assert "results.parquet has no rows; summary.parquet has no rows; claims.json has no rows" in page.text
    print_summary(folder, Console(file=io.StringIO()))


def test_files_of_another_experiment_are_shown_without_these_figures(tmp_path: Path) -> None:
    other = pl.DataFrame({"model": ["LSTM"], "length": [1000], "error": [0.5]})
    folder = write_folder(tmp_path, results=other, summary=other, surfaces=other)
    html, page = page_of(folder)
    assert "published findings hold" in page.text
    assert "LSTM" in page.text
    assert page.count("svg") == 0
    assert_self_contained(html)


def hostile_folder(folder: Path) -> Path:
    """Write a folder in which every name is hostile."""
    names = dict(zip(UNITS, HOSTILE, strict=False))
    ranges = dict(zip(RANGES, HOSTILE, strict=False))
    models = results(2).with_columns(pl.col("model").replace(names), pl.col("split").replace(ranges))
    planes = pl.concat([surface(HOSTILE[0], "U[1,2]", solved, points=5) for solved in (True, False)])
    planes = planes.with_columns(split=pl.lit(HOSTILE[1]), task=pl.lit(HOSTILE[3]))
    content = manifest(
        experiment=HOSTILE[0],
        title=HOSTILE[3],
        source=HOSTILE[1],
        preset=HOSTILE[2],
        command="extrapolate run " + HOSTILE[0] + "\ud800",
        started=HOSTILE[1],
        settings={name: name for name in HOSTILE},
        versions={HOSTILE[0]: HOSTILE[1]},
        machine={"device": HOSTILE[0], "cores": HOSTILE[1]},
        notes=list(HOSTILE),
    )
    hostile_claims = [claim(name, name, name, name, why=name, preset=name, interval=["<b>", 1]) for name in HOSTILE]
    hostile_claims += [claim(name, name, None, name, why=name) for name in HOSTILE]
    return write_folder(
        folder, manifest=content, results=models, summary=summarize(models), claims=hostile_claims, surfaces=planes
    )


def test_hostile_names_are_text_on_the_page_and_in_the_terminal(tmp_path: Path) -> None:
    folder = hostile_folder(tmp_path)
    html, page = page_of(folder)
    assert_self_contained(html)
    assert page.count("img") == 0
    for name in HOSTILE[:4]:
        assert name in page.text
    assert "{{ 7*7 }}" in page.text
    assert not re.search("[\x00-\x08\x0b-\x1f\ud800-\udfff]", html)
    drawings = re.findall(r"<svg.*?</svg>", html, re.DOTALL)
    assert any("&lt;script&gt;" in drawing for drawing in drawings)
    assert any("$\\frac{" in drawing for drawing in drawings)
    text = printed(folder, 80)
    assert "\x1b[31m" not in text
    assert "\x00" not in text
    assert "<script>" in text


def test_failed_write_leaves_the_old_page_and_no_other_file(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    folder = write_folder(tmp_path, results=None, summary=None, surfaces=None)
    before = write_page(folder).read_text(encoding="utf-8")
    files = sorted(folder.iterdir())

    def full(*_: object) -> None:
        raise OSError(28, "No space left on device")

    monkeypatch.setattr(os, "replace", full)
    with pytest.raises(ReportError, match="No space left on device"):
        write_page(folder)
    assert sorted(folder.iterdir()) == files
    assert (folder / "report.html").read_text(encoding="utf-8") == before

    monkeypatch.undo()
    monkeypatch.setattr(page_module, "headline", full)
    with pytest.raises(OSError, match="No space"):
        write_page(folder)
    assert sorted(folder.iterdir()) == files


@pytest.mark.parametrize(
    ("file", "content", "message"),
    [
        ("manifest.json", None, "no such file"),
        ("manifest.json", b"{", "cannot be read"),
        ("manifest.json", b'["npm"]', "names no experiment"),
        ("results.parquet", b"PAR1 but no more", "cannot be read"),
        ("results.parquet", pl.DataFrame({"model": ["NMU"], "solved": [["a"]]}), "cannot be read"),
        ("claims.json", b"[{]", "cannot be read"),
        ("claims.json", b'{"a": 1}', "is not a list of claims"),
        ("claims.json", b"\xff\xfe[] not UTF-8", "cannot be read"),
    ],
)
def test_an_unusable_folder_has_a_one_line_error(
    tmp_path: Path, file: str, content: bytes | pl.DataFrame | None, message: str
) -> None:
    folder = write_folder(tmp_path, summary=None, surfaces=None)
    (folder / file).unlink()
    if isinstance(content, pl.DataFrame):
        content.write_parquet(folder / file)
    elif content:
        (folder / file).write_bytes(content)
    with pytest.raises(ReportError, match=re.escape(f"{file}: {message}")) as caught:
        read(folder)
    message = str(caught.value)
    assert isinstance(caught.value, UserError)
    assert "\n" not in message
    assert "extrapolate" in message or "run the same command again" in message
    with pytest.raises(ReportError, match="no such folder"):
        write_page(tmp_path / "nowhere")


def test_values_that_are_not_finite_are_left_out_of_the_figures(tmp_path: Path) -> None:
    models = results(2).filter(pl.col("model").is_in(("NMU", "NACMul", "NALU")))
    table = summarize(models).with_columns(
        estimate=pl.when(pl.col("model") == "NMU").then(math.nan).otherwise("estimate"),
        low=pl.when(pl.col("model") == "NALU").then(-math.inf).otherwise("low"),
    )
    planes = surface("NMU", "U[1,2]", False, points=7)
    planes = planes.with_columns(learned=pl.when(pl.col("x0") > 0).then(math.inf).otherwise(math.nan))
    html, page = page_of(write_folder(tmp_path, results=None, summary=table, surfaces=planes))
    assert page.count("svg") > 5
    assert ">nan" not in html.lower()
    assert "inf<" not in html.lower()


def test_each_operation_has_a_group_and_several_have_an_overview(
    tmp_path: Path,
) -> None:
    models = results(2, ("div", "add")).filter(pl.col("model").is_in(("NMU", "NALU")))
    rest = {"claims": [], "surfaces": None}
    _, page = page_of(write_folder(tmp_path, results=models, summary=summarize(models), **rest))
    assert page.text.index("Addition, a + b") < page.text.index("Division, a ÷ b")
    assert "No unit solves addition and division in every range." in page.text
    assert "All units (types of layers) and operations" in page.text
    one = models.filter(pl.col("task") == "add")
    _, page = page_of(write_folder(tmp_path / "one", results=one, summary=summarize(one), **rest))
    assert "All units (types of layers) and operations" not in page.text


def printed(folder: Path, width: int) -> str:
    out = io.StringIO()
    print_summary(folder, Console(file=out, width=width))
    return out.getvalue()


@pytest.mark.parametrize("width", [50, 80, 160])
def test_terminal_table_fits_the_console(whole: Path, width: int) -> None:
    text = printed(whole, width)
    assert max(map(len, text.splitlines())) <= width
    assert "22/25" in text
    assert "70–96" in text
    assert text.count("✓") == 5
    assert text.count("✗") == 1
    assert text.count("trained on") == (2 if width == 50 else 1)


@pytest.mark.parametrize("width", range(60, 140, 7))
def test_terminal_never_cuts_a_number_with_many_units(tmp_path: Path, width: int) -> None:
    suffixes = ("", "A", "B", "LongerName")
    failing = RESULTS.with_columns(model=pl.lit("Hopeless"), solved=pl.lit(False))
    models, measures = (
        pl.concat([*[table.with_columns(pl.col("model") + each) for each in suffixes], hopeless])
        for table, hopeless in ((RESULTS, failing), (SUMMARY, summarize(failing)))
    )
    text = printed(write_folder(tmp_path, results=models, summary=measures, surfaces=None), width)
    assert max(map(len, text.splitlines())) <= width
    assert not re.search(r"\d…", text)
    assert "Hopeless" in text.split("No model of ")[1]
