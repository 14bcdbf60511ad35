"""Call a user's loss or metric with a batch, in the same way everywhere."""

from collections.abc import Callable, Mapping
from typing import Any


def call_on_batch(function: Callable[..., Any], model: Any, batch: Any) -> Any:
    """Call ``function`` with a model and a batch.

    A tuple or list is passed as ``*batch``, a mapping as ``**batch``, anything else as ``batch``.

    Raises:
        TypeError: the function does not accept the keys of a mapping as arguments.
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
        raise TypeError(
            f"{error}: a batch that is a mapping (dict) is passed by keyword, (model, {names})"
        ) from error
