"""An ensemble of diagonal Neural GPUs."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from extrapolate.nn._pretrained import Pretrained
from extrapolate.nn.neural_gpu._cellular import PAD
from extrapolate.nn.neural_gpu._diagonal_neural_gpu import DiagonalNeuralGPU


class Answer(NamedTuple):
    """One member of an ensemble: network number ``network``, with states rounded to ``quantization_levels``.

    ``swapped``: it gets the operands in swapped order, which does not change a sum or a product.
    """

    network: int
    quantization_levels: int | None
    swapped: bool


class NeuralGPUEnsemble(Pretrained):
    """Ensemble of diagonal Neural GPUs: it averages their logits, as each network makes errors on different inputs.

    One network also makes different errors with other quantization levels, or with the operands in swapped order.
    Each network may therefore contribute several members. Sequences are two operands of equal width with the operator
    between them, without padding. The state (B, n, channels) concatenates those of all members. For the methods see
    :class:`DiagonalNeuralGPU`.

    Args:
        networks: constructor arguments of each network, as returned by :meth:`DiagonalNeuralGPU.arguments`.
        answers: the members. Each is an :class:`Answer` or the tuple (index of the network, quantization levels or
            None, whether the operands are swapped).

    Raises:
        ValueError: there is no member, a member's network does not exist, or ``extra_steps`` of the networks differ.

    Source of the idea: Kaiser & Sutskever 2016 (arXiv 1511.08228), who average five networks.
    """

    def __init__(
        self, networks: Sequence[Mapping[str, Any]], answers: Sequence[tuple[int, int | None, bool]]
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(DiagonalNeuralGPU(**each) for each in networks)
        self.answers = [Answer(*each) for each in answers]
        if not self.answers or not all(0 <= each.network < len(networks) for each in self.answers):
            raise ValueError(f"answers must use networks 0 to {len(networks) - 1}, at least one, got {list(answers)}")
        extra_steps = {member.extra_steps for _, member in self.members()}
        if len(extra_steps) > 1:
            raise ValueError(f"the networks must have equal extra_steps, got {sorted(extra_steps)}")
        (self.extra_steps,) = extra_steps

    def arguments(self) -> dict[str, Any]:
        networks = [each.arguments() for each in self.networks]  # pyright: ignore[reportCallIssue]
        return {"networks": networks, "answers": [list(each) for each in self.answers]}

    def members(self) -> Iterator[tuple[Answer, DiagonalNeuralGPU]]:
        """Yield the settings (:class:`Answer`) and the network of each member; members may share a network."""
        for answer in self.answers:
            member = copy.copy(self.networks[answer.network])
            assert isinstance(member, DiagonalNeuralGPU)
            member.quantization_levels = answer.quantization_levels
            yield answer, member

    def widths(self) -> list[int]:
        return [member.channels for _, member in self.members()]

    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        return torch.cat([member.begin(_arrange(symbols, answer), span) for answer, member in self.members()], -1)

    def advance_steps(self, state: Tensor, span: Tensor, steps: range) -> Tensor:
        states = state.split(self.widths(), -1)
        pairs = zip(self.members(), states, strict=True)
        return torch.cat([member.advance_steps(each, span, steps) for (_, member), each in pairs], -1)

    def states(
        self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None
    ) -> Iterator[Tensor]:
        each = (member.states(_arrange(symbols, answer), steps, span) for answer, member in self.members())
        for states in zip(*each, strict=True):
            yield torch.cat(states, -1)

    def read(self, state: Tensor) -> Tensor:
        states = state.split(self.widths(), -1)
        pairs = zip(self.members(), states, strict=True)
        return torch.stack([member.read(each) for (_, member), each in pairs]).mean(0)

    def forward(self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None) -> Tensor:
        logits = [member(_arrange(symbols, answer), steps, span) for answer, member in self.members()]
        return torch.stack(logits).mean(0)


def _arrange(symbols: Tensor, answer: Answer) -> Tensor:
    """Return the sequences (B, n), with the operands swapped if the answer requires it."""
    width, odd = divmod(symbols.shape[1], 2)
    if not odd or not bool((symbols != PAD).all()):
        raise ValueError("an ensemble takes two operands of equal width with the operator between them, no padding")
    if not answer.swapped:
        return symbols
    return torch.cat([symbols[:, width + 1 :], symbols[:, width : width + 1], symbols[:, :width]], 1)
