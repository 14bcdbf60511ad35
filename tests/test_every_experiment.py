"""What holds of every experiment: presets, parts, options that read back, a smoke run that ends with a page."""

import pickle
import re
from pathlib import Path

import pytest

from extrapolate.experiments import EXPERIMENTS, options_of, run, with_options, written
from extrapolate.report import write_page
from silent import Silent

#: Their own tests take the others from start to page.
HERE = (
    "gilr-long-memory",
    "gilr-speed",
    "madam-learning-rate",
    "madam-bits",
    "madam-arithmetic",
    "modularity-add-mul",
    "modularity-strength",
    "modularity-double-addition",
    "modularity-permuted-digits",
    "modularity-scan",
    "modularity-mathematics",
)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_the_catalog_has_its_name_and_title(name: str) -> None:
    assert EXPERIMENTS[name].name == name
    assert EXPERIMENTS[name].title == EXPERIMENTS.title(name)


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_presets_say_what_they_train(name: str) -> None:
    experiment = EXPERIMENTS[name]
    assert list(experiment.presets) == ["smoke", "laptop", "paper"]
    assert experiment.title
    assert experiment.source
    for settings in experiment.presets.values():
        assert re.search(r"\d", experiment.outline(settings))
        assert all(note.endswith(".") for note in experiment.notes(settings))


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_parts_have_names_of_their_own_that_are_safe_as_files(name: str) -> None:
    experiment = EXPERIMENTS[name]
    for settings in experiment.presets.values():
        names = [part.name for part in experiment.parts(settings)]
        assert len(set(names)) == len(names) > 0
        assert all(re.fullmatch(r"[\w-]+", each) for each in names), names


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_parts_can_be_handed_to_other_processes(name: str) -> None:
    experiment = EXPERIMENTS[name]
    for settings in experiment.presets.values():
        for part in experiment.parts(settings):
            assert pickle.loads(pickle.dumps(part)).name == part.name


@pytest.mark.parametrize("name", EXPERIMENTS)
def test_options_written_are_read_back_alike(name: str) -> None:
    for settings in EXPERIMENTS[name].presets.values():
        texts = written(settings)
        assert texts.keys() == options_of(settings).keys()
        assert with_options(settings, texts) == settings


@pytest.mark.parametrize("name", HERE)
def test_smoke_ends_with_a_page(name: str, tmp_path: Path) -> None:
    experiment = EXPERIMENTS[name]
    settings = experiment.presets["smoke"]
    outcome = run(experiment, settings, preset="smoke", folder=tmp_path, command="test", display=Silent())
    assert outcome.results.height
    assert outcome.claims
    assert {"unit", "operation", "range", "seed"} <= set(outcome.results.columns)
    page = write_page(tmp_path).read_text(encoding="utf-8")
    assert experiment.title.split(":")[0] in page
