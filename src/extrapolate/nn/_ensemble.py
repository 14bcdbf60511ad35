"""Several diagonal Neural GPUs that answer together."""

import copy
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

import torch
from torch import Tensor, nn

from extrapolate.nn._diagonal_neural_gpu import DiagonalNeuralGPU
from extrapolate.nn._pretrained import Pretrained


class NeuralGPUEnsemble(Pretrained):
    """Diagonal Neural GPUs side by side, whose logits are averaged: they err on other questions each.

    So does one network whose states are rounded to other levels, so each may answer more than once. The state is
    (B, n, maps), that of all answers side by side; for the methods see :class:`DiagonalNeuralGPU`.

    Args:
        networks: the arguments of each network, as :meth:`DiagonalNeuralGPU.arguments` gives them.
        levels: for each network, the ``levels`` of its answers, one or more.

    Raises:
        ValueError: there is no network, or not as many lists of levels; or slacks differ.

    Source of the idea: Kaiser & Sutskever 2016 (arXiv 1511.08228), who average five networks.
    """

    def __init__(self, networks: Sequence[Mapping[str, Any]], levels: Sequence[Sequence[int | None]]) -> None:
        super().__init__()
        if not networks or len(networks) != len(levels) or not all(levels):
            raise ValueError("an ensemble takes at least one network, and levels for each")
        self.networks = nn.ModuleList(DiagonalNeuralGPU(**each) for each in networks)
        self.levels = [list(each) for each in levels]
        slacks = {member.slack for member in self.members()}
        if len(slacks) > 1:
            raise ValueError(
                f"the networks of an ensemble take as many steps, not slacks of {sorted(slacks)}"
            )
        (self.slack,) = slacks

    def arguments(self) -> dict[str, Any]:
        networks = [each.arguments() for each in self.networks]  # pyright: ignore[reportCallIssue]
        return {"networks": networks, "levels": self.levels}

    def members(self) -> Iterator[DiagonalNeuralGPU]:
        """A network for each answer; those of one network share its weights."""
        for network, levels in zip(self.networks, self.levels, strict=True):
            for each in levels:
                member = copy.copy(network)
                assert isinstance(member, DiagonalNeuralGPU)
                member.levels = each
                yield member

    def widths(self) -> list[int]:
        return [width for member in self.members() for width in member.widths()]

    def begin(self, symbols: Tensor, span: Tensor | None = None) -> Tensor:
        return torch.cat([member.begin(symbols, span) for member in self.members()], -1)

    def advanced(self, state: Tensor, span: Tensor, steps: range) -> Tensor:
        states = state.split(self.widths(), -1)
        pairs = zip(self.members(), states, strict=True)
        return torch.cat([member.advanced(own, span, steps) for member, own in pairs], -1)

    def states(
        self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None
    ) -> Iterator[Tensor]:
        each = (member.states(symbols, steps, span) for member in self.members())
        for states in zip(*each, strict=True):
            yield torch.cat(states, -1)

    def read(self, state: Tensor) -> Tensor:
        states = state.split(self.widths(), -1)
        logits = [member.read(own) for member, own in zip(self.members(), states, strict=True)]
        return torch.stack(logits).mean(0)

    def forward(
        self, symbols: Tensor, steps: int | Tensor | None = None, span: Tensor | None = None
    ) -> Tensor:
        return torch.stack([member(symbols, steps, span) for member in self.members()]).mean(0)
