"""How a user's loss and metrics are called with a batch: the same everywhere."""

from collections.abc import Callable, Mapping
from typing import Any


def call_on_batch(function: Callable[..., Any], model: Any, batch: Any) -> Any:
    """``function(model, *batch)`` for a tuple or list, ``**batch`` for a mapping, else ``function(model, batch)``.

    Raises:
        TypeError: the function does not take the names of a mapping.
    """
    if isinstance(batch, tuple | list):
        return function(model, *batch)
    if not isinstance(batch, Mapping):
        return function(model, batch)
    try:
        return function(model, **batch)
    except TypeError as error:
        if "argument" not in str(error):
            raise
        names = ", ".join(f"{name}=..." for name in batch)
        raise TypeError(f"{error}: a batch that is a mapping (dict) is given by name, (model, {names})") from error
