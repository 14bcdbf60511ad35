"""Sequence-to-sequence networks: LSTMs and transformers with teacher forcing or greedy decoding."""

import math
from abc import ABC, abstractmethod
from functools import lru_cache
from typing import Any, NamedTuple

import torch
from torch import Tensor, nn
from torch.nn import functional as F
from torch.nn.utils.rnn import pack_padded_sequence


class Tokens(NamedTuple):
    """Sizes of both vocabularies, and their special tokens."""

    source: int  # size of the source vocabulary
    source_pad: int  # pads a source after its end
    target: int  # size of the target vocabulary
    pad: int  # pads a target after its end
    end: int  # ends a target; also the decoder's first input


class EncoderDecoder(nn.Module, ABC):
    """Base class: source tokens (B, S) to target tokens.

    With ``targets`` (tokens, (B, T)), returns logits (B, T, V): each token is predicted from the tokens before it.
    Without ``targets``, decodes ``steps`` tokens greedily, int64 (B, steps), without a gradient. For the
    logits of these tokens, with a gradient, pass the tokens as ``targets``.
    """

    def __init__(self, tokens: Tokens) -> None:
        super().__init__()
        self.tokens = tokens

    def forward(self, source: Tensor, targets: Tensor | None = None, *, steps: int = 0) -> Tensor:
        start = torch.full_like(source[:, :1], self.tokens.end)
        if targets is not None:
            return self.decode(torch.cat([start, targets[:, :-1]], 1), self.encode(source))[0]
        with torch.no_grad():
            state, output = self.encode(source), [start]
            for _ in range(steps):
                logits, state = self.decode(output[-1], state)
                output.append(logits.argmax(-1))
        return torch.cat(output, 1)[:, 1:]

    @abstractmethod
    def encode(self, source: Tensor) -> Any:
        """Return the decoder's initial state."""

    @abstractmethod
    def decode(self, tokens: Tensor, state: Any) -> tuple[Tensor, Any]:
        """Return the logits (B, T, V) after each of ``tokens`` (B, T), and the next state."""


class LSTMEncoderDecoder(EncoderDecoder):
    """An encoder LSTM and a decoder LSTM that starts from its final states; no attention, embedding size 16.

    It uses torch's LSTM, which ``vmap`` cannot map over masks. On a CPU a loop over masks with it is still faster
    than ``vmap`` over an LSTM in plain operations.

    Args:
        tokens: vocabulary sizes and special tokens.
        width: hidden units of each LSTM layer.
        layers: LSTM layers, in the encoder and in the decoder.
        dropout: dropout probability between LSTM layers.
    """

    def __init__(self, tokens: Tokens, width: int, layers: int, dropout: float) -> None:
        super().__init__(tokens)
        between = dropout if layers > 1 else 0.0
        self.source, self.target = (nn.Embedding(each, 16) for each in (tokens.source, tokens.target))
        self.encoder, self.decoder = (nn.LSTM(16, width, layers, dropout=between, batch_first=True) for _ in range(2))
        self.read_out = nn.Linear(width, tokens.target)

    def encode(self, source: Tensor) -> tuple[Tensor, Tensor]:
        """Return the LSTM states (h, c) after the last token of each sequence, ignoring padding."""
        lengths = (source != self.tokens.source_pad).sum(1).cpu()
        packed = pack_padded_sequence(self.source(source), lengths, batch_first=True, enforce_sorted=False)
        return self.encoder(packed)[1]

    def decode(self, tokens: Tensor, state: tuple[Tensor, Tensor]) -> tuple[Tensor, tuple[Tensor, Tensor]]:
        outputs, state = self.decoder(self.target(tokens), state)
        return self.read_out(outputs), state


class Attention(nn.Module):
    """Multi-head attention without biases; one linear layer computes keys and values together."""

    def __init__(self, width: int, heads: int, dropout: float) -> None:
        super().__init__()
        self.heads, self.dropout = heads, dropout
        self.query = nn.Linear(width, width, bias=False)
        self.key_value = nn.Linear(width, 2 * width, bias=False)
        self.output = nn.Linear(width, width, bias=False)

    def keys_values(self, x: Tensor) -> Tensor:
        """Return keys and values of x (B, T, W): (2, B, heads, T, W/heads)."""
        return self.key_value(x).unflatten(-1, (2, self.heads, -1)).permute(2, 0, 3, 1, 4)

    def forward(self, x: Tensor, keys_values: Tensor, mask: Tensor) -> Tensor:
        """Attend from x (B, T, W) to the keys where ``mask`` (bool, broadcast to (B, heads, T, S)) is True."""
        dropout = self.dropout if self.training else 0.0
        query = self.query(x).unflatten(-1, (self.heads, -1)).transpose(1, 2)
        attended = F.scaled_dot_product_attention(query, *keys_values, attn_mask=mask, dropout_p=dropout)
        return self.output(attended.transpose(1, 2).flatten(2))


class EncoderLayer(nn.Module):
    """Self-attention over the source, then two dense layers; layer norm after every residual sum (post-norm)."""

    sums = 2

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__()
        self.attention = Attention(width, heads, dropout)
        self.wide, self.narrow = nn.Linear(width, feedforward), nn.Linear(feedforward, width)
        self.norms = nn.ModuleList(nn.LayerNorm(width) for _ in range(self.sums))
        self.dropout = nn.Dropout(dropout)

    def add(self, index: int, x: Tensor, update: Tensor) -> Tensor:
        """Add ``update`` to x and apply layer norm number ``index``."""
        return self.norms[index](x + self.dropout(update))

    def feed_forward(self, x: Tensor) -> Tensor:
        """Apply the two dense layers and the last residual sum."""
        return self.add(self.sums - 1, x, self.narrow(self.dropout(torch.relu(self.wide(x)))))

    def forward(self, x: Tensor, mask: Tensor) -> Tensor:
        return self.feed_forward(self.add(0, x, self.attention(x, self.attention.keys_values(x), mask)))


class DecoderLayer(EncoderLayer):
    """Causal self-attention over the target, attention to the source, then two dense layers."""

    sums = 3

    def __init__(self, width: int, heads: int, feedforward: int, dropout: float) -> None:
        super().__init__(width, heads, feedforward, dropout)
        self.cross = Attention(width, heads, dropout)

    def forward(  # pyright: ignore[reportIncompatibleMethodOverride]
        self, x: Tensor, before: Tensor | None, source: Tensor, mask: Tensor
    ) -> tuple[Tensor, Tensor]:
        """Return the outputs, and keys and values of all target tokens; ``before``: those of earlier tokens."""
        cache = self.attention.keys_values(x)
        cache = cache if before is None else torch.cat([before, cache], 3)
        causal = torch.ones(x.shape[1], cache.shape[3], dtype=torch.bool, device=x.device)
        x = self.add(0, x, self.attention(x, cache, causal.tril(cache.shape[3] - x.shape[1])))
        return self.feed_forward(self.add(1, x, self.cross(x, source, mask))), cache


class DecoderState(NamedTuple):
    """Keys and values per decoder layer: of the ``target`` tokens so far (None at first) and of the ``source``."""

    target: list[Tensor | None]
    source: list[Tensor]
    mask: Tensor  # bool (B, 1, 1, S): True for source tokens that are not padding


class TransformerEncoderDecoder(EncoderDecoder):
    """Transformer with post-norm, ReLU and sinusoidal positions.

    Args:
        tokens: vocabulary sizes and special tokens.
        width: model width, the size of embeddings and layer outputs.
        heads: attention heads; they divide ``width``.
        feedforward: hidden units of the dense layers.
        layers: layers of the encoder and of the decoder.
        dropout: dropout probability of embeddings, attention weights and layer outputs.

    Source: Vaswani et al. 2017 (arXiv 1706.03762).
    """

    def __init__(self, tokens: Tokens, width: int, heads: int, feedforward: int, layers: int, dropout: float) -> None:
        super().__init__(tokens)
        sizes = (width, heads, feedforward, dropout)
        self.source, self.target = self._embeddings(width)
        self.encoder = nn.ModuleList(EncoderLayer(*sizes) for _ in range(layers))
        self.decoder = nn.ModuleList(DecoderLayer(*sizes) for _ in range(layers))
        self.dropout = nn.Dropout(dropout)
        for part in self.modules():
            if isinstance(part, nn.Linear):
                nn.init.xavier_uniform_(part.weight)
        self.read_out = self._read_out()

    def _embeddings(self, width: int) -> tuple[nn.Embedding, nn.Embedding]:
        return nn.Embedding(self.tokens.source, width), nn.Embedding(self.tokens.target, width)

    def _read_out(self) -> nn.Module:
        return nn.Linear(self.target.embedding_dim, self.tokens.target)

    def encode(self, source: Tensor) -> DecoderState:
        mask = (source != self.tokens.source_pad)[:, None, None]
        x = self._with_positions(self.source(source), 0)
        for layer in self.encoder:
            x = layer(x, mask)
        keys_values = [layer.cross.keys_values(x) for layer in self.decoder]  # pyright: ignore
        return DecoderState([None] * len(keys_values), keys_values, mask)

    def decode(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        length = 0 if state.target[0] is None else state.target[0].shape[3]
        x, target = self._with_positions(self.target(tokens), length), []
        for layer, before, source in zip(self.decoder, state.target, state.source, strict=True):
            x, keys_values = layer(x, before, source, state.mask)
            target.append(keys_values)
        return self.read_out(x), state._replace(target=target)

    def _with_positions(self, x: Tensor, first: int) -> Tensor:
        return self.dropout(x + _positions(first + x.shape[-2], x.shape[-1])[first:].to(x))


class TiedTransformerEncoderDecoder(TransformerEncoderDecoder):
    """A transformer with one embedding table for source, target and logits; logits are divided by √width."""

    def _embeddings(self, width: int) -> tuple[nn.Embedding, nn.Embedding]:
        table = nn.Embedding(self.tokens.target, width)
        return table, table

    def _read_out(self) -> nn.Module:
        return nn.Identity()

    def decode(self, tokens: Tensor, state: DecoderState) -> tuple[Tensor, DecoderState]:
        x, state = super().decode(tokens, state)
        return F.linear(x, self.target.weight) / math.sqrt(x.shape[-1]), state


@lru_cache(maxsize=512)
def _positions(length: int, width: int) -> Tensor:
    """Return position encodings (length, width): sines, then cosines, with wavelengths from 2π to 20,000π."""
    rates = torch.exp(torch.arange(0, width, 2) * (-math.log(10_000) / width))
    angles = torch.arange(length)[:, None] * rates
    return torch.cat([angles.sin(), angles.cos()], -1)[:, :width]
