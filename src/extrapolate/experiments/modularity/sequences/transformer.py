"""A transformer from sequences to sequences."""

import math
from dataclasses import dataclass
from functools import lru_cache

import torch
from torch import Tensor, nn
from torch.nn import functional as F

from extrapolate.experiments.modularity.sequences.network import EncoderDecoder, Tokens

#: Keys and values of all heads, each (B, heads, T, width of a head).
Seen = tuple[Tensor, Tensor]


@dataclass(frozen=True)
class State:
    """What a decoder goes on with: of each layer what it has seen of the answer, and what it sees of the question.

    Attributes:
        real: which tokens of the question are no padding, (B, 1, 1, S).
        count: tokens of the answer so far.
    """

    answer: tuple[Seen | None, ...]
    question: tuple[Seen, ...]
    real: Tensor
    count: int


class Attention(nn.Module):
    """Attention of several heads, without biases: the published query, merged key and value, and output."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def seen(self, x: Tensor) -> Seen:
        """Keys and values of x (B, T, W)."""
        key, value = (self._split(each) for each in self.key_value(x).chunk(2, -1))
        return key, value

    def forward(self, x: Tensor, seen: Seen, allowed: Tensor | None) -> Tensor:
        """What x (B, T, W) finds among what is seen; ``allowed``: bool, broadcast to (B, heads, T, S)."""
        dropout = self.dropout if self.training else 0.0
        query = self._split(self.query(x))
        found = F.scaled_dot_product_attention(query, *seen, attn_mask=allowed, dropout_p=dropout)
        return self.output(found.transpose(1, 2).flatten(2))

    def _split(self, x: Tensor) -> Tensor:
        return x.unflatten(-1, (self.heads, -1)).transpose(1, 2)


class Layer(nn.Module):
    """What both kinds of layer share: two dense layers, and a norm after every sum (post-norm)."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float, sums: int) -> None:
        super().__init__()
        self.own = Attention(width, heads, dropout)
        self.wide, self.narrow = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(sums))
        self.dropout = nn.Dropout(dropout)

    def added(self, place: int, x: Tensor, found: Tensor) -> Tensor:
        return self.norms[place](x + self.dropout(found))

    def computed(self, x: Tensor) -> Tensor:
        """The layer's last sum."""
        return self.added(len(self.norms) - 1, x, self.narrow(self.dropout(torch.relu(self.wide(x)))))


class EncoderLayer(Layer):
    """Attention to the whole question, then two dense layers."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__(width, heads, feedforward, dropout, 2)

    def forward(self, x: Tensor, real: Tensor) -> Tensor:
        return self.computed(self.added(0, x, self.own(x, self.own.seen(x), real)))


class DecoderLayer(Layer):
    """Attention to the answer so far, then to the question, then two dense layers."""

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__(width, heads, feedforward, dropout, 3)
        self.asked = Attention(width, heads, dropout)

    def forward(self, x: Tensor, before: Seen | None, question: Seen, real: Tensor) -> tuple[Tensor, Seen]:
        key, value = self.own.seen(x)
        if before is not None:
            key, value = torch.cat([before[0], key], 2), torch.cat([before[1], value], 2)
        allowed = torch.ones(x.shape[1], key.shape[2], dtype=torch.bool, device=x.device)
        allowed = allowed.tril(key.shape[2] - x.shape[1])
        x = self.added(0, x, self.own(x, (key, value), allowed))
        return self.computed(self.added(1, x, self.asked(x, question, real))), (key, value)


class Transformer(EncoderDecoder):
    """Post-norm, ReLU, waves for places; after Vaswani et al. 2017 (arXiv 1706.03762), sized as the settings say."""

    def __init__(
        self, tokens: Tokens, width: int, heads: int, feedforward: int, layers: int, dropout: float
    ) -> None:
        super().__init__(tokens)
        sizes = (width, heads, feedforward, dropout)
        self.asked, self.said = self._embeddings(width)
        self.encoder = nn.ModuleList(EncoderLayer(*sizes) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(*sizes) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
        self.read_out = self._read_out()

    def _embeddings(self, width: int) -> tuple[nn.Embedding, nn.Embedding]:
        return nn.Embedding(self.tokens.asked, width), nn.Embedding(self.tokens.said, width)

    def _read_out(self) -> nn.Module:
        return nn.Linear(self.said.embedding_dim, self.tokens.said)

    def read(self, asked: Tensor) -> State:
        real = (asked != self.tokens.asked_pad)[:, None, None]
        x = self._placed(self.asked(asked), 0)
        for layer in self.encoder:
            x = layer(x, real)
        question = tuple(layer.asked.seen(x) for layer in self.decoder)  # pyright: ignore
        return State((None,) * len(question), question, real, 0)

    def follow(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        x = self._placed(self.said(tokens), state.count)
        answer = []
        for layer, before, question in zip(self.decoder, state.answer, state.question, strict=True):
            x, seen = layer(x, before, question, state.real)
            answer.append(seen)
        count = state.count + tokens.shape[1]
        return self.read_out(x), State(tuple(answer), state.question, state.real, count)

    def _placed(self, x: Tensor, first: int) -> Tensor:
        return self.dropout(x + _waves(first + x.shape[-2], x.shape[-1])[first:].to(x))


class TiedTransformer(Transformer):
    """One table of embeddings for what is asked and said, and for the logits, divided by √width."""

    def _embeddings(self, width: int) -> tuple[nn.Embedding, nn.Embedding]:
        table = nn.Embedding(self.tokens.said, width)
        return table, table

    def _read_out(self) -> nn.Module:
        return Likeness(self.said)


class Likeness(nn.Module):
    """x (..., W) to its products with each of the embeddings, divided by √W."""

    def __init__(self, table: nn.Embedding) -> None:
        super().__init__()
        self.table = table

    def forward(self, x: Tensor) -> Tensor:
        return F.linear(x, self.table.weight) / math.sqrt(x.shape[-1])


@lru_cache(maxsize=512)
def _waves(length: int, width: int) -> Tensor:
    """(length, width): sines, then cosines, of wavelengths from 2π to 20,000π."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)[:, :width]
