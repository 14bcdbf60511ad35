"""Docstrings describe arguments that exist, and refer to names that exist."""

import ast
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

SOURCES = Path(__file__).parents[1] / "src"
FILES = sorted(SOURCES.rglob("*.py"))
TREES = {path: ast.parse(path.read_text(encoding="utf-8")) for path in FILES}

Definition = ast.FunctionDef | ast.ClassDef


def definitions(tree: ast.Module) -> Iterator[Definition]:
    return (node for node in ast.walk(tree) if isinstance(node, Definition))


def documented_arguments(node: Definition) -> list[str]:
    section = re.search(r"^Args:\n((?: {4}.*\n?|\n)*)", ast.get_docstring(node) or "", re.M)
    heads = re.findall(r"^ {4}(\*{0,2}\w+(?:, \*{0,2}\w+)*)(?: \([^)]*\))?:", section[1], re.M) if section else []
    return [name.lstrip("*") for head in heads for name in head.split(", ")]


def arguments(node: Definition) -> set[str]:
    """Return the arguments of the function or of ``__init__``, and the fields of a dataclass."""
    if isinstance(node, ast.FunctionDef):
        names = node.args
        listed = [*names.posonlyargs, *names.args, *names.kwonlyargs, names.vararg, names.kwarg]
        return {each.arg for each in listed if each}
    fields = {name for each in node.body if isinstance(each, ast.AnnAssign) for name in assigned(each)}
    methods = [
        each for each in node.body if isinstance(each, ast.FunctionDef) and each.name in ("__init__", "__new__")
    ]
    return fields.union(*map(arguments, methods), *map(inherited, node.bases))


def assigned(node: ast.AST) -> set[str]:
    targets = (
        node.targets if isinstance(node, ast.Assign) else [node.target] if isinstance(node, ast.AnnAssign) else []
    )
    return {each.id for target in targets for each in ast.walk(target) if isinstance(each, ast.Name)}


def inherited(base: ast.expr) -> set[str]:
    name = ast.unparse(base).partition("[")[0].rpartition(".")[2]
    found = [node for tree in TREES.values() for node in definitions(tree) if node.name == name]
    return set().union(*map(arguments, found))


@pytest.mark.parametrize("path", FILES, ids=lambda path: str(path.relative_to(SOURCES / "extrapolate")))
def test_documented_arguments_exist(path: Path) -> None:
    unknown = {
        f"{node.name}({name})"
        for node in definitions(TREES[path])
        for name in documented_arguments(node)
        if name not in arguments(node)
    }
    assert unknown == set()


def test_references_of_docstrings_exist() -> None:
    nodes = [node for tree in TREES.values() for node in ast.walk(tree)]
    names = {node.name for node in nodes if isinstance(node, Definition)}.union(*map(assigned, nodes))
    missing = {
        f"{path.relative_to(SOURCES)}: {target}"
        for path in FILES
        for target in re.findall(r":(?:class|func|meth|data|attr):`~?\.?([\w.]+)`", path.read_text(encoding="utf-8"))
        if "extrapolate" in target or "." not in target
        if target.rpartition(".")[2] not in names
    }
    assert missing == set()
