"""The house's own rules: who may import whom, what is public is there and described, no file too long."""

import ast
import importlib
import subprocess
import sys
from pathlib import Path

import pytest

import extrapolate

ROOT = Path(extrapolate.__file__).parent
FILES = sorted(ROOT.rglob("*.py"))
MAXIMUM_LINES = 300

#: Rooms from top to bottom. A room may import those of the lines below, and not those beside it.
STORIES = (
    {"cli"},
    {"estimator", "report"},
    {"experiments"},
    {"training", "inspect", "keras"},
    {"nn", "optim", "tasks", "ops"},
    {"_runtime", "stats"},
)
STORY_OF = {room: story for story, rooms in enumerate(STORIES) for room in rooms}
#: Modules are made of operators; tasks sample with ``ops.uniform``, whose numbers follow from a key alone.
BESIDE = {("nn", "ops"), ("tasks", "ops")}
ROOMS = sorted(room for room in STORY_OF if (ROOT / room / "__init__.py").exists())


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def room_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports_of(path: Path) -> set[tuple[str, ...]]:
    """What a file imports from this package: ``from extrapolate.nn import NMU`` gives (nn, NMU)."""
    package = ("extrapolate", *path.relative_to(ROOT).parent.parts)
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            names = [alias.name for alias in node.names]
        elif isinstance(node, ast.ImportFrom):
            base = package[: len(package) - node.level + 1] if node.level else ()
            module = ".".join([*base, *([node.module] if node.module else [])])
            names = [f"{module}.{alias.name}" for alias in node.names]
        else:
            continue
        parts = (name.split(".") for name in names)
        found |= {tuple(rest) for first, *rest in parts if first == "extrapolate" and rest}
    return found


def imported_rooms(path: Path) -> set[str]:
    return {first for first, *_ in imports_of(path)} & set(STORY_OF)


def may_import(importer: str, imported: str) -> bool:
    below = STORY_OF[importer] < STORY_OF[imported]
    return below or importer == imported or (importer, imported) in BESIDE


def imported_by(*statements: str) -> list[set[str]]:
    """The modules a new process has imported after each of ``statements``."""
    code = "import sys\n" + "".join(f"{each}\nprint(*sys.modules)\n" for each in statements)
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return [set(line.split()) for line in printed.splitlines()]


def test_importing_the_package_imports_none_of_its_rooms() -> None:
    (modules,) = imported_by("import extrapolate")
    assert {name for name in modules if name.startswith("extrapolate.")} == {"extrapolate._runtime.lazy"}
    assert "torch" not in modules


def test_imports_go_downward() -> None:
    wrong = []
    for path in FILES:
        room = room_of(path)
        if path == ROOT / "__init__.py":
            continue
        assert room in STORY_OF, f"{room} has no place among the packages: give it one in DESIGN and here"
        wrong += [(relative(path), other) for other in imported_rooms(path) if not may_import(room, other)]
    assert wrong == [], "files that import a package which is not below theirs"


def test_private_modules_are_imported_in_their_own_room_only() -> None:
    private = [
        (relative(path), ".".join(name))
        for path in FILES
        for name in imports_of(path)
        if name[0] != room_of(path) and any(part.startswith("_") for part in name[1:])
    ]
    assert private == []


def test_rule_finds_what_it_forbids(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check itself: every spelling of an import is seen, and each direction is judged."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "nn").mkdir()
    file = tmp_path / "nn" / "_unit.py"
    file.write_text(
        "import torch\nimport extrapolate.training.loop\nfrom extrapolate import ops, report\n"
        "from extrapolate.nn.arithmetic._init import nau_\n"
        "def f():\n    from ..tasks import Range\n    from . import _init\n"
    )
    assert imported_rooms(file) == {"training", "ops", "report", "nn", "tasks"}
    allowed = [("nn", "ops"), ("tasks", "ops"), ("cli", "report"), ("report", "_runtime")]
    forbidden = [("tasks", "nn"), ("ops", "nn"), ("report", "estimator"), ("training", "experiments")]
    assert [pair for pair in [*allowed, *forbidden, ("stats", "_runtime")] if may_import(*pair)] == allowed


def test_files_are_short_and_say_what_they_are() -> None:
    texts = {relative(path): path.read_text(encoding="utf-8") for path in FILES}
    assert [name for name, text in texts.items() if len(text.splitlines()) > MAXIMUM_LINES] == []
    untold = [name for name, text in texts.items() if text.strip() and not ast.get_docstring(ast.parse(text))]
    assert untold == [], "a file begins with a line that says what it holds"


@pytest.mark.parametrize("room", ROOMS)
def test_public_names_exist_are_described_and_private_to_no_room(room: str) -> None:
    module = importlib.import_module(f"extrapolate.{room}")
    assert module.__doc__
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.startswith("_")]
    for name in names:
        value = getattr(module, name)
        if not name.isupper() and callable(value):  # constants and types put together carry no docstring
            described = (value.__doc__ or "").strip()
            # a dataclass without a docstring is given its signature, which describes nothing
            assert described, f"extrapolate.{room}.{name} has no docstring"
            assert not described.startswith(f"{name}("), f"extrapolate.{room}.{name} has no docstring"


def test_libraries_that_take_long_to_import_are_imported_when_needed() -> None:
    training, catalog, experiments = imported_by(
        "import extrapolate.training",
        "import extrapolate.experiments.catalog",
        "list(extrapolate.experiments.EXPERIMENTS.values())",
    )
    slow = {"torch._dynamo", "torch._inductor", "scipy", "numba", "sympy", "matplotlib", "polars"}
    assert slow & training == set()
    assert slow & catalog == set()
    assert slow & experiments == {"polars"}
