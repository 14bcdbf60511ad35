"""A network that adds and multiplies, and the masks of both and of each."""

from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from extrapolate.experiments.modularity.dense import DenseSubject
from extrapolate.experiments.modularity.subject import CONTROL, Stage, View, under
from extrapolate.experiments.modularity.tables import ANSWERS
from extrapolate.tasks.modular_arithmetic import MODULAR_OPERATIONS, ModularArithmetic

if TYPE_CHECKING:
    from extrapolate.inspect import Mask

_ANSWER = {"add": "the sum", "mul": "the product"}
_TASK = ModularArithmetic()


@dataclass(frozen=True)
class AddMul(DenseSubject):
    """Two functions in one network."""

    def sizes(self) -> tuple[int, int]:
        return _TASK.in_features, _TASK.out_features

    def tables(self) -> list[tuple[Tensor, Tensor]]:
        return [_TASK.table(each) for each in MODULAR_OPERATIONS]

    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        return _TASK.right(logits, answer)

    @property
    def functions(self) -> tuple[str, ...]:
        return MODULAR_OPERATIONS

    @property
    def rounds(self) -> tuple[tuple[Stage, ...], ...]:
        return ((Stage(CONTROL, MODULAR_OPERATIONS), *(Stage(each, (each,)) for each in MODULAR_OPERATIONS)),)

    def drawn(self, u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, ...]:
        return _TASK.drawn(u, functions)

    def loss(self, model: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        x, answer = batch
        return _TASK.loss(model(x), answer)

    def asked(self, model: Callable[..., Tensor]) -> Iterator[dict[str, Any]]:
        answers = {each: _TASK.table(each)[1] for each in MODULAR_OPERATIONS}
        for operation in MODULAR_OPERATIONS:
            logits = model(_TASK.table(operation)[0])
            right = {each: _TASK.right(logits, answer) for each, answer in answers.items()}
            yield {
                "operation": operation,
                "range": "all 10,000 pairs",
                "accuracy": float(right[operation].double().mean()),
                # the answer of either operation may be given, of both at once, or of none
                **{
                    f"{ANSWERS}{_ANSWER[each]}": float(value.double().mean()) for each, value in right.items()
                },
                f"{ANSWERS}neither": float((~torch.stack(list(right.values())).any(0)).double().mean()),
            }

    def views(self, network: nn.Module, masks: "Mapping[str, Mask]") -> Iterator[View]:
        """And each half of the control mask."""
        yield from super().views(network, masks)
        control = masks[CONTROL]
        names = list(control)
        early = (len(names) + 1) // 2
        halves = {"early": names[:early], "late": names[early:]}
        yield from under(
            network, {f"{CONTROL}, {which} half": control.only(*half) for which, half in halves.items()}
        )

    def further(self, masks: "Mapping[str, Mask]") -> dict[str, Any]:
        return {"iou_second": list(masks["add"].iou(masks["mul"]).layers.values())[1]}

    def compared(self) -> list[tuple[str, str]]:
        return [("add", "mul")]
