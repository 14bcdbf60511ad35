"""Rules of the source tree: packages import only lower layers, public names have docstrings, files are short."""

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

#: Packages from the top layer to the lowest. A package imports only packages of lower layers.
LAYERS = (
    {"cli"},
    {"estimator", "report"},
    {"experiments"},
    {"training", "inspect", "keras"},
    {"nn", "optim", "tasks", "ops"},
    {"_runtime", "stats"},
)
LAYER_OF = {package: layer for layer, packages in enumerate(LAYERS) for package in packages}
#: Allowed within a layer: modules use operators; tasks sample with ``ops.uniform``.
SAME_LAYER = {("nn", "ops"), ("tasks", "ops")}
PACKAGES = sorted(package for package in LAYER_OF if (ROOT / package / "__init__.py").exists())


def relative(path: Path) -> str:
    return str(path.relative_to(ROOT))


def package_of(path: Path) -> str:
    return path.relative_to(ROOT).with_suffix("").parts[0]


def imports_of(path: Path) -> set[tuple[str, ...]]:
    """Return what a file imports from this package: ``from extrapolate.nn import NMU`` gives (nn, NMU)."""
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


def imported_packages(path: Path) -> set[str]:
    return {first for first, *_ in imports_of(path)} & set(LAYER_OF)


def may_import(importer: str, imported: str) -> bool:
    lower = LAYER_OF[importer] < LAYER_OF[imported]
    return lower or importer == imported or (importer, imported) in SAME_LAYER


def imported_by(*statements: str) -> list[set[str]]:
    """Return the modules that a new process has imported after each of ``statements``."""
    code = "import sys\n" + "".join(f"{each}\nprint(*sys.modules)\n" for each in statements)
    printed = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    return [set(line.split()) for line in printed.splitlines()]


def test_importing_the_package_imports_no_subpackage() -> None:
    (modules,) = imported_by("import extrapolate")
    runtime = {f"extrapolate._runtime{module}" for module in ("", ".lazy", ".extras", ".errors")}
    assert {name for name in modules if name.startswith("extrapolate.")} <= runtime
    assert "torch" not in modules


def test_packages_import_only_lower_layers() -> None:
    wrong = []
    for path in FILES:
        package = package_of(path)
        if path == ROOT / "__init__.py":
            continue
        assert package in LAYER_OF, f"{package} has no layer: add it to LAYERS"
        wrong += [(relative(path), other) for other in imported_packages(path) if not may_import(package, other)]
    assert wrong == [], "files that import a package of the same or a higher layer"


def test_private_modules_are_imported_in_their_own_package_only() -> None:
    private = [
        (relative(path), ".".join(name))
        for path in FILES
        for name in imports_of(path)
        if name[0] != package_of(path) and any(part.startswith("_") for part in name[1:])
    ]
    assert private == []


def test_import_check_finds_forbidden_imports(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The check finds every form of import and judges each direction."""
    monkeypatch.setattr(f"{__name__}.ROOT", tmp_path)
    (tmp_path / "nn").mkdir()
    file = tmp_path / "nn" / "_unit.py"
    file.write_text(
        "import torch\nimport extrapolate.training.loop\nfrom extrapolate import ops, report\n"
        "from extrapolate.nn.arithmetic._init import nau_\n"
        "def f():\n    from ..tasks import Range\n    from . import _init\n"
    )
    assert imported_packages(file) == {"training", "ops", "report", "nn", "tasks"}
    allowed = [("nn", "ops"), ("tasks", "ops"), ("cli", "report"), ("report", "_runtime")]
    forbidden = [("tasks", "nn"), ("ops", "nn"), ("report", "estimator"), ("training", "experiments")]
    assert [pair for pair in [*allowed, *forbidden, ("stats", "_runtime")] if may_import(*pair)] == allowed


def test_files_are_short_and_have_a_docstring() -> None:
    texts = {relative(path): path.read_text(encoding="utf-8") for path in FILES}
    assert [name for name, text in texts.items() if len(text.splitlines()) > MAXIMUM_LINES] == []
    undescribed = [name for name, text in texts.items() if text.strip() and not ast.get_docstring(ast.parse(text))]
    assert undescribed == [], "a file begins with a docstring that describes its contents"


@pytest.mark.parametrize("package", PACKAGES)
def test_public_names_exist_and_have_docstrings(package: str) -> None:
    module = importlib.import_module(f"extrapolate.{package}")
    assert module.__doc__
    names = getattr(module, "__all__", [])
    assert len(set(names)) == len(names)
    assert not [name for name in names if name.startswith("_")]
    for name in names:
        value = getattr(module, name)
        if not name.isupper() and callable(value):  # constants and type aliases have no docstring
            described = (value.__doc__ or "").strip()
            # Python uses the signature of a dataclass as its default docstring
            assert described, f"extrapolate.{package}.{name} has no docstring"
            assert not described.startswith(f"{name}("), f"extrapolate.{package}.{name} has no docstring"


def test_libraries_that_are_slow_to_import_are_imported_when_needed() -> None:
    training, catalog, experiments = imported_by(
        "import extrapolate.training",
        "import extrapolate.experiments.catalog",
        "list(extrapolate.experiments.EXPERIMENTS.values())",
    )
    slow = {"torch._dynamo", "torch._inductor", "scipy", "numba", "sympy", "matplotlib", "polars"}
    assert slow & training == set()
    assert slow & catalog == set()
    assert slow & experiments == {"polars"}
