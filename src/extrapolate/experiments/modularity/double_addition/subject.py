"""A network that adds two pairs of numbers, beside a copy in which one pair is computed by the other's weights."""

import copy
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from extrapolate.experiments.modularity.dense import DenseSubject
from extrapolate.experiments.modularity.subject import CONTROL, Stage, View, under
from extrapolate.tasks.paired_addition import PAIRS, PairedAddition

if TYPE_CHECKING:
    from extrapolate.inspect import Mask

#: What the masks of the network with copied weights begin with.
COPIED = "copied, "

#: What is added to the name of an inverse mask whose first and last layers are those of the control mask.
INSIDE = ", inside"

_TASK = PairedAddition()


@dataclass(frozen=True)
class DoubleAddition(DenseSubject):
    """One function in two places of a network."""

    def sizes(self) -> tuple[int, int]:
        return _TASK.in_features, _TASK.out_features

    def tables(self) -> list[tuple[Tensor, Tensor]]:
        return [_TASK.table(each) for each in PAIRS]

    def right(self, logits: Tensor, answer: Tensor) -> Tensor:
        return _TASK.right(logits, answer)

    @property
    def functions(self) -> tuple[str, ...]:
        return PAIRS

    @property
    def rounds(self) -> tuple[tuple[Stage, ...], ...]:
        masks = {CONTROL: PAIRS} | {each: (each,) for each in PAIRS}
        return (
            tuple(
                Stage(start + name, functions, start)
                for start in ("", COPIED)
                for name, functions in masks.items()
            ),
        )

    def drawn(self, u: Tensor, functions: tuple[str, ...]) -> tuple[Tensor, ...]:
        return _TASK.drawn(u, functions)

    def loss(self, model: Callable[..., Tensor], *batch: Tensor) -> Tensor:
        x, answer = batch
        return _TASK.loss(model(x), answer)

    def module(self, stage: Stage, network: nn.Module, masks: "Mapping[str, Mask]") -> nn.Module:
        return copied(network) if stage.network == COPIED else network

    def asked(self, model: Callable[..., Tensor]) -> Iterator[dict[str, Any]]:
        for pair in PAIRS:
            x, answer = _TASK.table(pair)
            accuracy = float(_TASK.right(model(x), answer).double().mean())
            yield {"operation": pair, "range": "all 10,000 sums", "accuracy": accuracy}

    def views(self, network: nn.Module, masks: "Mapping[str, Mask]") -> Iterator[View]:
        for start, each in (("", network), (COPIED, copied(network))):
            own = {name: mask for name, mask in masks.items() if name.startswith(COPIED) == bool(start)}
            yield View(f"{start}unmasked", each)
            yield from under(each, own)
            inverse = {pair: ~own[start + pair] for pair in PAIRS}
            control = own[start + CONTROL]
            yield from under(each, {f"{start}¬{pair}": mask for pair, mask in inverse.items()})
            yield from under(
                each, {f"{start}¬{pair}{INSIDE}": _inside(mask, control) for pair, mask in inverse.items()}
            )

    def further(self, masks: "Mapping[str, Mask]") -> dict[str, Any]:
        """What the masks of both pairs have in common in the hidden layers."""
        found = {}
        for name, start in (("iou_hidden", ""), ("copied_iou_hidden", COPIED)):
            one, other = (hidden(masks[start + pair]) for pair in PAIRS)
            found[name] = one.iou(other).pooled
        return found

    def compared(self) -> list[tuple[str, str]]:
        one, other = PAIRS
        return [(one, other), (COPIED + one, COPIED + other)]


@torch.no_grad()
def copied(network: nn.Module) -> nn.Module:
    """A copy in which the first pair is computed by the second one's weights of the first and the last layer."""
    found = copy.deepcopy(network)
    layers = [layer for layer in found.modules() if isinstance(layer, nn.Linear)]
    one, other = PAIRS
    first, last = layers[0], layers[-1]
    first.weight[:, _TASK.inputs_of(one)] = first.weight[:, _TASK.inputs_of(other)]
    for value in (last.weight, last.bias):
        value[_TASK.outputs_of(one)] = value[_TASK.outputs_of(other)]
    return found


def hidden(mask: "Mask") -> "Mask":
    """Without the first and the last layer, whose inputs and outputs are each pair's own."""
    return mask.only(*list(mask)[1:-1])


def _inside(mask: "Mask", control: "Mask") -> "Mask":
    from extrapolate.inspect import Mask

    first, *_, last = mask
    return Mask({**mask, **control.only(first, last)})
