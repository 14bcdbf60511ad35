"""The field's words in names and plain English in sentences: what must not return."""

import ast
import io
import re
import tokenize
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[1]
SOURCES = [path for folder in ("src", "scripts", "benchmarks") for path in sorted((ROOT / folder).rglob("*.py"))]
TEXTS = [path for ending in ("toml", "j2", "js", "css") for path in sorted((ROOT / "src").rglob(f"*.{ending}"))]

#: Words for which the field has its own, as names of functions, classes, arguments and attributes.
NAMES = frozenset(
    """
    Plan given shared Feedback Rule Fall Falling Drop Lowered Ramp best_by rate clip noise until Watch Quiet
    FitWatch QuietFit about carry_out gather place Sheet sheet Questions shares Eye DeepEye Subject View
    Applied pressure maps places slack levels Ranked Shown show numbers mapped one_by_one Stage further
    weights Plateau Pull Merging disagreement Starts Restart take bind map Part Staged go_on more_steps
    examine Learning start evaluate_every unit operation range house room rooms storey advanced applied asked
    completed counted drawn encoded kept mapped pictured placed rounded saturated settled shown told written
    """.split()  # noqa: SIM905
)
#: The same words where they are right: torch's own names of fields, and a schedule's first step.
RIGHT = {"training/schedule.py": {"start"}}
LOCAL_NAMES = {"asked", "house", "place", "places", "room", "sheet", "sheets", "storey", "told"}

#: Habits of ENGLISH that a reader has to translate, in docstrings, comments, messages, help texts and pages.
HABITS = [
    r"told|asked|plainly|anew|says",
    r"go(es|ne|ing)? on",
    r"so many|as any|that are none|of such|a number beside",
    r"houses?|rooms?|storeys?|sheets?",
    r"a (row|place|position|letter|step|bit|seed|model|byte|core|file) an? \w+",
    r"(?<!in )(?<!in-)(?<!take )(?<!takes )(?<!decimal )places?",
]
HABIT = re.compile(rf"\b({'|'.join(HABITS)})\b", re.IGNORECASE)


def definitions(tree: ast.AST) -> Iterator[tuple[str, int]]:
    """Functions, classes, arguments, fields, attributes and keys (columns) that a file defines."""
    for node in ast.walk(tree):
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef | ast.ClassDef):
            yield node.name, node.lineno
        elif isinstance(node, ast.arg):
            yield node.arg, node.lineno
        elif isinstance(node, ast.Attribute) and isinstance(node.ctx, ast.Store):
            yield node.attr, node.lineno
        elif isinstance(node, ast.Dict):
            yield from ((str(key.value), key.lineno) for key in node.keys if isinstance(key, ast.Constant))
        if isinstance(node, ast.ClassDef):
            targets = [each.target for each in node.body if isinstance(each, ast.AnnAssign)]
            targets += [target for each in node.body if isinstance(each, ast.Assign) for target in each.targets]
            yield from ((target.id, target.lineno) for target in targets if isinstance(target, ast.Name))


def local_names(tree: ast.AST) -> Iterator[tuple[str, int]]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Name) and isinstance(node.ctx, ast.Store):
            yield node.id, node.lineno


def sentences(path: Path) -> Iterator[tuple[str, int]]:
    """Comments and strings of a Python file; every line of another."""
    text = path.read_text(encoding="utf-8")
    if path.suffix != ".py":
        yield from ((line, number) for number, line in enumerate(text.splitlines(), 1))
        return
    for token in tokenize.generate_tokens(io.StringIO(text).readline):
        if token.type in (tokenize.COMMENT, tokenize.STRING):
            yield from ((line, token.start[0] + n) for n, line in enumerate(token.string.splitlines()))


def is_right(path: Path, name: str) -> bool:
    return any(str(path).endswith(end) and name in names for end, names in RIGHT.items())


@pytest.mark.parametrize("path", SOURCES, ids=lambda path: str(path.relative_to(ROOT)))
def test_names_are_the_fields(path: Path) -> None:
    tree = ast.parse(path.read_text(encoding="utf-8"))
    wrong = [
        (name, line) for name, line in definitions(tree) if name.strip("_") in NAMES and not is_right(path, name)
    ]
    wrong += [(name, line) for name, line in local_names(tree) if name.strip("_") in LOCAL_NAMES]
    assert wrong == [], "use the field's word"


@pytest.mark.parametrize("path", [*SOURCES, *TEXTS], ids=lambda path: str(path.relative_to(ROOT)))
def test_sentences_are_plain_english(path: Path) -> None:
    wrong = [(found[0], line) for text, line in sentences(path) if (found := HABIT.search(text))]
    assert wrong == [], "subject, verb, object; the field's word"
