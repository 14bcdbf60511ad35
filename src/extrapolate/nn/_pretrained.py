"""Trained networks in a folder: ``model.safetensors``, and ``config.json``, what they are and how they were made."""

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
    """A module that is written to a folder and read from it, or from those that come with the package, by name.

    A subclass gives ``arguments()``, with which its constructor makes it again.
    """

    @abstractmethod
    def arguments(self) -> dict[str, Any]:
        """The constructor's arguments, as JSON values."""

    def save_pretrained(self, folder: str | Path, metadata: dict[str, Any] | None = None) -> None:
        """Writes the weights, and beside them the arguments and what is said ``about`` them (JSON)."""
        place = Path(folder)
        place.mkdir(parents=True, exist_ok=True)
        config = {"model": type(self).__name__, "arguments": self.arguments()} | (metadata or {})
        with replacing(place / WEIGHTS) as temporary:
            save_file({name: value.contiguous() for name, value in self.state_dict().items()}, temporary)
        write_text(place / CONFIG, json.dumps(config, indent=2) + "\n")

    @classmethod
    def from_pretrained(cls, source: str | Path) -> Self:
        """The network in the folder ``source``, or the one of that name that comes with the package; for answering.

        Raises:
            UserError: there is none, it is damaged, or it is of another kind.
        """
        place, config = find_pretrained(source), load_pretrained_config(source)
        if config.get("model") != cls.__name__:
            raise UserError(f"{source} holds a {config.get('model')}, not a {cls.__name__}")
        try:
            model = cls(**config["arguments"])
            model.load_state_dict(load_file(place / WEIGHTS))
        except FileNotFoundError:
            raise UserError(f"{source} has no {WEIGHTS}: give a folder written by save_pretrained") from None
        except (SafetensorError, RuntimeError, TypeError, KeyError, ValueError) as error:
            reason = " ".join(str(error).split())[:200]
            raise UserError(f"{source} is damaged or of another version: {reason}") from error
        return model.eval()


def list_pretrained() -> list[str]:
    """The networks that come with the package."""
    return sorted(each.parent.name for each in _shipped().glob(f"*/{CONFIG}"))


def find_pretrained(source: str | Path) -> Path:
    """Where the network ``source`` lies.

    Raises:
        UserError: it is neither a folder nor a name.
    """
    if str(source) in list_pretrained():
        return _shipped() / str(source)
    if not Path(source).is_dir():
        raise unknown_name_error("network", str(source), [*list_pretrained(), "a folder"])
    return Path(source)


def load_pretrained_config(source: str | Path) -> dict[str, Any]:
    """What ``config.json`` says of a network: its arguments, its task, how it was made.

    Raises:
        UserError: there is none, or it is no JSON object.
    """
    path = find_pretrained(source) / CONFIG
    try:
        config = json.loads(path.read_text(encoding="utf-8"))
    except FileNotFoundError:
        raise UserError(f"{source} has no {CONFIG}: give a folder written by save_pretrained") from None
    except (OSError, ValueError) as error:
        raise UserError(f"{path} cannot be read: {error}") from error
    if not isinstance(config, dict):
        raise UserError(f"{path} is no JSON object: give a folder written by save_pretrained")
    return config


def _shipped() -> Path:
    return Path(str(resources.files("extrapolate.nn"))) / "pretrained"
