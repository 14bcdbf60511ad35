"""The document of results: a run's findings in Markdown."""

import json
from pathlib import Path

from extrapolate._runtime.run_folder import FORMAT
from extrapolate.report import read, render_markdown

FINDING = {
    "id": "a",
    "claim": "NMU | learns <b>×</b>",
    "published": "in all ranges",
    "measured": 0.96,
    "interval": [0.8, 0.99],
    "n": 25,
    "holds": True,
    "preset": "laptop",
    "why": "10 of 25 seeds were run",
}
MANIFEST = {"format": FORMAT, "experiment": "x", "title": "The task", "command": "extrapolate run x", "seconds": 12.0}


def test_findings_are_listed_with_their_command_and_failures_with_a_reason(tmp_path: Path) -> None:
    failed = FINDING | {"id": "b", "claim": "NALU learns ÷", "holds": False, "why": "no model did"}
    measurement = FINDING | {"id": "c", "claim": "mean step", "published": None}
    (tmp_path / "claims.json").write_text(json.dumps([FINDING, failed, measurement]))
    (tmp_path / "manifest.json").write_text(json.dumps(MANIFEST))
    text = render_markdown(read(tmp_path)).replace("\u202f", " ")
    assert "## The task" in text
    assert "`extrapolate run x`" in text
    first, second = (line for line in text.splitlines() if line.startswith("| N"))
    assert first.startswith("| NMU \\| learns &lt;b>×&lt;/b>"), "markup is escaped"
    assert first.endswith("| in all ranges | 0.96 | 0.8 – 0.99 | 25 | holds |")
    assert "**does not hold**" in second
    assert "* NALU learns ÷: no model did." in text
    assert "10 of 25 seeds" not in text
    assert "mean step" not in text
