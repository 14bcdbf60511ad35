"""What is read off the masks: accuracies under each mask and its inverse, confusions, kept weights, overlaps."""

import itertools
from collections.abc import Callable, Iterator
from typing import TYPE_CHECKING, Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate.tasks.modular_arithmetic import MODULAR_OPERATIONS, ModularArithmetic

if TYPE_CHECKING:
    from extrapolate.inspect import Mask

_ANSWERS = {"add": "the sum", "mul": "the product", "neither": "neither"}

#: Share of right answers above which a network counts as able to do an operation.
ABLE = 0.95


def unmasked_rows(task: ModularArithmetic, network: nn.Module) -> Iterator[dict[str, Any]]:
    """A row an operation: the network as it was trained."""
    return _rows(task, network, "unmasked", None)


def masked_rows(
    task: ModularArithmetic, network: nn.Module, masks: "dict[str, Mask]"
) -> Iterator[dict[str, Any]]:
    """A row an operation of every mask, of its inverse, and of each half of the control mask."""
    names = list(masks["control"])
    early = (len(names) + 1) // 2
    halves = {
        "control, early half": masks["control"].only(*names[:early]),
        "control, late half": masks["control"].only(*names[early:]),
    }
    inverse = {f"¬{name}": ~mask for name, mask in masks.items()}
    for name, mask in (masks | inverse | halves).items():
        yield from _rows(task, mask.applied(network), name, mask)


@torch.no_grad()
def _rows(
    task: ModularArithmetic, network: Callable[[Tensor], Tensor], name: str, mask: "Mask | None"
) -> Iterator[dict[str, Any]]:
    answers = {each: task.table(each)[1] for each in MODULAR_OPERATIONS}
    for operation in MODULAR_OPERATIONS:
        logits = network(task.table(operation)[0])
        right = {each: task.right(logits, answer) for each, answer in answers.items()}
        accuracy = float(right[operation].double().mean())
        yield {
            "unit": name,
            "operation": operation,
            "range": "all 10,000 pairs",
            "solved": accuracy >= ABLE,
            "accuracy": accuracy,
            # the answer of either operation may be given, of both at once, or of none
            **{f"answers_{each}": float(value.double().mean()) for each, value in right.items()},
            "answers_neither": float((~(right["add"] | right["mul"])).double().mean()),
            "kept": None if mask is None else int(mask.kept().pooled),
            "kept_share": None if mask is None else mask.fraction().pooled,
        }


def drawn(masks: "dict[str, Mask]", rows: pl.DataFrame) -> pl.DataFrame:
    """What the page draws, a row a measure, mask and layer (and "all"): kept weights; overlap of add and mul.

    ``rows``, the network's results, add right answers and, in place of the layer, which operation was asked.
    """
    lines = [
        ("accuracy", row["unit"], row["operation"], row["accuracy"]) for row in rows.iter_rows(named=True)
    ]
    lines += [
        (
            "answers",
            f"{row['unit']} mask, {row['operation']} asked",
            _ANSWERS[answer],
            row[f"answers_{answer}"],
        )
        for row in rows.filter(pl.col("unit").is_in(MODULAR_OPERATIONS)).iter_rows(named=True)
        for answer in (*MODULAR_OPERATIONS, "neither")
    ]
    for name, mask in masks.items():
        kept = mask.kept()
        lines += [
            ("kept", name, layer, float(value))
            for layer, value in (kept.layers | {"all": kept.pooled}).items()
        ]
    add, mul = masks["add"], masks["mul"]
    measures = {
        ("iou", "add and mul"): add.iou(mul),
        ("iomin", "add and mul"): add.iomin(mul),
        ("share", "add"): add.share(mul),
        ("share", "mul"): mul.share(add),
    }
    for (measure, name), value in measures.items():
        pairs = itertools.chain(value.layers.items(), [("all", value.pooled)])
        lines += [(measure, name, layer, each) for layer, each in pairs]
    schema = {"measure": pl.String, "mask": pl.String, "layer": pl.String, "value": pl.Float64}
    return pl.DataFrame(lines, schema=schema, orient="row")
