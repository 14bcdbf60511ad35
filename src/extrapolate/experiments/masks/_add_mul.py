"""A network that adds and multiplies, and the masks of both functions and of each."""

from collections.abc import Iterator
from functools import partial
from typing import Any

import torch

from extrapolate.experiments.masks._config import CONTROL
from extrapolate.experiments.masks._dense import (
    DenseConfig,
    build_dense,
    published_learning,
    table_loss,
    train_on_tables,
)
from extrapolate.experiments.masks._masks import MaskSpec, MaskStudy, Model
from extrapolate.experiments.masks._tables import ANSWERS
from extrapolate.tasks.modular_arithmetic import MODULAR_OPERATIONS, ModularArithmetic

TASK = ModularArithmetic()
_ANSWER = {"add": "the sum", "mul": "the product"}


def add_mul_study(config: DenseConfig, seed: int) -> MaskStudy:
    """One network on both functions; a mask learned on both, and one on each."""
    single = [MaskSpec(each, (each,)) for each in MODULAR_OPERATIONS]
    return MaskStudy(
        name=f"seed-{seed}",
        seed=seed,
        config=config,
        build=partial(build_dense, config, TASK),
        train=train_on_tables(config, TASK, MODULAR_OPERATIONS),
        sample=TASK.drawn,
        loss=table_loss(TASK),
        learning=published_learning(config, seed),
        rounds=[[MaskSpec(CONTROL, MODULAR_OPERATIONS), *single]],
        evaluate=evaluate_add_mul,
        compared=[("add", "mul")],
    )


def evaluate_add_mul(model: Model) -> Iterator[dict[str, Any]]:
    """Of every operation the accuracy, and which answers are given: of either operation, of both at once, of none."""
    answers = {each: TASK.table(each)[1] for each in MODULAR_OPERATIONS}
    for operation in MODULAR_OPERATIONS:
        logits = model(TASK.table(operation)[0])
        right = {each: TASK.right(logits, answer) for each, answer in answers.items()}
        given = {f"{ANSWERS}{_ANSWER[each]}": float(value.double().mean()) for each, value in right.items()}
        yield {
            "operation": operation,
            "range": "all 10,000 pairs",
            "accuracy": float(right[operation].double().mean()),
            **given,
            f"{ANSWERS}neither": float((~torch.stack(list(right.values())).any(0)).double().mean()),
        }
