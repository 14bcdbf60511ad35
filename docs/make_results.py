"""Writes ``docs/results.md`` from the folders of finished runs: ``python docs/make_results.py DIR...``"""

import sys
from pathlib import Path

from extrapolate.files import write_text
from extrapolate.report import as_markdown, read

PREFACE = """# Published findings, reproduced

Made by `make results` from the files the runs left; nothing here is typed in. A finding that does not
reproduce stays, with the reason.

"""

if __name__ == "__main__":
    sections = [as_markdown(read(Path(folder))) for folder in sys.argv[1:]]
    write_text(Path(__file__).with_name("results.md"), PREFACE + "\n".join(sections))
