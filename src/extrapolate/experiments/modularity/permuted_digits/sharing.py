"""How much of a task's mask was kept by tasks before it: columns of the results, and lines for the page."""

import math
from dataclasses import replace
from typing import TYPE_CHECKING

from extrapolate.experiments.modularity.permuted_digits.chain import used
from extrapolate.experiments.modularity.tables import Line, by_layer

if TYPE_CHECKING:
    from extrapolate.inspect import Mask, PerLayer


def shares(masks: "list[Mask]", task: int) -> dict[str, float | None]:
    """Of the weight matrices of layers 2, 3, ...: the share of old weights in a task's mask, each and together.

    ``old``: the share of old ones among all weights; a mask that chose blindly would have that. None: no task
    came before.
    """
    old = used(masks[:task])
    names = _matrices(masks[task])[1:]
    if old is None:
        return dict.fromkeys([*(f"share_{layer}" for layer in range(2, len(names) + 2)), "share", "old"])
    old = old.only(*names)
    share = masks[task].only(*names).share(old)
    columns = {f"share_{layer}": value for layer, value in enumerate(share.layers.values(), 2)}
    columns |= {"share": share.pooled, "old": old.fraction().pooled}
    return {name: None if math.isnan(value) else value for name, value in columns.items()}


def sharing_lines(start: str, masks: "list[Mask]", looked_at: list[int]) -> list[Line]:
    """What these tasks, counted from 1, keep of every layer, and how much of it tasks before kept too."""
    kept: list[Line] = []
    shared: list[Line] = []
    for task in looked_at:
        mask, old = masks[task - 1], used(masks[: task - 1])
        names = _matrices(mask)
        kept += by_layer("kept", f"{start}, task {task}", _named(mask.only(*names).kept(), 1))
        if old is not None:
            share = mask.only(*names[1:]).share(old.only(*names[1:]))
            shared += by_layer("share", f"{start}, task {task}", _named(share, 2))
    return kept + shared


def _matrices(mask: "Mask") -> list[str]:
    """The weight matrices, first layer first."""
    return [name for name in mask if name.endswith(".weight")]


def _named(values: "PerLayer", first: int) -> "PerLayer":
    """With layers called by their number."""
    return replace(
        values, layers={f"layer {i}": value for i, value in enumerate(values.layers.values(), first)}
    )
