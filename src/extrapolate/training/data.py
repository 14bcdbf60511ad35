"""Make a feed from the ``data`` argument of :func:`extrapolate.train`."""

from collections.abc import Iterable, Mapping, Sequence
from typing import Any

import numpy as np
import torch
from torch import Tensor
from torch.utils import _pytree as pytree
from torch.utils.data import DataLoader, Dataset, IterableDataset, TensorDataset

from extrapolate.training.feeds import (
    EachItsOwn,
    Feed,
    FixedRows,
    LoaderFeed,
    NoData,
    OwnRows,
    TaskFeed,
    move,
)
from extrapolate.training.vectorize import stack

DEFAULT_BATCH = 128


def feed_of(data: Any, batch_size: int | None, seeds: Sequence[int], device: torch.device) -> Feed:
    """Return the feed for ``data`` (see :func:`extrapolate.train`).

    Raises:
        ValueError: ``data`` has an unknown type, tensors of different lengths or no examples, or ``batch_size``
            cannot be used with it.
    """
    if batch_size is not None and batch_size < 1:
        raise ValueError(f"batch_size={batch_size} must be at least 1")
    batch = DEFAULT_BATCH if batch_size is None else batch_size
    if data is None:
        if batch_size is not None:
            raise ValueError("batch_size has no meaning without data: leave it out, the loss makes its own examples")
        return NoData()
    tensors = fix_tensors(data)
    if tensors is not None:
        return FixedRows(move(tensors, device), batch)
    if is_task(data):
        return TaskFeed(data, batch, device)
    if isinstance(data, list):
        if len(data) != len(seeds):
            raise ValueError(f"a list of data must have {len(seeds)} entries, one per replica, got {len(data)}")
        return _each([feed_of(own, batch_size, (seed,), device) for own, seed in zip(data, seeds, strict=True)])
    if isinstance(data, tuple):
        raise ValueError("a tuple of data must hold tensors: for one data set per replica, pass a list")
    if isinstance(data, Dataset):
        return LoaderFeed(_loader(data, batch, seeds), device)
    if not isinstance(data, Iterable):
        raise ValueError(
            f"data of type {type(data).__name__} cannot be used: pass tensors, a TensorDataset, a Dataset, "
            "a DataLoader, a Task, a list with one of these for each replica, or None"
        )
    if batch_size is not None:
        raise ValueError("batch_size cannot be set for a loader: leave it out, or pass the dataset itself")
    return LoaderFeed(data, device)


def _each(feeds: list[Feed]) -> Feed:
    rows = [feed for feed in feeds if isinstance(feed, FixedRows)]
    shapes = {str([leaf.shape for leaf in pytree.tree_leaves(each.tensors)]) for each in rows}
    if len(rows) == len(feeds) and len(shapes) == 1:
        return OwnRows(stack([each.tensors for each in rows]), rows[0].batch)
    return EachItsOwn(feeds)


def fix_tensors(data: Any) -> Any:
    """Convert tensors, a TensorDataset or a mapping of tensors to a tuple or dict; None for anything else.

    Raises:
        ValueError: the tensors have different lengths or no rows, or are NumPy arrays.
    """
    if isinstance(data, TensorDataset):
        data = data.tensors
    parts = data.values() if isinstance(data, Mapping) else data if isinstance(data, list | tuple) else [data]
    if any(isinstance(each, np.ndarray) for each in parts):
        raise ValueError("NumPy arrays cannot be used: pass tensors, torch.from_numpy(array)")
    if isinstance(data, Tensor):
        data = (data,)
    if isinstance(data, Mapping):
        data = dict(data)
    leaves = list(data.values() if isinstance(data, dict) else data) if isinstance(data, list | tuple | dict) else []
    if not leaves or not all(isinstance(leaf, Tensor) for leaf in leaves):
        return None
    lengths = {len(leaf) if leaf.dim() else 0 for leaf in leaves}
    if len(lengths) > 1:
        raise ValueError(
            f"the tensors of the data have different lengths: {', '.join(str(len(leaf)) for leaf in leaves)}"
        )
    if lengths == {0}:
        raise ValueError("the data has no examples")
    return data if isinstance(data, dict) else tuple(data)


def is_task(data: Any) -> bool:
    """Return whether ``data`` has the methods of a :class:`extrapolate.tasks.Task`."""
    return all(callable(getattr(data, name, None)) for name in ("sample", "splits", "solved"))


def _loader(dataset: Dataset[Any], batch: int, seeds: Sequence[int]) -> DataLoader[Any]:
    if isinstance(dataset, IterableDataset):
        return DataLoader(dataset, batch)
    if not len(dataset):  # type: ignore[arg-type]
        raise ValueError("the data has no examples")
    words = np.random.SeedSequence([seed % 2**32 for seed in seeds]).generate_state(1)
    return DataLoader(dataset, batch, shuffle=True, generator=torch.Generator().manual_seed(int(words[0])))
