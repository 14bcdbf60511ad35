"""Every command in the documentation and in docs/results has valid options."""

import json
import re
import shlex
from pathlib import Path
from typing import Any

import pytest
import typer
from typer.core import TyperGroup
from typer.exceptions import TyperException

import make_results
from extrapolate._runtime.errors import UserError
from extrapolate.cli.app import app
from extrapolate.experiments import get_experiment
from extrapolate.experiments.ledger import entry_of
from extrapolate.experiments.options import options_of, with_options

ROOT = Path(__file__).parents[1]
PAGES = [ROOT / "README.md", ROOT / "CONTRIBUTING.md", *sorted((ROOT / "docs").glob("*.md"))]
RESULTS = sorted((ROOT / "docs" / "results").glob("*/manifest.json"))


def commands(page: Path) -> list[str]:
    """Return the complete commands of a page: not ``extrapolate run`` alone, nor commands with ``NAME``."""
    text = page.read_text(encoding="utf-8")
    found = re.findall(r"`(extrapolate [a-z]+ [^`]+)`", text) + re.findall(
        r"^[ $]*(extrapolate [a-z]+ .*)$", text, re.M
    )
    complete = [" ".join(each.partition("#")[0].split()) for each in found]
    return [each for each in complete if not re.search(r"NAME|--help|\brun --", each)]


def parse(command: str) -> None:
    """Parse a command as the program does, without running it."""
    group: Any = typer.main.get_command(app)
    _, *arguments = shlex.split(command)
    context = group.make_context("extrapolate", arguments)
    name, part, rest = group.resolve_command(context, [*context._protected_args, *context.args])
    if isinstance(part, TyperGroup):
        run: Any = part
        name, part, rest = run.resolve_command(context, rest)
        options = part.make_context(name, rest).params
        experiment = get_experiment(name)
        preset = experiment.presets[options["preset"]]
        with_options(preset, {key: text for key in options_of(preset) if (text := options[key]) is not None})
    else:
        part.make_context(name, rest)


@pytest.mark.parametrize("page", PAGES, ids=lambda page: page.name)
def test_commands_on_a_page_are_valid(page: Path) -> None:
    for command in commands(page):
        parse(command)


@pytest.mark.parametrize("manifest", RESULTS, ids=lambda path: path.parent.name)
def test_the_command_and_settings_of_a_result_are_valid(manifest: Path) -> None:
    result = json.loads(manifest.read_text(encoding="utf-8"))
    parse(result["command"])
    preset = get_experiment(result["experiment"]).presets[result["preset"]]
    assert result["settings"].keys() == options_of(preset).keys()
    with_options(preset, result["settings"])


@pytest.mark.parametrize("manifest", RESULTS, ids=lambda path: path.parent.name)
def test_the_texts_of_a_kept_result_are_those_of_the_ledger(manifest: Path) -> None:
    kept = json.loads(manifest.read_text(encoding="utf-8"))
    experiment = get_experiment(kept["experiment"])
    config = with_options(experiment.presets[kept["preset"]], kept["settings"])
    findings = {each.id.format(**each.words): each for each in experiment.findings(config)}
    for claim in json.loads(manifest.with_name("claims.json").read_text(encoding="utf-8")):
        finding = findings[claim["id"]]
        entry = entry_of(experiment.name, finding.id)
        assert claim["claim"] == entry.claim.format(**finding.words)
        assert claim["published"] == entry.published_for(finding.id, finding.words)


def test_the_page_of_results_is_up_to_date() -> None:
    assert make_results.PAGE.read_text(encoding="utf-8") == make_results.render(), (
        "run: python scripts/make_results.py"
    )


def test_the_pages_have_commands_and_wrong_commands_are_found() -> None:
    assert sum(len(commands(page)) for page in PAGES) > 20
    for wrong in ("extrapolate run single-module --bogus 3", "extrapolate fit"):
        with pytest.raises(TyperException):
            parse(wrong)
    with pytest.raises(UserError):
        parse("extrapolate run single-module --units NOPE")
