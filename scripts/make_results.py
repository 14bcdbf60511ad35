"""Copy the claims and the manifest of runs to ``docs/results/``, then write ``docs/results.md`` from this folder.

python scripts/make_results.py runs/single-module-laptop runs/functions-static-laptop
"""

import json
import sys
from pathlib import Path

from extrapolate._runtime.files import write_text
from extrapolate.report import read, render_markdown

DOCS = Path(__file__).parents[1] / "docs"
KEPT = DOCS / "results"
PAGE = DOCS / "results.md"

PREFACE = """# Published findings, reproduced

`make results` generates this page from the claims of runs in `docs/results/`. Findings that do not reproduce stay on
the page, with the reason.

"""


def keep(folder: Path) -> None:
    """Copy the claims of a run that have a published value, and its manifest."""
    target = KEPT / folder.resolve().name
    target.mkdir(parents=True, exist_ok=True)
    claims = json.loads((folder / "claims.json").read_text(encoding="utf-8"))
    findings = [claim for claim in claims if claim["published"] is not None]
    write_text(target / "claims.json", json.dumps(findings, indent=2, ensure_ascii=False) + "\n")
    write_text(target / "manifest.json", (folder / "manifest.json").read_text(encoding="utf-8"))


def main() -> None:
    for folder in sys.argv[1:]:
        read(Path(folder))  # raises an error for an unreadable run before any file is replaced
        keep(Path(folder))
    write_text(PAGE, render())


def render() -> str:
    """Return the text of ``docs/results.md``."""
    return PREFACE + "\n".join(render_markdown(read(folder)) for folder in sorted(KEPT.iterdir()))


if __name__ == "__main__":
    main()
