"""A configuration's fields: how their texts are parsed, and the cuts against the paper."""

import re
from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from data_files import refused
from extrapolate.experiments.config import (
    Config,
    fewer,
    folder,
    integer,
    integers,
    larger,
    missing,
    name,
    names,
    other,
    real,
    sizes,
)
from extrapolate.experiments.options import axes_of, options_of, serialize_config, with_options

KINDS = ("NMU", "NALU", "MLP")


@dataclass(frozen=True, kw_only=True)
class Study(Config):
    kinds: tuple[str, ...] = names(KINDS, "Kinds", "kind", cut=missing("kinds"))
    layer: str = name("NMU", KINDS, "The layer.", "layer")
    width: int = integer(8, "Width.", least=2, cut=other("{} units instead of {}"))
    epsilon: float = real(1e-4, "Tolerance.", above=0, below=0.5, cut=larger("weights {:g} off instead of {:g}"))
    lengths: tuple[int, ...] = integers((4, 8), "Lengths.", least=2)
    hidden: tuple[int, ...] = sizes((16, 8), "Layers.")
    data: str = folder("embedded", "embedded", "Images.")
    images: int = integer(100, "Images.", cut=fewer("images"))


PAPER = Study(steps=300_000, seeds=10, width=16, epsilon=1e-5, images=60_000)


def test_cuts_describe_each_field_that_falls_short_of_the_paper() -> None:
    own = Study(steps=120_000, seeds=20, kinds=("MLP",), images=60_000)
    assert own.cuts(PAPER) == {
        "steps": "120,000 of 300,000 steps",
        "kinds": "1 of 3 kinds",
        "width": "8 units instead of 16",
        "epsilon": "weights 0.0001 off instead of 1e-05",
    }
    assert PAPER.cuts(PAPER) == {}
    assert replace(PAPER, steps=10**6, epsilon=1e-6).cuts(PAPER) == {}


def test_own_options_come_before_the_common_ones() -> None:
    assert list(options_of(Study))[-5:] == ["seeds", "steps", "eval_every", "batch", "device"]
    assert axes_of(Study()) == {"kind": KINDS}
    assert "compile" not in options_of(Study)


def test_texts_are_parsed_and_written_back(tmp_path: Path) -> None:
    texts = {
        "kinds": "mlp, NMU,mlp",
        "layer": "nalu",
        "width": "1_000",
        "epsilon": "0.25",
        "lengths": "16,4, 4",
        "hidden": "4,32,4",
        "data": str(tmp_path),
    }
    study = with_options(Study(), texts)
    assert study.kinds == ("MLP", "NMU")
    assert (study.layer, study.width, study.epsilon) == ("NALU", 1_000, 0.25)
    assert (study.lengths, study.hidden, study.data) == ((4, 16), (4, 32, 4), str(tmp_path))
    assert with_options(Study(), serialize_config(study)) == study


@pytest.mark.parametrize(
    ("option", "text", "message"),
    [
        ("kinds", "NMU,NALV", "--kinds: unknown kind 'NALV': did you mean NALU?"),
        ("kinds", " , ", "--kinds: no kind given: choose from NMU, NALU, MLP"),
        ("layer", "MLPs", "--layer: unknown layer 'MLPs': did you mean MLP?"),
        ("width", "1", "--width: 1 is too small: it must be at least 2"),
        ("width", "8.5", "--width: '8.5' is not a whole number"),
        ("epsilon", "0.5", "--epsilon: 0.5 is out of range: it must be above 0 and below 0.5"),
        ("epsilon", "nan", "--epsilon: nan is out of range"),
        ("epsilon", "much", "--epsilon: 'much' is not a number"),
        ("lengths", "4,1", "--lengths: 1 is too small"),
        ("lengths", "", "--lengths: no number given"),
        ("hidden", "4,,2", "--hidden: '' is not a whole number"),
        ("data", "nowhere", "--data: nowhere: no such folder"),
    ],
)
def test_the_error_for_a_wrong_text_names_its_option(option: str, text: str, message: str) -> None:
    refused(lambda: with_options(Study(), {option: text}), f"^{re.escape(message)}")
