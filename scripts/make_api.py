"""Write ``docs/api.md``: every public name and its first sentence, read from the sources without importing them.

python scripts/make_api.py
"""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

from extrapolate._runtime.files import write_text

ROOT = Path(__file__).parents[1]
SOURCES = ROOT / "src"
PAGE = ROOT / "docs" / "api.md"

#: The packages that users import from, in the order of the page.
PACKAGES = (
    "extrapolate",
    "extrapolate.training",
    "extrapolate.nn",
    "extrapolate.ops",
    "extrapolate.optim",
    "extrapolate.inspect",
    "extrapolate.tasks",
    "extrapolate.estimator",
    "extrapolate.experiments",
    "extrapolate.experiments.lab",
    "extrapolate.stats",
    "extrapolate.report",
    "extrapolate.keras",
)

PREFACE = """# Public names

Every name that may be imported, with its first sentence. `help(name)` in Python shows the rest. Made by
`python scripts/make_api.py`.
"""


def render() -> str:
    """Return the text of the page."""
    return PREFACE + "".join(_section(package) for package in PACKAGES)


def _section(package: str) -> str:
    rows = [f"| `{name}` | {_cell(text)} |" for name, text in public_names(package).items()]
    summary = _cell(_first_sentence(ast.get_docstring(_parse(package)) or ""))
    return "\n".join([f"\n## `{package}`\n", f"{summary}\n", "| name | |", "| --- | --- |", *rows, ""])


def public_names(package: str) -> dict[str, str]:
    """Return the first sentence of each name in ``__all__``; empty if the name has no documentation."""
    return {name: _first_sentence(_documentation(package, name)) for name in _all(package)}


def _all(package: str) -> list[str]:
    """Return ``__all__``, or the names that a module without it imports."""
    body = _parse(package).body
    names = [alias.name for node in body if isinstance(node, ast.ImportFrom) for alias in node.names]
    for node in body:
        if isinstance(node, ast.Assign) and "__all__" in _assigned(node):
            names = ast.literal_eval(node.value)
    return sorted(names, key=lambda name: (name.casefold(), name))


def _documentation(module: str, name: str) -> str:
    """Return the docstring of a class, function or package, or the ``#:`` comment above a constant."""
    if _path(f"{module}.{name}").exists():
        return ast.get_docstring(_parse(f"{module}.{name}")) or ""
    for node in ast.walk(_parse(module)):
        match node:
            case ast.FunctionDef() | ast.ClassDef() if node.name == name:
                return ast.get_docstring(node) or ""
            case ast.ImportFrom(module=str(origin)) if name in [each.asname or each.name for each in node.names]:
                original = next(each.name for each in node.names if name in (each.asname, each.name))
                return _documentation(origin, original)
            case ast.Assign() | ast.AnnAssign() if name in _assigned(node):
                return _comment_above(module, node.lineno)
    raise LookupError(f"{module} does not define {name}")


def _assigned(node: ast.Assign | ast.AnnAssign) -> Iterator[str]:
    for target in node.targets if isinstance(node, ast.Assign) else [node.target]:
        yield from (each.id for each in ast.walk(target) if isinstance(each, ast.Name))


def _comment_above(module: str, line: int) -> str:
    above: list[str] = []
    for text in reversed(_path(module).read_text(encoding="utf-8").splitlines()[: line - 1]):
        if not text.startswith("#:"):
            break
        above.insert(0, text.removeprefix("#:").strip())
    return " ".join(above)


def _first_sentence(documentation: str) -> str:
    paragraph = " ".join(documentation.partition("\n\n")[0].split())
    first = re.split(r"(?<!et al)(?<! )\. (?=[A-Z`])", paragraph)[0]
    return first.removesuffix(".").removesuffix(":")


def _cell(text: str) -> str:
    """Turn a docstring's markup into that of a table of Markdown."""
    for role in (":class:", ":func:", ":meth:", ":data:", ":mod:", ":attr:"):
        text = text.replace(f"{role}`", "`").replace("`~", "`")
    return text.replace("``", "`").replace("|", "\\|")


def _parse(module: str) -> ast.Module:
    return ast.parse(_path(module).read_text(encoding="utf-8"))


def _path(module: str) -> Path:
    path = SOURCES.joinpath(*module.split("."))
    return path / "__init__.py" if path.is_dir() else path.with_suffix(".py")


if __name__ == "__main__":
    write_text(PAGE, render())
