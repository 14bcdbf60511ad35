"""Images of digits, as experiments in their old form choose them."""

from pathlib import Path
from typing import Any

from extrapolate.errors import UserError
from extrapolate.experiments.digits._images import EMBEDDED, digits_of
from extrapolate.experiments.options import option

__all__ = ["EMBEDDED", "data_option", "digits_of"]


def _data(text: str) -> str:
    if text != EMBEDDED and not Path(text).is_dir():
        raise UserError(f"{text}: no such folder; give one with MNIST's files, or {EMBEDDED}")
    return text


def data_option() -> Any:
    """Where the images come from."""
    return option(f"{EMBEDDED}, or a folder with MNIST's files.", _data, metavar="DIR")
