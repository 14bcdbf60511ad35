"""Reports of a run: a self-contained HTML page, and a table for the terminal.

Reads only the files in the output folder of `extrapolate run`; never loads a model.
"""

from extrapolate.report.files import Claim, Folder, Manifest, ReportError, read
from extrapolate.report.markdown import render_markdown
from extrapolate.report.page import write_page
from extrapolate.report.table import print_summary

__all__ = ["Claim", "Folder", "Manifest", "ReportError", "print_summary", "read", "render_markdown", "write_page"]
