"""Weight masks: are the weights that add one pair of numbers used again for another."""

import copy
import itertools
from collections.abc import Iterator, Sequence
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import nn

from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, Measure, at_least, at_most, of, rows_of
from extrapolate.experiments.masks._config import (
    CONTROL,
    IN_WORDS,
    POSITIVE,
    SOURCE,
    accuracy,
    asked,
    control_costs_little,
    mask_summary,
)
from extrapolate.experiments.masks._dense import (
    DenseConfig,
    build_dense,
    networks,
    published_learning,
    table_loss,
    train_on_tables,
)
from extrapolate.experiments.masks._masks import (
    MaskedModule,
    Masks,
    MaskSpec,
    MaskStudy,
    Model,
    mask_training,
    under,
)
from extrapolate.experiments.training import Training
from extrapolate.inspect import Mask
from extrapolate.stats import student
from extrapolate.tasks.paired_addition import PAIRS, PairedAddition

TASK = PairedAddition()

#: What the names of masks over the network with copied weights begin with.
COPIED = "copied, "

#: Ends the name of an inverse mask whose first and last layers are those of the control mask.
INSIDE = ", inside"

# ------------------------------------------------------------------------------------------------------- findings

#: Accuracies of a mask that costs little (at least), a pair that survives (at least), one that breaks (at most).
KEPT, SURVIVES, BROKEN = 0.95, 0.75, 0.5


def findings(config: DenseConfig) -> Iterator[Finding]:
    """The findings over all networks that were run, by their means."""
    yield from control_costs_little(PAIRS, KEPT)
    yield from control_costs_little(PAIRS, KEPT, COPIED)
    yield Finding(
        "trained/own",
        "a pair breaks without the hidden weights of its mask (accuracy, at most 50 %)",
        IN_WORDS,
        without_hidden("", SAME),
        at_most(BROKEN),
    )
    yield Finding(
        "trained/other",
        "a trained network does not use the same weights for both pairs: the other pair survives (accuracy, at least "
        "75 %)",
        IN_WORDS,
        without_hidden("", OTHER),
        at_least(SURVIVES),
    )
    for name, what, cases in (("own", "a pair", SAME), ("other", "the other pair too", OTHER)):
        yield Finding(
            f"copied/{name}",
            f"where one pair's weights were copied to the other, {what} breaks without the hidden weights of the "
            "other's mask: reuse is seen where there is any (accuracy, at most 50 %)",
            IN_WORDS,
            without_hidden(COPIED, cases),
            at_most(BROKEN),
        )
    yield Finding(
        "hidden/iou",
        "the masks of both pairs have more in common in the hidden layers where weights were copied (measured: "
        "intersection over union, copied less trained, above 0)",
        IN_WORDS,
        overlap_gain,
        at_least(POSITIVE),
    )


#: The pair whose mask gives the removed weights, and the pair that is asked.
Cases = Sequence[tuple[str, str]]
SAME: Cases = [(pair, pair) for pair in PAIRS]
OTHER: Cases = list(itertools.permutations(PAIRS, 2))


def without_hidden(start: str, cases: Cases) -> Measure:
    """The accuracy without what a pair's mask keeps of the hidden layers, the mean over ``cases``."""
    groups = [asked(f"{start}¬{removed}{INSIDE}", pair) for removed, pair in cases]
    return of(lambda *tables: np.mean([accuracy(each) for each in tables], 0), *groups)


def overlap_gain(results: pl.DataFrame) -> Found | None:
    """The overlap of both pairs' masks in the hidden layers, copied less trained."""
    rows = rows_of(results, asked("unmasked", PAIRS[0]))
    if rows.is_empty():
        return None
    trained, copied = rows["iou_hidden"].to_numpy(), rows["copied_iou_hidden"].to_numpy()
    return Found(student(copied - trained), f"{copied.mean():.2g} copied, {trained.mean():.2g} trained")


# ----------------------------------------------------------------------------------------------------- experiment


def notes(config: DenseConfig) -> list[str]:
    """How the networks and masks were trained and evaluated."""
    return [
        "Two pairs of numbers of two digits, one-hot, with inputs and outputs of their own, one pair at a time; sums "
        "modulo 100. Accuracies are over all 10,000 sums of a pair, all digits right, with masks cut at "
        "keep-probability 1/2.",
        f"Weights: Adam, rate 1e-3, batch {config.batch}, {config.steps:,} steps, gradients of norm 1 at most. "
        f"Masks: Adam, rate 1e-2, {config.mask_steps:,} steps, four drawn per step, strength β = "
        f"{config.strength:g}; weight matrices are masked, biases are not.",
        "control: the mask learned on both pairs. copied: after the training the second pair's weights of the first "
        "and last layer are copied to the first pair's places, so both are computed by the same weights; masks must "
        "find that.",
        "¬m: the network without the weights of mask m. inside: in hidden layers only; the first and the last layer, "
        "which cannot be shared, are under the control mask.",
        "Not published as numbers: the bounds of the findings (95 %, 75 %, 50 %) are this package's.",
    ]


def outline(config: DenseConfig) -> str:
    """How many networks and masks."""
    return (
        f"{networks(config)} of {config.steps:,} steps, 3 masks each over it and over a copy, of "
        f"{config.mask_steps:,}"
    )


@torch.no_grad()
def copied(network: nn.Module) -> nn.Module:
    """A copy in which the first pair is computed by the second one's weights of the first and the last layer."""
    found = copy.deepcopy(network)
    layers = [layer for layer in found.modules() if isinstance(layer, nn.Linear)]
    one, other = PAIRS
    first, last = layers[0], layers[-1]
    first.weight[:, TASK.inputs_of(one)] = first.weight[:, TASK.inputs_of(other)]
    for value in (last.weight, last.bias):
        value[TASK.outputs_of(one)] = value[TASK.outputs_of(other)]
    return found


def evaluate(model: Model) -> Iterator[dict[str, Any]]:
    """The accuracy on all sums of each pair."""
    for pair in PAIRS:
        x, answer = TASK.table(pair)
        right = float(TASK.right(model(x), answer).double().mean())
        yield {"operation": pair, "range": "all 10,000 sums", "accuracy": right}


def views(network: nn.Module, masks: Masks) -> Iterator[MaskedModule]:
    """Of the network and its copy: unmasked, under each mask, and without each pair's."""
    for start, each in (("", network), (COPIED, copied(network))):
        own = {name: mask for name, mask in masks.items() if name.startswith(COPIED) == bool(start)}
        yield MaskedModule(f"{start}unmasked", each)
        yield from under(each, own)
        inverse = {pair: ~own[start + pair] for pair in PAIRS}
        control = own[start + CONTROL]
        yield from under(each, {f"{start}¬{pair}": mask for pair, mask in inverse.items()})
        yield from under(
            each, {f"{start}¬{pair}{INSIDE}": inside(mask, control) for pair, mask in inverse.items()}
        )


def inside(mask: Mask, control: Mask) -> Mask:
    """The mask with the first and the last layer of the control mask."""
    first, *_, last = mask
    return Mask({**mask, **control.only(first, last)})


def hidden_overlaps(masks: Masks) -> dict[str, Any]:
    """What the masks of both pairs have in common in the hidden layers."""
    found = {}
    for column, start in (("iou_hidden", ""), ("copied_iou_hidden", COPIED)):
        # without the first and the last layer, whose inputs and outputs are each pair's own
        one, other = (masks[start + pair].only(*list(masks[start + pair])[1:-1]) for pair in PAIRS)
        found[column] = one.iou(other).pooled
    return found


def mask_specs() -> list[MaskSpec]:
    """Masks of both pairs and of each, over the network and over its copy."""
    functions = {CONTROL: PAIRS} | {each: (each,) for each in PAIRS}
    return [MaskSpec(name, each) for name, each in functions.items()] + [
        MaskSpec(COPIED + name, each, network=lambda network, earlier: copied(network))
        for name, each in functions.items()
    ]


@experiment(
    source=SOURCE,
    laptop=DenseConfig(
        hidden=(600, 600), seeds=2, steps=4_000, mask_steps=10_000, strength=6e-4, eval_every=500
    ),
    paper={
        "hidden": (2000, 2000, 2000, 2000),
        "seeds": 10,
        "steps": 20_000,
        "mask_steps": 20_000,
        "strength": 4e-4,
        "eval_every": 1_000,
    },
    smoke={
        "hidden": (16, 16),
        "seeds": 1,
        "steps": 20,
        "mask_steps": 5,
        "strength": 4e-4,
        "eval_every": 10,
        "batch": 128,
    },
    findings=findings,
    notes=notes,
    outline=outline,
    summary=mask_summary,
)
def modularity_double_addition(config: DenseConfig) -> Iterator[Training]:
    one, other = PAIRS
    for seed in range(config.seeds):
        yield mask_training(
            MaskStudy(
                name=f"seed-{seed}",
                seed=seed,
                config=config,
                build=partial(build_dense, config, TASK),
                train=train_on_tables(config, TASK, PAIRS),
                sample=TASK.drawn,
                loss=table_loss(TASK),
                learning=published_learning(config, seed),
                rounds=[mask_specs()],
                evaluate=evaluate,
                views=views,
                further=hidden_overlaps,
                compared=[(one, other), (COPIED + one, COPIED + other)],
            )
        )
