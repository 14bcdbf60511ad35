"""The networks that take part: words, an LSTM, and a unit that reads a number from its output."""

from collections.abc import Callable

from torch import Tensor
from torch import nn as torch_nn
from torch.nn import functional as F

from extrapolate import nn
from extrapolate.experiments.cells import LSTM
from extrapolate.tasks import WORDS

ReadOut = Callable[[int, int], torch_nn.Module]

#: By name, what stands on the LSTM's output.
READ_OUTS: dict[str, ReadOut] = {"LSTM": torch_nn.Linear, "LSTM-NAC": nn.NAC, "LSTM-NALU": nn.NALU}


class Reader(torch_nn.Module):
    """Tokens (B, T) to the value read so far at every word, (B, T)."""

    def __init__(self, read_out: ReadOut, hidden: int) -> None:
        super().__init__()
        self.embedding = torch_nn.Embedding(len(WORDS), hidden)
        self.lstm = LSTM(hidden, hidden)
        self.read_out = read_out(hidden, 1)

    def forward(self, tokens: Tensor) -> Tensor:
        # what each word gives to the gates is computed once a word, not once a place where it stands
        given = F.embedding(tokens.movedim(-1, 0), self.lstm.from_input(self.embedding.weight))
        return self.read_out(self.lstm.over(given))[..., 0].movedim(0, -1)


def value_of(model: torch_nn.Module, tokens: Tensor, lengths: Tensor) -> Tensor:
    """What ``model`` says at the last word of each number, (B,)."""
    return model(tokens).gather(-1, (lengths - 1)[:, None])[:, 0]
