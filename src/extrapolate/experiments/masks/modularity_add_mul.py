"""Weight masks: which weights of one network add, and which multiply."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

from torch import nn

from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, at_least, at_most, mean, of
from extrapolate.experiments.masks._add_mul import add_mul_study
from extrapolate.experiments.masks._config import (
    CONTROL,
    IN_WORDS,
    SOURCE,
    asked,
    control_costs_little,
    mask_summary,
)
from extrapolate.experiments.masks._dense import DenseConfig, networks
from extrapolate.experiments.masks._masks import MaskedModule, Masks, mask_training, under, under_and_without
from extrapolate.experiments.training import Training

#: Accuracies: of the control mask, of a mask alone on its operation (at least) and on the other one (at most); the
#: ratio of the weights kept, and the overlap of the second layers.
KEPT, ISOLATED, REMOVED, RATIO, OVERLAP = 0.95, 0.99, 0.05, 1.5, 0.35


def findings(config: DenseConfig) -> Iterator[Finding]:
    """The findings over all networks that were run, by their means."""
    yield from control_costs_little(("add", "mul"), KEPT)
    for one, other in (("add", "mul"), ("mul", "add")):
        yield Finding(
            f"{one}-mask/{one}",
            f"a mask learned on {one} alone keeps it (accuracy, at least 99 %)",
            IN_WORDS,
            mean("accuracy", **asked(one, one)),
            at_least(ISOLATED),
        )
        yield Finding(
            f"{one}-mask/{other}",
            f"a mask learned on {one} alone removes {other} (accuracy, at most 5 %)",
            IN_WORDS,
            mean("accuracy", **asked(one, other)),
            at_most(REMOVED),
        )
    yield Finding(
        "kept/mul-over-add",
        "multiplication keeps more weights than addition (measured: their ratio, at least 1.5)",
        IN_WORDS,
        of(lambda mul, add: (mul["kept"] / add["kept"]).to_numpy(), asked("mul", "add"), asked("add", "add")),
        at_least(RATIO),
    )
    yield Finding(
        "second-layer/iou",
        "the two masks have little in common in the second layer (measured: intersection over union, at most 0.35)",
        IN_WORDS,
        mean("iou_second", **asked("add", "add")),
        at_most(OVERLAP),
    )


def notes(config: DenseConfig) -> list[str]:
    """How the networks and masks were trained and evaluated."""
    return [
        "Input: two numbers of two digits and an operation, one-hot; the answer is modulo 100. Accuracies are over "
        "all 10,000 pairs of an operation, all digits right, with masks cut at keep-probability 1/2. "
        "The weights are trained on all pairs: a network that is always right has learned the table.",
        f"Weights: Adam, rate 1e-3, batch {config.batch}, {config.steps:,} steps, gradients of norm 1 at most. "
        f"Masks: Adam, rate 1e-2, four drawn per step, strength β = {config.strength:g}; weight matrices are masked, "
        "biases are not.",
        "control: the mask learned on both operations. ¬m: the network without the weights of mask m. A half: the "
        "control mask in the first or last layers only.",
        "Not published as numbers: the bounds of the findings (95 %, 99 %, 5 %, 1.5, 0.35) are this package's.",
    ]


def outline(config: DenseConfig) -> str:
    """How many networks and masks."""
    return f"{networks(config)} of {config.steps:,} steps, 3 masks each of {config.mask_steps:,}"


def views(network: nn.Module, masks: Masks) -> Iterator[MaskedModule]:
    """And each half of the control mask."""
    yield from under_and_without(network, masks)
    control = masks[CONTROL]
    names = list(control)
    early = (len(names) + 1) // 2
    halves = {"early": names[:early], "late": names[early:]}
    yield from under(
        network, {f"{CONTROL}, {which} half": control.only(*half) for which, half in halves.items()}
    )


def second_layer(masks: Masks) -> dict[str, Any]:
    """What the masks have in common in the second layer."""
    return {"iou_second": list(masks["add"].iou(masks["mul"]).layers.values())[1]}


@experiment(
    source=SOURCE,
    laptop=DenseConfig(hidden=(400, 400, 200), seeds=2, steps=10_000),
    paper={"hidden": (2000, 2000, 2000, 2000), "seeds": 10, "steps": 20_000},
    smoke={"hidden": (16, 16), "seeds": 1, "steps": 20, "mask_steps": 5, "eval_every": 10, "batch": 128},
    findings=findings,
    notes=notes,
    outline=outline,
    summary=mask_summary,
)
def modularity_add_mul(config: DenseConfig) -> Iterator[Training]:
    for seed in range(config.seeds):
        study = add_mul_study(config, seed)
        yield mask_training(replace(study, views=views, further=second_layer))
