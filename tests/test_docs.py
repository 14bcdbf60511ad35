"""Every Python snippet of README.md and docs/training.md runs without changes."""

import re
import subprocess
import sys
from pathlib import Path

import pytest
import torch

from extrapolate import nn

ROOT = Path(__file__).parents[1]
PAGES = ("README.md", "docs/training.md")


def snippets(page: str) -> list[str]:
    return re.findall(r"^```python\n(.*?)^```$", (ROOT / page).read_text(encoding="utf-8"), re.M | re.S)


@pytest.mark.parametrize("page", PAGES)
def test_the_snippets_of_a_page_run_in_order(page: str, tmp_path: Path) -> None:
    script = tmp_path / "page.py"
    script.write_text("\n".join(snippets(page)), encoding="utf-8")
    command = [sys.executable, "-W", "error", str(script)]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, timeout=280, check=False)
    assert done.returncode == 0, f"{page}: {done.stderr}"


@pytest.mark.parametrize("page", PAGES)
def test_lines_of_snippets_fit_a_page(page: str) -> None:
    lines = [line for snippet in snippets(page) for line in snippet.splitlines()]
    assert [line for line in lines if len(line) > 88] == []


def test_a_first_training_needs_twenty_lines_and_a_loader_two_more() -> None:
    first, _, loader, *_ = snippets("docs/training.md")
    assert "TensorDataset(x, y)," in first
    lines = [line for line in first.splitlines() if line]
    assert len(lines) <= 20
    # the second replaces the replicas and the training of the first
    assert "DataLoader(" in loader
    start = next(index for index, line in enumerate(lines) if line.startswith("replicas ="))
    assert start + len(loader.splitlines()) <= 22


def test_contributing_has_the_current_code_of_a_unit_a_task_and_an_experiment() -> None:
    files = [snippet.partition("\n") for snippet in snippets("CONTRIBUTING.md")]
    assert len(files) == 3
    for head, _, content in files:
        assert content == (ROOT / head.removeprefix("# ")).read_text(encoding="utf-8")


def unit_loop() -> str:
    """Return the training loop of one unit in the README, without the check at its end."""
    (loop,) = [each for each in snippets("README.md") if "penalty_weight" in each]
    return loop[: loop.index("far =")]


def test_the_loop_of_the_readme_solves_its_task() -> None:
    """On new seeds and three ranges. With the full penalty weight from the start, it mostly fails."""
    seeds = [(pair, seed) for pair in ((1.0, 2.0), (-2.0, 2.0), (0.0, 1.0)) for seed in range(2_000, 2_004)]
    assert sum(is_solved(unit_loop(), *each) for each in seeds) >= 11
    constant = unit_loop().replace("penalty_weight(step)", "10.0")
    assert constant != unit_loop()
    assert sum(is_solved(constant, *each) for each in seeds) == 3


def is_solved(loop: str, pair: tuple[float, float], seed: int) -> bool:
    """Return whether the unit trained by ``loop`` on this range, with this seed, multiplies far outside the range."""
    replacements = (("low, high = 1.0, 2.0", f"low, high = {pair[0]}, {pair[1]}"), ("seed(1_000)", f"seed({seed})"))
    for old, new in replacements:
        assert loop.count(old) == 1
        loop = loop.replace(old, new)
    space: dict[str, object] = {}
    exec("import torch\nfrom torch.nn import functional as F\nfrom extrapolate import nn", space)
    exec(loop, space)
    unit, far = space["unit"], torch.empty(1_000, 2).uniform_(-1e3, 1e3)
    assert isinstance(unit, nn.StochasticNMU)
    return torch.allclose(unit.eval()(far), far[:, :1] * far[:, 1:], rtol=1e-5)
