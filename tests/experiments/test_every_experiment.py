"""Every experiment: presets, options, findings, a smoke run that ends with a page, and bit-exact resuming."""

import re
from dataclasses import dataclass, field
from functools import cache
from importlib import import_module
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl
import pytest

from extrapolate._runtime.errors import UserError
from extrapolate._runtime.progress import Interrupted, Progress
from extrapolate.experiments import EXPERIMENTS, Outcome, ledger, run
from extrapolate.experiments.config import REQUIRED
from extrapolate.experiments.options import options_of, serialize_config, with_options
from extrapolate.report import write_page
from extrapolate.training import loop

#: Parts of the names of columns with measured time or memory, which differ between two runs.
MEASURED_TIME = ("second", "_ms", "mib")

every_experiment = pytest.mark.parametrize("name", EXPERIMENTS)


@dataclass
class Counting:
    """A display that is also the progress of its trainings: it counts reports, and stops after ``most`` of them."""

    most: float = float("inf")
    reports: int = 0
    totals: dict[str, int] = field(default_factory=dict)
    reached: dict[str, int] = field(default_factory=dict)
    skipped_names: list[str] = field(default_factory=list)

    def start_training(self, name: str, index: int, parts: int, replicas: int, steps: int) -> Progress:
        self.totals[name], self.current = steps, name
        return self

    def skip_training(self, name: str) -> None:
        self.skipped_names.append(name)

    def update(self, step: int, status: str = "") -> None:
        self.reports += 1
        self.reached[self.current] = step

    def stop_requested(self) -> bool:
        return self.reports >= self.most


@pytest.fixture(autouse=True)
def _report_every_step(monkeypatch: pytest.MonkeyPatch) -> None:
    for module in (loop, import_module("extrapolate.inspect.masks.learn")):
        monkeypatch.setattr(module, "PROGRESS_SECONDS", -1.0)


def smoke(name: str, folder: Path, display: Counting) -> Outcome:
    experiment = EXPERIMENTS[name]
    config = experiment.presets["smoke"]
    return run(experiment, config, preset="smoke", folder=folder, command="test", display=display)


FOLDERS: dict[str, TemporaryDirectory[str]] = {}


@cache
def undisturbed(name: str) -> tuple[Outcome, Counting]:
    """Run the smoke preset from start to end, once for all tests."""
    FOLDERS[name], display = TemporaryDirectory(), Counting()
    return smoke(name, Path(FOLDERS[name].name), display), display


def tables(folder: Path) -> dict[str, pl.DataFrame]:
    """Return the tables of a run's folder that must be equal in every run."""
    found = {path.name: pl.read_parquet(path) for path in folder.glob("*.parquet")}
    return {
        name: table.drop(each for each in table.columns if any(word in each for word in MEASURED_TIME))
        for name, table in found.items()
        if name not in ("summary.parquet", "curves.parquet")  # of the results, which are compared
    }


@every_experiment
def test_presets_have_an_outline_and_notes(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert experiment.name == name
    assert experiment.title == EXPERIMENTS.title(name)
    assert experiment.source
    assert list(experiment.presets) == ["smoke", "laptop", "paper"]
    for config in experiment.presets.values():
        assert re.search(r"\d", experiment.outline(config))
        assert all(note.endswith(".") for note in experiment.notes(config))
    assert not experiment.presets["paper"].cuts(experiment.presets["paper"])


@every_experiment
def test_missing_data_of_the_paper_are_reported_before_a_run_begins(name: str, tmp_path: Path) -> None:
    experiment = EXPERIMENTS[name]
    config = experiment.presets["paper"]
    if getattr(config, "data", None) != REQUIRED:
        pytest.skip("its data are generated")
    folder = tmp_path / "run"
    with pytest.raises(UserError, match=r"\Athe paper's data .*: give --data DIR with [^\n]+\Z"):
        run(experiment, config, preset="paper", folder=folder, command="test", display=Counting())
    assert not (folder / "manifest.json").exists()


@every_experiment
def test_serialized_options_are_parsed_to_the_same_configuration(name: str) -> None:
    for config in EXPERIMENTS[name].presets.values():
        texts = serialize_config(config)
        assert texts.keys() == options_of(config).keys()
        assert with_options(config, texts) == config
    with pytest.raises(UserError, match=r"--device: unknown device 'nowhere'"):
        with_options(EXPERIMENTS[name].presets["smoke"], {"device": "nowhere"})


@every_experiment
def test_findings_have_unique_ids_and_entries_in_the_ledger(name: str) -> None:
    experiment = EXPERIMENTS[name]
    used = set()
    for config in experiment.presets.values():
        found = list(experiment.findings(config))
        ids = [finding.id.format(**finding.words) for finding in found]
        assert len(set(ids)) == len(ids) > 0
        for finding in found:
            entry = ledger.entry_of(name, finding.id)
            assert "{" not in entry.claim.format(**finding.words)
            entry.published_for(finding.id, finding.words)
            used.add(finding.id)
    assert used == ledger.ids_of(name), "an entry that no finding measures"


@every_experiment
def test_smoke_ends_with_a_page_and_a_table(name: str) -> None:
    experiment, (outcome, display) = EXPERIMENTS[name], undisturbed(name)
    results = outcome.results
    kinds = dict(zip(results.columns, results.dtypes, strict=True))
    assert [kinds[each] for each in ("model", "task", "split", "seed")] == [pl.String] * 3 + [pl.Int64]
    lists = pl.List(pl.Int64), pl.List(pl.Float64)
    for column, kind in kinds.items():
        assert kind in (pl.String, pl.Int64, pl.Float64, pl.Boolean, pl.Null, *lists), column
    trainings = experiment.jobs(experiment.presets["smoke"])
    assert all(re.fullmatch(r"[\w-]+", each) for each in trainings)
    assert display.totals == {each.name: each.steps for each in trainings.values()}
    assert display.reached.keys() == trainings.keys()
    # a network that fails skips the longest tests
    assert all(display.reached[each] <= steps for each, steps in display.totals.items())
    assert all(claim.holds is None for claim in outcome.claims), "a smoke run judges nothing"
    page = write_page(outcome.folder).read_text(encoding="utf-8")
    assert experiment.title.split(":")[0] in page


@every_experiment
def test_a_stopped_run_resumes_to_the_same_tables(name: str, tmp_path: Path) -> None:
    outcome, display = undisturbed(name)
    with pytest.raises(Interrupted):
        smoke(name, tmp_path, Counting(most=max(1, display.reports // 2)))
    smoke(name, tmp_path, Counting())
    left = {path.name for path in (tmp_path / "parts").iterdir()}
    assert left == {path.name for path in (outcome.folder / "parts").iterdir()}, "no checkpoint is left"
    expected, found = tables(outcome.folder), tables(tmp_path)
    assert expected.keys() == found.keys()
    for table, rows in expected.items():
        assert rows.equals(found[table]), table
