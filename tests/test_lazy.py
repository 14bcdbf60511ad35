"""The names of ``import extrapolate``; nothing is imported before its first use."""

import ast
import importlib
from pathlib import Path

import pytest
from test_architecture import imported_by

import extrapolate
from extrapolate.experiments.catalog import FAMILIES

LAZY = ["extrapolate", "extrapolate.experiments", "extrapolate.inspect"]


def names_for_type_checkers(package: str) -> dict[str, str]:
    """Return the names that ``if TYPE_CHECKING:`` imports, each with its source module."""
    file = importlib.import_module(package).__file__
    assert file is not None
    (block,) = [node for node in ast.parse(Path(file).read_text()).body if isinstance(node, ast.If)]
    imports = [node for node in block.body if isinstance(node, ast.ImportFrom)]
    return {alias.name: str(node.module) for node in imports for alias in node.names}


def test_top_level_has_the_most_used_names() -> None:
    from extrapolate import ArithmeticRegressor, Replicas, exact, learn_masks, load_run, train

    assert extrapolate.training.train is train
    assert extrapolate.training.Replicas is Replicas
    assert extrapolate.inspect.exact is exact
    assert extrapolate.inspect.learn_masks is learn_masks
    assert extrapolate.estimator.ArithmeticRegressor is ArithmeticRegressor
    assert extrapolate.experiments.load_run is load_run
    assert extrapolate.nn.NMU(2, 1).weight.shape == (1, 2)


@pytest.mark.parametrize("package", LAZY)
def test_type_checkers_know_the_names_of_run_time_and_others_raise(package: str) -> None:
    module, names = importlib.import_module(package), names_for_type_checkers(package)
    assert sorted(names) == sorted(module.__all__)
    assert set(names) <= set(dir(module))
    with pytest.raises(AttributeError, match=f"module '{package}' has no attribute 'nosuch'"):
        _ = module.nosuch
    for name, home in names.items():
        if home == package:
            assert getattr(module, name) is importlib.import_module(f"{package}.{name}")
        else:
            assert getattr(module, name) is getattr(importlib.import_module(home), name)


@pytest.mark.parametrize("package", LAZY)
def test_no_submodule_has_the_name_of_an_object(package: str) -> None:
    """``from extrapolate.experiments import run`` gives a function, independent of earlier imports."""
    module = importlib.import_module(package)
    objects = [name for name, home in names_for_type_checkers(package).items() if home != package]
    assert objects
    (root,) = module.__path__
    assert not [name for name in objects if (Path(root) / f"{name}.py").exists()]
    assert not [name for name in objects if (Path(root) / name).is_dir()]


def experiments_in(modules: set[str]) -> set[str]:
    """Return the imported experiments: files as ``recurrence.gilr_speed``, folders as ``modularity.scan``."""
    prefix, suffix = "extrapolate.experiments.", ".experiment"
    names = {name.removeprefix(prefix) for name in modules if name.startswith(prefix)}
    files = {name for name in names if name.partition(".")[0] in FAMILIES and "." in name and "._" not in name}
    return files | {name.removesuffix(suffix) for name in names if name.endswith(suffix)}


NO_SUCH = """
from extrapolate.cli import main
try:
    main(["run", "nosuch"])
except SystemExit as ended:
    assert ended.code == 2
"""


def test_an_experiment_is_imported_without_the_others() -> None:
    catalog, unknown, speed, scan = imported_by(
        "from extrapolate.experiments import EXPERIMENTS; [EXPERIMENTS.title(name) for name in EXPERIMENTS]",
        NO_SUCH,
        "EXPERIMENTS['gilr-speed']",
        "EXPERIMENTS['modularity-scan']",
    )
    assert "torch" not in catalog
    assert "torch" not in unknown
    assert experiments_in(unknown) == set()
    assert experiments_in(speed) == {"recurrence.gilr_speed"}
    assert experiments_in(scan) == {"recurrence.gilr_speed", "masks.modularity_scan"}
