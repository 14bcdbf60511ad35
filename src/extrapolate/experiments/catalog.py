"""The experiments by name: one file per experiment in the packages below, imported when it is looked up."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from importlib import import_module
from pathlib import Path
from typing import TYPE_CHECKING, Any

from extrapolate._runtime.errors import unknown_name_error

if TYPE_CHECKING:
    from extrapolate.experiments.experiment import Experiment

#: The packages of experiments, in the order of the listing. ``FAMILY/two_words.py`` defines the experiment
#: ``two-words`` under the name ``two_words``. Files whose names begin with an underscore hold shared code.
FAMILIES = ("arithmetic", "digits", "language", "agents", "recurrence", "optimizers", "masks", "algorithms")


class Catalog(Mapping[str, "Experiment[Any]"]):
    """Experiments by name. Names and titles are known without importing an experiment."""

    def __init__(self, folder: Path) -> None:
        paths = [path for family in FAMILIES for path in sorted((folder / family).glob("*.py"))]
        self._paths = {path.stem.replace("_", "-"): path for path in paths if not path.name.startswith("_")}

    def __getitem__(self, name: str) -> Experiment[Any]:
        path = self._paths[name]
        module = import_module(f"{__package__}.{path.parent.name}.{path.stem}")
        return getattr(module, path.stem)

    def __contains__(self, name: object) -> bool:
        return name in self._paths

    def __iter__(self) -> Iterator[str]:
        return iter(self._paths)

    def __len__(self) -> int:
        return len(self._paths)

    def title(self, name: str) -> str:
        """Return the title of an experiment: the first line of its module's docstring."""
        with self._paths[name].open(encoding="utf-8") as lines:
            return next(lines).strip().strip('"').rstrip(".")


#: All experiments by name. Each is imported at first use.
EXPERIMENTS = Catalog(Path(__file__).parent)


def get_experiment(name: str) -> Experiment[Any]:
    """Return the experiment of this name.

    Raises:
        UserError: the name is unknown; the message suggests the nearest name.
    """
    if name not in EXPERIMENTS:
        raise unknown_name_error("experiment", name, list(EXPERIMENTS))
    return EXPERIMENTS[name]
