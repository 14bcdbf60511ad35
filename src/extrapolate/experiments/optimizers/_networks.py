"""The networks that optimizers are compared on, in plain operations that ``vmap`` maps."""

import math
from itertools import pairwise

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments.cells import LSTM


def _dense(in_features: int, out_features: int, gain: float) -> nn.Linear:
    """Weights N(0, gain² / in_features), He's start for gain √2; biases N(0, 0.01²) as in the depth demonstration."""
    layer = nn.Linear(in_features, out_features)
    nn.init.normal_(layer.weight, std=gain / math.sqrt(in_features))
    nn.init.normal_(layer.bias, std=0.01)
    return layer


def deep(in_features: int, width: int, out_features: int, depth: int) -> nn.Sequential:
    """x (..., I) to (..., O) by ``depth`` dense layers of ``width``, ReLU between them; He's start, no norm."""
    widths = [in_features, *[width] * (depth - 1)]
    hidden = (module for a, b in pairwise(widths) for module in (_dense(a, b, math.sqrt(2)), nn.ReLU()))
    return nn.Sequential(*hidden, _dense(widths[-1], out_features, 1.0))


class FourierFit(nn.Module):
    """Positions (N, 2) to colours (N, 3): waves of fixed random frequencies, :func:`deep`, a sigmoid."""

    def __init__(self, frequencies: int, spread: float, width: int, depth: int) -> None:
        super().__init__()
        self.frequencies = nn.Buffer(spread * torch.randn(2, frequencies))
        self.deep = deep(2 * frequencies, width, 3, depth)

    def forward(self, positions: Tensor) -> Tensor:
        phases = 2 * math.pi * positions @ self.frequencies
        return torch.sigmoid(self.deep(torch.cat([torch.sin(phases), torch.cos(phases)], -1)))


class RecurrentReader(nn.Module):
    """Words (B, T) to logits of each next word (B, T, V): an embedding, an LSTM, a dense layer."""

    def __init__(self, words: int, width: int) -> None:
        super().__init__()
        self.embedding, self.lstm = nn.Embedding(words, width), LSTM(width, width)
        self.last = nn.Linear(width, words)

    def forward(self, words: Tensor) -> Tensor:
        given = F.embedding(words.movedim(-1, 0), self.lstm.from_input(self.embedding.weight))
        return self.last(self.lstm.over(given)).movedim(0, 1)


class Block(nn.Module):
    """A transformer's layer: causal attention, then two dense layers, each after a norm, with shortcuts."""

    def __init__(self, width: int, heads: int) -> None:
        super().__init__()
        self.heads = heads
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(2))
        self.project, self.out = nn.Linear(width, 3 * width), nn.Linear(width, width)
        self.feed_forward = nn.Sequential(nn.Linear(width, 4 * width), nn.ReLU(), nn.Linear(4 * width, width))

    def forward(self, x: Tensor) -> Tensor:
        x = x + self.out(self._attention(self.norms[0](x)))
        return x + self.feed_forward(self.norms[1](x))

    def _attention(self, x: Tensor) -> Tensor:
        heads = self.project(x).unflatten(-1, (self.heads, 3, -1))  # (..., T, heads, 3, W / heads)
        query, key, value = (each.transpose(-3, -2) for each in heads.unbind(-2))
        scores = query @ key.transpose(-2, -1) / math.sqrt(query.shape[-1])
        later = torch.ones(scores.shape[-2:], dtype=torch.bool, device=x.device).triu(1)
        attended = scores.masked_fill(later, -math.inf).softmax(-1) @ value
        return attended.transpose(-3, -2).flatten(-2)


class Transformer(nn.Module):
    """Words (B, T) to logits of each next word (B, T, V): two blocks over embeddings of words and positions."""

    def __init__(self, words: int, width: int, length: int) -> None:
        super().__init__()
        self.words, self.positions = nn.Embedding(words, width), nn.Embedding(length, width)
        self.blocks = nn.Sequential(Block(width, 2), Block(width, 2))
        self.norm, self.last = nn.LayerNorm(width), nn.Linear(width, words)

    def forward(self, words: Tensor) -> Tensor:
        x = self.words(words) + self.positions.weight[: words.shape[-1]]
        return self.last(self.norm(self.blocks(x)))
