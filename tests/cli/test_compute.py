"""``extrapolate compute``: the network's answer, the exact one, the page of states, and clear error messages."""

import io
import json
import re
import sys
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch

from extrapolate import nn
from extrapolate.cli.app import main
from extrapolate.inspect.expression import decimal
from extrapolate.report.states_page import Computation, render


@pytest.fixture(scope="module")
def untrained(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("networks") / "untrained"
    torch.manual_seed(0)
    task = {"name": "addition", "base": 2, "zero_filled": False}
    nn.DiagonalNeuralGPU(13, 3, 6).save_pretrained(folder, {"task": task, "made": {"seed": 0}})
    return folder


def run(capsys: pytest.CaptureFixture[str], *arguments: object) -> tuple[int, str, str]:
    with pytest.raises(SystemExit) as ended:
        main(["compute", *map(str, arguments)])
    output = capsys.readouterr()
    assert isinstance(ended.value.code, int)
    return ended.value.code, output.out, output.err


def test_wrong_answers_are_called_wrong(untrained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    status, out, _ = run(capsys, "12 + 5", "--model", untrained)
    assert status == 0
    assert "exact    17" in out
    assert "WRONG" in out


def test_json_has_the_answer_and_the_truth(untrained: Path, capsys: pytest.CaptureFixture[str]) -> None:
    _, out, _ = run(capsys, "123456789012345678901234567890 + 987654321", "--model", untrained, "--json")
    found = json.loads(out)
    assert found["exact"] == "123456789012345678902222222211"
    assert found["steps"] == 2 * (123456789012345678901234567890).bit_length() + 1
    assert found["correct"] is (found["answer"] == found["exact"])


@pytest.mark.parametrize(
    ("arguments", "message"),
    [
        (["12"], "no operator"),
        ([""], "nothing to compute"),
        (["12 + b"], "'b' is not a whole number"),
        (["-1 + 2"], "-1 is negative"),
        (["1 + 2 + 3"], "2 operators"),
        (["1 * 2"], "was trained on addition, not multiplication"),
        (["1 + 2", "--limt", "3"], "--limt"),
        ([f"{10**300} + 1", "--page", "states.html"], "--page shows at most 1448 positions"),
        (["1 + 2", "--page", "missing/states.html"], "missing is not a folder"),
        (["1 + 2", "--model", "binary-adition"], "unknown network 'binary-adition'"),
    ],
)
def test_bad_input_has_a_one_line_error(
    arguments: list[str], message: str, untrained: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    model = () if "--model" in arguments else ("--model", untrained)
    status, out, err = run(capsys, *arguments, *model)
    assert (status, out) == (2, "")
    assert message in err
    assert len(err.splitlines()) == 1


def test_a_million_digits_are_refused_with_a_time_estimate(
    untrained: Path, capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(sys, "stdin", io.StringIO("9" * 1_000_000 + " + 1"))
    status, _, err = run(capsys, "-", "--model", untrained)
    assert status == 2
    assert re.search(r"6,643,859 positions in 6,643,859 steps would take about \d+:\d\d:\d\d on this machine", err)


def test_page_of_states_is_self_contained_and_escapes_text(
    untrained: Path, tmp_path: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    page = tmp_path / "states.html"
    run(capsys, "3 + 1", "--model", untrained, "--page", page)
    text = page.read_text(encoding="utf-8")
    assert not re.search(r"(src|href)=[\"']?(https?:)?//", text)
    assert "script-src 'sha256-" in text
    hostile = "<script>alert(1)</script>"
    words = dict.fromkeys(("question", "answer", "command"), hostile)
    read = {"input": "1 ", "exact": "1 ", "read": ["1 "], "values": [hostile], "correct": False}
    states: dict[str, Any] = {"states": np.zeros((1, 2, 3)), "groups": [("stay", 3)], "facts": {"a": hostile}}
    assert hostile not in render(Computation(**words, **read, **states))


@pytest.mark.parametrize("digits", [1, 10, 3_999, 20_000])
def test_decimal_writes_numbers_of_any_size(digits: int) -> None:
    number = (10**digits - 1) // 9 * 7
    assert decimal(number) == "7" * digits
    assert decimal(10**digits) == "1" + "0" * digits


def test_networks_of_an_ensemble_are_shown_side_by_side(tmp_path: Path, capsys: pytest.CaptureFixture[str]) -> None:
    folder, page = tmp_path / "together", tmp_path / "steps.html"
    arguments = [nn.DiagonalNeuralGPU(13, 3, 6, extra_steps=2).arguments()]
    about = {"task": {"name": "multiplication", "base": 2, "zero_filled": True}}
    nn.NeuralGPUEnsemble(arguments, [(0, 3, False), (0, 3, True)]).save_pretrained(folder, about)
    _, out, _ = run(capsys, "6 * 5", "--model", folder, "--page", page, "--json")
    found = json.loads(out)
    assert found["exact"] == "30"
    assert found["steps"] == 2 * 3 + 1 + 2
    assert "come from the left (2)" in page.read_text(encoding="utf-8")
