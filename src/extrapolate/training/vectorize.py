"""Helpers for ``vmap``: find the layer that it cannot map, and stack results of replicas."""

import sys
import warnings
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

import torch
from torch import nn
from torch.utils import _pytree as pytree


@contextmanager
def without_slow_fallback() -> Iterator[None]:
    """Inside, an operation without a batching rule is an error, not a slow loop over the samples."""
    functorch: Any = torch._C._functorch  # type: ignore[attr-defined]  # torch has no public switch for it
    before = functorch._is_vmap_fallback_enabled()
    functorch._set_vmap_fallback_enabled(False)
    try:
        yield
    finally:
        functorch._set_vmap_fallback_enabled(before)


def failing_layer(model: nn.Module, attempt: Callable[[], Any]) -> str | None:
    """Return the layer of ``model`` in which ``attempt()`` raises. ``attempt`` may use copies of ``model``."""
    running: list[str] = []

    def enter(name: str) -> Callable[..., None]:
        return lambda *_: running.append(name)

    def leave(*_: Any) -> None:
        running.pop()

    handles = [
        handle
        for name, part in model.named_modules()
        if name
        for handle in (
            part.register_forward_pre_hook(enter(f"{name} ({type(part).__name__})")),
            part.register_forward_hook(leave),
        )
    ]
    with suppress(Exception):
        attempt()
    for handle in handles:
        handle.remove()
    return running[-1] if running else None


def warn_one_by_one(error: Exception, layer: str | None) -> None:
    """Warn that replicas are computed one after another, and say why."""
    reason = str(error).strip().splitlines()[0].split(". ")[0][:160]
    where = f"layer {layer}" if layer else "this function"
    recurrent = layer is not None and layer.endswith(("(LSTM)", "(GRU)", "(RNN)"))
    hint = "; extrapolate.nn has an LSTM, GRU and RNN that vmap can map" if recurrent else ""
    warnings.warn(
        f"vmap cannot map {where}: {reason}. The replicas are computed one after another, which is slower{hint}",
        RuntimeWarning,
        stacklevel=_users_level(),
    )


def _users_level() -> int:
    """Return the ``stacklevel`` of the first caller outside this package and torch."""
    frame, level = sys._getframe(1), 1
    while frame.f_back is not None and frame.f_globals.get("__name__", "").split(".")[0] in (
        "extrapolate",
        "torch",
    ):
        frame, level = frame.f_back, level + 1
    return level


def stack(results: Sequence[Any]) -> Any:
    """Stack the results of R replicas, trees of tensors or numbers, to one tree of tensors (R, ...)."""
    return pytree.tree_map(lambda *leaves: torch.stack([torch.as_tensor(each) for each in leaves]), *results)


def row_of(values: Any, row: int) -> Any:
    """Return one replica's entries of a tree of tensors (R, ...)."""
    return pytree.tree_map(lambda value: value[row], values)
