"""What networks from sequences to sequences share: told an answer, or going by what they say themselves."""

from abc import ABC, abstractmethod
from dataclasses import dataclass
from typing import Any

import torch
from torch import Tensor, nn


@dataclass(frozen=True)
class Tokens:
    """How many tokens go in and come out, and which are marks.

    Attributes:
        asked_pad, pad: stand behind the end of what is asked and of what is answered.
        end: ends an answer; the decoder is given it before the first token, too.
    """

    asked: int
    asked_pad: int
    said: int
    pad: int
    end: int


class EncoderDecoder(nn.Module, ABC):
    """Answers what is asked, tokens (B, S).

    Called with what it is ``told`` of the answer, tokens (B, T), it gives the logits (B, T, V) of each token after
    those before. Called without, it gives an answer of so many ``steps``, int64 (B, steps): at each the likeliest
    token after its own. That has no gradient; told its own answer, it has that of going by itself.
    """

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, asked: Tensor, told: Tensor | None = None, *, steps: int = 0) -> Tensor:
        if told is None:
            return self._alone(asked, steps)
        start = torch.full_like(told[:, :1], self.tokens.end)
        return self.follow(torch.cat([start, told[:, :-1]], 1), self.read(asked))[0]

    @torch.no_grad()
    def _alone(self, asked: Tensor, steps: int) -> Tensor:
        state, token = self.read(asked), torch.full_like(asked[:, :1], self.tokens.end)
        said = [token]
        for _ in range(steps):
            logits, state = self.follow(token, state)
            token = logits.argmax(-1)
            said.append(token)
        return torch.cat(said, 1)[:, 1:]

    @abstractmethod
    def read(self, asked: Tensor) -> Any:
        """What the decoder begins with."""

    @abstractmethod
    def follow(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """The logits (B, T, V) after each of ``tokens`` (B, T), and what the decoder goes on with."""
