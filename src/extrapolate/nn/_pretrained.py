"""Save and load trained networks: weights in ``model.safetensors``, description in ``config.json``."""

import json
from abc import ABC, abstractmethod
from importlib import resources
from pathlib import Path
from typing import Any, Self

from safetensors import SafetensorError
from safetensors.torch import load_file, save_file
from torch import nn

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate._runtime.files import replacing, write_text

WEIGHTS, CONFIG = "model.safetensors", "config.json"


class Pretrained(nn.Module, ABC):
    """A module that can be saved to a folder and loaded from it, or by name if it ships with the package.

    A subclass defines ``arguments()``.
    """

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """Return the constructor arguments that rebuild this module, as JSON values."""

    def save_pretrained(self, folder: str | Path, metadata: dict[str, Any] | None = None) -> None:
        """Write ``model.safetensors`` and ``config.json`` to ``folder``, which is created if missing.

        ``config.json`` holds the class, the constructor arguments and ``metadata`` (JSON values).
        """
        directory = Path(folder)
        directory.mkdir(parents=True, exist_ok=True)
        config = {"model": type(self).__name__, "arguments": self.arguments()} | (metadata or {})
        with replacing(directory / WEIGHTS) as temporary:
            save_file({name: value.contiguous() for name, value in self.state_dict().items()}, temporary)
        write_text(directory / CONFIG, json.dumps(config, indent=2) + "\n")

    @classmethod
    def from_pretrained(cls, source: str | Path) -> Self:
        """Load a network in evaluation mode. ``source``: a folder or a name from ``list_pretrained()``.

        Raises:
            UserError: the network does not exist, is damaged, or is of another class.
        """
        directory, config = find_pretrained(source), load_pretrained_config(source)
        if config.get("model") != cls.__name__:
            raise UserError(f"{source} holds a {config.get('model')}, not a {cls.__name__}: load it with that class")
        try:
            model = cls(**config["arguments"])
            model.load_state_dict(load_file(directory / WEIGHTS))
        except FileNotFoundError:
            raise UserError(f"{source} has no {WEIGHTS}: give a folder written by save_pretrained") from None
        except (SafetensorError, RuntimeError, TypeError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{source} is damaged or of another version: {reason}") from error
        return model.eval()


def list_pretrained() -> list[str]:
    """Return the names of the networks that ship with the package."""
    return sorted(each.parent.name for each in _shipped().glob(f"*/{CONFIG}"))


def find_pretrained(source: str | Path) -> Path:
    """Return the folder of the network ``source``, a folder or a name from ``list_pretrained()``.

    Raises:
        UserError: ``source`` is neither.
    """
    if str(source) in list_pretrained():
        return _shipped() / str(source)
    if not Path(source).is_dir():
        raise unknown_name_error("network", str(source), [*list_pretrained(), "a folder"])
    return Path(source)


def load_pretrained_config(source: str | Path) -> dict[str, Any]:
    """Return a network's ``config.json``: class, constructor arguments, and metadata such as task and training.

    Raises:
        UserError: there is no such network or file, or the file is not a JSON object.
    """
    path = find_pretrained(source) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{source} has no {CONFIG}: give a folder written by save_pretrained") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} is not a JSON object: give a folder written by save_pretrained")
    return config


def _shipped() -> Path:
    return Path(str(resources.files("extrapolate.nn"))) / "pretrained"
