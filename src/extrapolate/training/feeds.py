"""Sources of each step's batch: fixed tensors, a task, a loader, or one of these for each replica."""

import hashlib
import warnings
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from typing import Any, Protocol

import torch
from torch import Tensor
from torch.func import vmap
from torch.utils import _pytree as pytree

from extrapolate import ops
from extrapolate.training.vectorize import row_of, stack, without_slow_fallback

#: An empty half of a batch.
NOTHING: tuple[()] = ()

#: The number of rows that a uniform float32 number in [0, 1) can address.
FLOAT32_ROWS = 2**24


class Feed(Protocol):
    """Returns the batch of each step. Its state lets a resumed training continue with the next batch."""

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        """Return the batch for ``keys`` (R, 3) as two halves, each a tree of tensors or :data:`NOTHING`.

        The first half has a batch for each replica (R, B, ...), the second one is shared by all (B, ...).
        """
        ...

    def state(self) -> dict[str, Any]:
        """Return numbers, strings and tensors to save; empty if the batch depends on the keys only."""
        ...

    def restore(self, state: dict[str, Any]) -> None: ...


def join(own: Any, shared_batch: Any) -> Any:
    """Join the two halves of a batch. If neither is empty, both must be mappings."""
    if _is_nothing(own):
        return shared_batch
    return own if _is_nothing(shared_batch) else own | shared_batch


def _is_nothing(half: Any) -> bool:
    return isinstance(half, tuple) and len(half) == 0  # `not half` of tensors cannot be compiled


class Stateless:
    """A feed whose batches depend on the keys only."""

    def state(self) -> dict[str, Any]:
        return {}

    def restore(self, state: dict[str, Any]) -> None:
        pass


class NoData(Stateless):
    """No batches: the loss samples its own examples."""

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        return NOTHING, NOTHING


def digest_of(tensors: Any) -> str:
    """Return a digest of the shapes, dtypes and values of a tree of tensors."""
    digest = hashlib.blake2b(digest_size=8)
    for leaf in pytree.tree_leaves(tensors):
        digest.update(f"{leaf.dtype} {tuple(leaf.shape)}".encode())
        digest.update(leaf.detach().cpu().contiguous().view(-1).view(torch.uint8).numpy().data)
    return digest.hexdigest()


@dataclass
class FixedRows(Stateless):
    """Rows of fixed tensors, sampled with replacement by each replica's key."""

    tensors: Any
    batch: int

    @cached_property
    def digest(self) -> str:
        return digest_of(self.tensors)

    def __post_init__(self) -> None:
        self.count = len(pytree.tree_leaves(self.tensors)[0])

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        rows = sample_rows(keys, self.batch, self.count)
        return pytree.tree_map(lambda value: value[rows], self.tensors), NOTHING


def sample_rows(keys: Tensor, batch: int, count: int) -> Tensor:
    """Sample row indices below ``count`` from the keys, int64 (R, batch)."""
    if count <= FLOAT32_ROWS:
        return (ops.uniform(keys, (batch,)) * count).long()
    high, low = ops.uniform(keys, (2, batch)).double().unbind(-2)
    return ((high + low / FLOAT32_ROWS) * count).long().clamp_max(count - 1)


class OwnRows(FixedRows):
    """Rows of tensors (R, N, ...): each replica samples from its own tensors, with replacement, by its key."""

    def __post_init__(self) -> None:
        first = pytree.tree_leaves(self.tensors)[0]
        self.count = first.shape[1]
        self.replicas = torch.arange(len(first), device=first.device)[:, None]

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        rows = sample_rows(keys, self.batch, self.count)
        return pytree.tree_map(lambda value: value[self.replicas, rows], self.tensors), NOTHING


@dataclass
class TaskFeed(Stateless):
    """Examples of a :class:`extrapolate.tasks.Task`, sampled with each replica's key."""

    task: Any
    batch: int
    device: torch.device

    def __post_init__(self) -> None:
        self.mappable = True

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        if self.mappable:
            try:
                with without_slow_fallback():
                    return vmap(lambda key: tuple(self.task.sample(self.batch, key)))(keys), NOTHING
            except (RuntimeError, ValueError):  # for example: the task samples with a torch.Generator
                self.mappable = False
        samples = [tuple(self.task.sample(self.batch, key)) for key in keys.cpu()]
        return move(stack(samples), self.device), NOTHING


class LoaderFeed:
    """The batches of a loader, epoch after epoch, shared by all replicas."""

    def __init__(self, loader: Iterable[Any], device: torch.device) -> None:
        self.loader, self.device = loader, device
        self.batches: Iterator[Any] | None = None
        self.taken = 0
        self.may_be_at_its_end = False  # a restored loader continues there

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        return NOTHING, self.next()

    def next(self) -> Any:
        """Return the next batch. At the end of an epoch the next one starts."""
        for _ in range(2):
            if self.batches is None:
                self.batches, self.taken = iter(self.loader), 0
            for batch in self.batches:
                self.taken += 1
                return move(dict(batch) if isinstance(batch, Mapping) else batch, self.device)
            if not self.taken and not self.may_be_at_its_end:
                break
            self.batches, self.may_be_at_its_end = None, False
        raise ValueError(
            "the data has no more batches: it is empty, or an iterator that can be read only once; pass a DataLoader"
        )

    def state(self) -> dict[str, Any]:
        saved = getattr(self.loader, "state_dict", None)
        return {"taken": self.taken} if saved is None else {"taken": self.taken, "loader": saved()}

    def restore(self, state: dict[str, Any]) -> None:
        if "loader" in state and hasattr(self.loader, "load_state_dict"):
            self.loader.load_state_dict(state["loader"])  # type: ignore[attr-defined]
            self.may_be_at_its_end = True
        elif state.get("taken"):
            warnings.warn(
                f"{type(self.loader).__name__} has no state_dict: the resumed training starts its epoch again, so "
                "its results differ from those of an uninterrupted training",
                RuntimeWarning,
                stacklevel=3,
            )


@dataclass
class EachItsOwn:
    """One feed for each replica; their batches must have equal shapes."""

    feeds: Sequence[Feed]

    def __call__(self, keys: Tensor) -> tuple[Any, Any]:
        batches = [self._one(feed, keys[row : row + 1]) for row, feed in enumerate(self.feeds)]
        try:
            return stack(batches), NOTHING
        except (RuntimeError, ValueError):
            shapes = [[tuple(leaf.shape) for leaf in pytree.tree_leaves(batch)] for batch in batches]
            raise ValueError(
                f"the replicas' batches have different shapes, {shapes[0]} and others: pad them, or set "
                "drop_last=True in the loaders"
            ) from None

    @staticmethod
    def _one(feed: Feed, key: Tensor) -> Any:
        own, shared = feed(key)
        return shared if _is_nothing(own) else row_of(own, 0)

    def state(self) -> dict[str, Any]:
        return {str(row): feed.state() for row, feed in enumerate(self.feeds)}

    def restore(self, state: dict[str, Any]) -> None:
        for row, feed in enumerate(self.feeds):
            feed.restore(state[str(row)])


def move(values: Any, device: torch.device) -> Any:
    """Return a tree with its tensors moved to ``device``."""
    return pytree.tree_map(lambda value: value.to(device) if isinstance(value, Tensor) else value, values)


def count_of(batch: Any) -> int:
    """Return the number of examples in a batch: the length of its first tensor."""
    sizes = (len(leaf) for leaf in pytree.tree_leaves(batch) if isinstance(leaf, Tensor) and leaf.dim())
    return next(sizes, 1)
