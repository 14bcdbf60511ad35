"""Convert a tree of tensors and plain values to tensors by name (safetensors) and a JSON value, and back."""

from collections.abc import Mapping
from typing import Any

from torch import Tensor

#: Keys of a JSON object that represents a tensor, and of one with the items of a dict with non-string keys.
TENSOR, PAIRS = "__tensor__", "__items__"


def pack(tree: Any) -> tuple[dict[str, Tensor], Any]:
    """Return the tensors of ``tree`` by name, and a JSON value that has these names instead of the tensors.

    Raises:
        TypeError: the tree holds something that is neither a tensor, a dict, a list, nor a plain value.
    """
    tensors: dict[str, Tensor] = {}

    def pack_tree(value: Any, path: str) -> Any:
        if isinstance(value, Tensor):
            tensors[path] = value
            return {TENSOR: path}
        if isinstance(value, Mapping):
            items = [(key, pack_tree(each, f"{path}/{key}" if path else str(key))) for key, each in value.items()]
            return dict(items) if all(isinstance(key, str) for key in value) else {PAIRS: items}
        if isinstance(value, list | tuple):
            return [pack_tree(each, f"{path}/{index}") for index, each in enumerate(value)]
        if value is None or isinstance(value, bool | int | float | str):
            return value
        raise TypeError(f"{path}: {type(value).__name__} cannot be saved in a checkpoint")

    return tensors, pack_tree(tree, "")


def unpack(tensors: Mapping[str, Tensor], value: Any) -> Any:
    """Return the tree that was packed by :func:`pack`; tuples become lists."""
    if isinstance(value, dict):
        if TENSOR in value:
            return tensors[value[TENSOR]]
        items = value[PAIRS] if PAIRS in value else value.items()
        return {key: unpack(tensors, each) for key, each in items}
    if isinstance(value, list):
        return [unpack(tensors, each) for each in value]
    return value
