"""Several diagonal Neural GPUs that answer together."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn

from extrapolate.nn._pretrained import Pretrained
from extrapolate.nn.neural_gpu._cellular import PAD
from extrapolate.nn.neural_gpu._diagonal_neural_gpu import DiagonalNeuralGPU


class Answer(NamedTuple):
    """How one of an ensemble's answers is found: by network ``network``, with states rounded to ``levels``.

    ``swapped``: with the operands in the other order, which makes no difference to a sum or a product.
    """

    network: int
    quantization_levels: int | None
    swapped: bool


class NeuralGPUEnsemble(Pretrained):
    """Diagonal Neural GPUs side by side, whose logits are averaged: they err on other questions each.

    So does one network whose states are rounded to other levels, or that is given the operands in the other order, so
    each may answer more than once. Sequences are two operands of equal width and the operator between them, without
    padding. The state is (B, n, maps), that of all answers side by side; for the methods see
    :class:`DiagonalNeuralGPU`.

    Args:
        networks: the arguments of each network, as :meth:`DiagonalNeuralGPU.arguments` gives them.
        answers: how each answer is found, as :class:`Answer` or its three values.

    Raises:
        ValueError: there is no answer, one of a network that there is not, or the networks' slacks differ.

    Source of the idea: Kaiser & Sutskever 2016 (arXiv 1511.08228), who average five networks.
    """

    def __init__(
        self, networks: Sequence[Mapping[str, Any]], answers: Sequence[tuple[int, int | None, bool]]
    ) -> None:
        super().__init__()
        self.networks = nn.ModuleList(DiagonalNeuralGPU(**each) for each in networks)
        self.answers = [Answer(*each) for each in answers]
        if not self.answers or not all(0 <= each.network < len(networks) for each in self.answers):
            raise ValueError(f"an ensemble of {len(networks)} networks takes at least one answer, by one of these")
        slacks = {member.extra_steps for _, member in self.members()}
        if len(slacks) > 1:
            raise ValueError(f"the networks of an ensemble take as many steps, not slacks of {sorted(slacks)}")
        (self.extra_steps,) = slacks

    def arguments(self) -> dict[str, Any]:
        networks = [each.arguments() for each in self.networks]  # pyright: ignore[reportCallIssue]
        return {"networks": networks, "answers": [list(each) for each in self.answers]}

    def members(self) -> Iterator[tuple[Answer, DiagonalNeuralGPU]]:
        """A network for each answer; those of one network share its weights."""
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
        return torch.cat([member.advance_steps(own, span, steps) for (_, member), own in pairs], -1)

    def states(
        self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None
    ) -> Iterator[Tensor]:
        each = (member.states(_arrange(symbols, answer), steps, span) for answer, member in self.members())
        for states in zip(*each, strict=True):
            yield torch.cat(states, -1)

    def read(self, state: Tensor) -> Tensor:
        states = state.split(self.widths(), -1)
        pairs = zip(self.members(), states, strict=True)
        return torch.stack([member.read(own) for (_, member), own in pairs]).mean(0)

    def forward(self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None) -> Tensor:
        logits = [member(_arrange(symbols, answer), steps, span) for answer, member in self.members()]
        return torch.stack(logits).mean(0)


def _arrange(symbols: Tensor, answer: Answer) -> Tensor:
    """The sequences (B, n) as they are, or with the operands swapped."""
    width, odd = divmod(symbols.shape[1], 2)
    if not odd or not bool((symbols != PAD).all()):
        raise ValueError("an ensemble takes two operands of equal width and the operator between them, not padded")
    if not answer.swapped:
        return symbols
    return torch.cat([symbols[:, width + 1 :], symbols[:, width : width + 1], symbols[:, :width]], 1)
