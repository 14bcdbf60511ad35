"""Weight masks: which weights of one network add, and which multiply."""

from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import torch
from torch import nn

from extrapolate.experiments import lab
from extrapolate.experiments.masks import _masks as studies
from extrapolate.experiments.masks._config import CONTROL, PAPER, networks_and_masks, row_labels
from extrapolate.experiments.masks._dense import SMOKE, DenseConfig, dense_notes, dense_study
from extrapolate.tasks.modular_arithmetic import MODULAR_OPERATIONS, ModularArithmetic

TASK = ModularArithmetic()


def findings(config: DenseConfig) -> Iterator[lab.Finding]:
    for each in MODULAR_OPERATIONS:
        control = lab.mean("accuracy", **row_labels(CONTROL, each))
        yield lab.Finding("control/{task}", control, {"task": each})
    for mask, other in (("add", "mul"), ("mul", "add")):
        words = {"mask": mask, "other": other}
        yield lab.Finding("{mask}-mask/{mask}", lab.mean("accuracy", **row_labels(mask, mask)), words)
        yield lab.Finding("{mask}-mask/{other}", lab.mean("accuracy", **row_labels(mask, other)), words)
    masks = row_labels("mul", "add"), row_labels("add", "add")
    ratio = lab.of(lambda mul, add: (mul["num_kept"] / add["num_kept"]).to_numpy(), *masks)
    yield lab.Finding("kept/mul-over-add", ratio)
    yield lab.Finding("second-layer/iou", lab.mean("iou_second", **row_labels("add", "add")))


def notes(config: DenseConfig) -> list[str]:
    return [
        *dense_notes(config),
        f"Sparsity penalty of the masks: β = {config.strength:g}. ¬m: the network without the weights of mask m. "
        "early half, late half: the control mask applied to the first or to the last layers only; the others keep "
        "all weights.",
    ]


def add_mul_study(config: DenseConfig, seed: int) -> studies.MaskStudy:
    """Return the study of one network on both functions, with a mask for both and one for each."""
    functions = {CONTROL: MODULAR_OPERATIONS} | {each: (each,) for each in MODULAR_OPERATIONS}
    masks = [studies.MaskSpec(*pair) for pair in functions.items()]
    return replace(dense_study(config, seed, TASK, masks, evaluate_add_mul), compared=[("add", "mul")])


def evaluate_add_mul(model: studies.Model) -> Iterator[dict[str, Any]]:
    """Yield per operation the accuracy, and how often the answer is the sum, the product or neither."""
    tables = {each: TASK.table(each) for each in MODULAR_OPERATIONS}
    for operation, (x, _) in tables.items():
        logits = model(x)
        right = {each: TASK.right(logits, answer) for each, (_, answer) in tables.items()}
        neither = ~torch.stack(list(right.values())).any(0)
        shares = {"the sum": right["add"], "the product": right["mul"], "neither": neither}
        yield {
            "task": operation,
            "split": "all 10,000 pairs",
            "accuracy": float(right[operation].double().mean()),
            **{studies.ANSWERS + answer: float(hits.double().mean()) for answer, hits in shares.items()},
        }


def views(network: nn.Module, masks: studies.Masks) -> Iterator[studies.MaskedView]:
    """Yield the network unmasked, under each mask, without each mask, and under halves of the control mask."""
    yield from studies.unmasked_and_under(network, masks)
    for name, mask in masks.items():
        yield studies.MaskedView(f"¬{name}", network, ~mask)
    control, names = masks[CONTROL], list(masks[CONTROL])
    middle = (len(names) + 1) // 2
    for half, layers in (("early", names[:middle]), ("late", names[middle:])):
        yield studies.MaskedView(f"{CONTROL}, {half} half", network, control.only(*layers))


@lab.experiment(
    papers=["2010.02066"],
    laptop=DenseConfig(hidden=(400, 400, 200), seeds=2, steps=10_000),
    paper=PAPER | {"hidden": (2000,) * 4},
    smoke=SMOKE,
    findings=findings,
    notes=notes,
    outline=lambda config: networks_and_masks(config, 3),
    means=["accuracy", "kept_share"],
)
def modularity_add_mul(config: DenseConfig) -> Iterator[lab.Training]:
    def overlap(masks: studies.Masks) -> dict[str, Any]:
        return {"iou_second": list(masks["add"].iou(masks["mul"]).layers.values())[1]}

    for seed in range(config.seeds):
        yield studies.mask_training(replace(add_mul_study(config, seed), views=views, extra_columns=overlap))
