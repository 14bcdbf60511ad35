"""A recurrent network from sequences to sequences."""

from torch import Tensor, nn
from torch.nn.utils.rnn import pack_padded_sequence

from extrapolate.experiments.modularity.sequences.network import EncoderDecoder, Tokens

State = tuple[Tensor, Tensor]

#: Numbers that stand for a token, as published.
EMBEDDED = 16


class RecurrentNetwork(EncoderDecoder):
    """An LSTM reads, and another goes on from its last states: no attention.

    These are torch's layers, which ``vmap`` cannot map over masks: on the CPU a loop over masks is still faster than
    mapped cells in plain operations.
    """

    def __init__(self, tokens: Tokens, width: int, layers: int, dropout: float) -> None:
        super().__init__(tokens)
        between = dropout if layers > 1 else 0.0
        self.asked, self.said = nn.Embedding(tokens.asked, EMBEDDED), nn.Embedding(tokens.said, EMBEDDED)
        self.encoder = nn.LSTM(EMBEDDED, width, layers, dropout=between, batch_first=True)
        self.decoder = nn.LSTM(EMBEDDED, width, layers, dropout=between, batch_first=True)
        self.read_out = nn.Linear(width, tokens.said)

    def read(self, asked: Tensor) -> State:
        """The states after each sequence's own last token; the order of the batch stays."""
        lengths = (asked != self.tokens.asked_pad).sum(1).cpu()
        packed = pack_padded_sequence(self.asked(asked), lengths, batch_first=True, enforce_sorted=False)
        return self.encoder(packed)[1]

    def follow(self, tokens: Tensor, state: State) -> tuple[Tensor, State]:
        outputs, state = self.decoder(self.said(tokens), state)
        return self.read_out(outputs), state
