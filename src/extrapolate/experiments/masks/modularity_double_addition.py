"""Weight masks: does a network reuse the weights that add one pair of numbers for another pair?"""

import copy
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from extrapolate.experiments import lab
from extrapolate.experiments.masks import _masks as studies
from extrapolate.experiments.masks._config import CONTROL, PAPER, networks_and_masks, row_labels
from extrapolate.experiments.masks._dense import SMOKE, DenseConfig, dense_notes, dense_study
from extrapolate.inspect import Mask
from extrapolate.stats import student
from extrapolate.tasks.paired_addition import PAIRS, PairedAddition

TASK = PairedAddition()
ONE, OTHER = PAIRS

#: Prefix of the names of masks over the network with copied weights.
COPIED = "copied, "

#: Suffix of the name of an inverse mask with the control mask's first and last layer.
INSIDE = ", inside"


def findings(config: DenseConfig) -> Iterator[lab.Finding]:
    for id, start in (("control/{pair}", ""), ("copied-control/{pair}", COPIED)):
        for pair in PAIRS:
            control = lab.mean("accuracy", **row_labels(start + CONTROL, pair))
            yield lab.Finding(id, control, {"pair": pair})
    yield lab.Finding("trained/own", without_hidden("", PAIRS))
    yield lab.Finding("trained/other", without_hidden("", PAIRS[::-1]))
    for name, what, pairs in (("own", "that pair", PAIRS), ("other", "the other pair too", PAIRS[::-1])):
        words = {"evaluated": name, "what": what}
        yield lab.Finding("copied/{evaluated}", without_hidden(COPIED, pairs), words)
    yield lab.Finding("hidden/iou", overlap_gain)


def without_hidden(init: str, pairs: tuple[str, ...]) -> lab.Measure:
    """Measure the mean accuracy on ``pairs`` without the hidden weights that the mask of pair 1, or 2, keeps."""
    groups = [row_labels(f"{init}¬{removed}{INSIDE}", pair) for removed, pair in zip(PAIRS, pairs, strict=True)]
    return lab.of(lambda *tables: np.mean([each["accuracy"] for each in tables], 0), *groups)


def overlap_gain(results: pl.DataFrame) -> lab.Found | None:
    """Return the overlap of both pairs' masks in the hidden layers, copied minus trained."""
    rows = lab.rows_of(results, row_labels("unmasked", ONE))
    if rows.is_empty():
        return None
    trained, copied = rows["iou_hidden"].to_numpy(), rows["copied_iou_hidden"].to_numpy()
    return lab.Found(student(copied - trained), f"{copied.mean():.2g} copied, {trained.mean():.2g} trained")


def notes(config: DenseConfig) -> list[str]:
    return [
        "Two pairs of numbers are added, one pair at a time. Each pair has its own inputs and outputs.",
        *dense_notes(config),
        f"Sparsity penalty of the masks: β = {config.strength:g}. copied: after training, the second pair's weights "
        "in the first and last layer replace those of the first pair. Both pairs then use the same weights, which "
        "the masks must detect.",
        "¬m: the network without the weights of mask m. inside: in the hidden layers only. The first and the last "
        "layer, which the pairs cannot share, are under the control mask.",
    ]


@torch.no_grad()
def copy_weights(network: nn.Module) -> nn.Module:
    """Return a copy whose first pair uses the second pair's weights in the first and the last layer."""
    found = copy.deepcopy(network)
    first, *_, last = (layer for layer in found.modules() if isinstance(layer, nn.Linear))
    first.weight[:, TASK.inputs_of(ONE)] = first.weight[:, TASK.inputs_of(OTHER)]
    for value in (last.weight, last.bias):
        value[TASK.outputs_of(ONE)] = value[TASK.outputs_of(OTHER)]
    return found


def evaluate(model: studies.Model) -> Iterator[dict[str, Any]]:
    for pair in PAIRS:
        x, answer = TASK.table(pair)
        right = float(TASK.right(model(x), answer).double().mean())
        yield {"task": pair, "split": "all 10,000 sums", "accuracy": right}


def views(network: nn.Module, masks: studies.Masks) -> Iterator[studies.MaskedView]:
    """Yield the network and its copy: unmasked, under each mask, and without the mask of each pair."""
    for start, each in (("", network), (COPIED, copy_weights(network))):
        own = {name: masks[start + name] for name in (CONTROL, *PAIRS)}
        first, *_, last = own[CONTROL]
        outer = own[CONTROL].only(first, last)
        inverse = {f"¬{pair}": ~own[pair] for pair in PAIRS}
        hidden = {name + INSIDE: Mask({**mask, **outer}) for name, mask in inverse.items()}
        for view in studies.unmasked_and_under(each, own | inverse | hidden):
            yield view._replace(name=start + view.name)


def mask_specs() -> list[studies.MaskSpec]:
    """Return a mask for both pairs and one for each, over the network and over its copy."""
    own = [studies.MaskSpec(CONTROL, PAIRS), *(studies.MaskSpec(each, (each,)) for each in PAIRS)]
    return own + [replace(each, name=COPIED + each.name, network=lambda net, _: copy_weights(net)) for each in own]


@lab.experiment(
    papers=["2010.02066"],
    laptop=DenseConfig(hidden=(600, 600), seeds=2, steps=4_000, mask_steps=10_000, strength=6e-4, eval_every=500),
    paper=PAPER | {"hidden": (2000,) * 4, "strength": 4e-4},
    smoke=SMOKE | {"strength": 4e-4},
    findings=findings,
    notes=notes,
    outline=lambda config: networks_and_masks(config, 6),
    means=["accuracy", "kept_share"],
)
def modularity_double_addition(config: DenseConfig) -> Iterator[lab.Training]:
    def overlaps(masks: studies.Masks) -> dict[str, Any]:
        found = {}
        for column, start in (("iou_hidden", ""), ("copied_iou_hidden", COPIED)):
            # in the first and the last layer each pair has its own inputs and outputs
            one, other = (mask.only(*list(mask)[1:-1]) for mask in (masks[start + pair] for pair in PAIRS))
            found[column] = one.iou(other).pooled
        return found

    for seed in range(config.seeds):
        study = dense_study(config, seed, TASK, mask_specs(), evaluate)
        pairs = [(start + ONE, start + OTHER) for start in ("", COPIED)]
        yield studies.mask_training(replace(study, views=views, extra_columns=overlaps, compared=pairs))
