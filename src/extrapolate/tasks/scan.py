"""SCAN: commands in a small language, and the actions that they stand for."""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import torch
from torch import Tensor

from extrapolate._runtime.errors import UserError, unknown_name_error
from extrapolate.tasks.scan_files import read_rows
from extrapolate.tasks.scan_grammar import (
    END,
    PADDING,
    SCAN_ACTIONS,
    SCAN_WORDS,
    ScanRow,
    check_known,
    interpret,
    language,
)
from extrapolate.tasks.token_rows import TokenRows

__all__ = ["SCAN_ACTIONS", "SCAN_SPLITS", "SCAN_WORDS", "Scan", "ScanRow", "interpret"]

SCAN_SPLITS = ("simple", "length", "jump", "turn_left", "all")

#: Number of words in the longest command, and of actions in the longest answer.
LONGEST_COMMAND = 9
LONGEST_ANSWER = 48

#: Number of training commands in the split ``validation``.
VALIDATED = 1_000

_LONGEST_TRAINED = 22  # actions, in the length split


@dataclass(frozen=True)
class Scan:
    """Translate commands into actions: ``jump twice after turn left`` gives I_TURN_LEFT I_JUMP I_JUMP.

    Source: Lake & Baroni 2018 (arXiv 1711.00350). The language has 13 words, 6 actions and 20,910 commands of up to 9
    words and 1 to 48 actions. The splits test whether a network that knows the parts can combine them:

    * ``simple``: 16,728 random training commands; the other 4,182 are the test. The published sample cannot be
      generated, so this is another one of the same size, defined by ``seed``.
    * ``length``: training answers have up to 22 actions (16,990), test answers 24 to 48 (3,920).
    * ``jump``: the training has all commands without the word (13,203), and 1,467 copies of the command ``jump``, a
      tenth of its rows. The test has all other commands with the word (7,706).
    * ``turn_left``: the same for the phrase ``turn left`` (19,701 and 2,189; test 1,208).
    * ``all``: all commands are training commands; there is no test.

    All splits except ``simple`` have exactly the published rows, in a different order. With ``folder``, the published
    files are used for all splits.

    Args:
        seed: seed of the simple split.
        name: the split to sample.
        folder: folder of the published files. None: the rows are generated.

    Raises:
        UserError: ``name`` is not among ``SCAN_SPLITS``.
    """

    seed: int = 0
    name: str = "simple"
    folder: Path | None = None

    def __post_init__(self) -> None:
        if self.name not in SCAN_SPLITS:
            raise unknown_name_error("split", self.name, SCAN_SPLITS)
        _order(len(language()), self.seed)  # fill the cache: vmap allows no shuffling

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample tokens of training commands (batch, 10) and of their actions (batch, 49): see :meth:`encode`."""
        return _training(self, key.device).sample(batch, key)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return ``validation`` and ``test``.

        ``validation`` is a part of the training commands, because the published splits have no validation set.
        """
        training = _training(self, torch.device("cpu"))
        return {
            "validation": training.spread(VALIDATED).tensors(),
            "test": self.encode(self.split(self.name)[1]),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether all actions and the end mark, int64 (N, 49), are right: bool (N,). Padding is ignored."""
        return ((prediction == target) | (target == SCAN_ACTIONS.index(PADDING))).all(-1)

    def split(self, name: str) -> tuple[list[ScanRow], list[ScanRow]]:
        """Return the training rows and the test rows of a split.

        Rows are shuffled in ``simple`` and in the order of the grammar in the others. With ``folder`` they are in the
        order of the files.

        Raises:
            UserError: ``name`` is not among ``SCAN_SPLITS``, or a file is missing or damaged.
        """
        if self.folder is not None:
            return read_rows(self.folder, name)
        rows = list(language())
        match name:
            case "simple":
                order = _order(len(rows), self.seed)
                shuffled, training = [rows[index] for index in order], len(rows) * 4 // 5
                return shuffled[:training], shuffled[training:]
            case "length":
                short = [row for row in rows if len(row[1]) <= _LONGEST_TRAINED]
                return short, [row for row in rows if len(row[1]) > _LONGEST_TRAINED]
            case "jump":
                return _first_alone("jump")
            case "turn_left":
                return _first_alone("turn left")
            case "all":
                return rows, []
            case _:
                raise unknown_name_error("split", name, SCAN_SPLITS)

    @staticmethod
    def encode(rows: Sequence[ScanRow]) -> tuple[Tensor, Tensor]:
        """Return the tokens of the commands (N, 10) and of their actions (N, 49), int64, in the order of ``rows``.

        An end mark and padding follow each sequence. Their tokens are the last two of ``SCAN_WORDS`` and of
        ``SCAN_ACTIONS``. A network need not predict the padding.

        Raises:
            UserError: a word or an action is unknown, or a sequence is too long.
        """
        commands = _pad([command.split() for command, _ in rows], "word", SCAN_WORDS, LONGEST_COMMAND)
        return commands, _pad([actions for _, actions in rows], "action", SCAN_ACTIONS, LONGEST_ANSWER)

    @staticmethod
    def decode(commands: Tensor, actions: Tensor) -> list[ScanRow]:
        """Return the rows of tokens (N, any length); each sequence stops before its first end mark, if any."""
        pairs = zip(commands.tolist(), actions.tolist(), strict=True)
        return [(" ".join(_read(command, SCAN_WORDS)), _read(answer, SCAN_ACTIONS)) for command, answer in pairs]


@cache
def _order(count: int, seed: int) -> list[int]:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()


@cache
def _training(scan: Scan, device: torch.device) -> TokenRows:
    return TokenRows.of([scan.encode(scan.split(scan.name)[0])]).to(device)


def _first_alone(phrase: str) -> tuple[list[ScanRow], list[ScanRow]]:
    """Return the split whose training has ``phrase`` only alone, as a tenth of the rows."""
    alone = (phrase, interpret(phrase))
    training = [row for row in language() if phrase not in row[0]]
    test = [row for row in language() if phrase in row[0] and row != alone]
    return training + [alone] * (len(training) // 9), test


def _pad(sequences: Sequence[Sequence[str]], kind: str, known: tuple[str, ...], longest: int) -> Tensor:
    token = {each: index for index, each in enumerate(known)}
    tokens = torch.full((len(sequences), longest + 1), token[PADDING])
    for row, own in enumerate(sequences):
        check_known(own, kind, known)
        if len(own) > longest:
            raise UserError(f"{len(own)} {kind}s are too many: use at most {longest}")
        tokens[row, : len(own) + 1] = torch.tensor([token[each] for each in (*own, END)])
    return tokens


def _read(tokens: list[int], known: tuple[str, ...]) -> tuple[str, ...]:
    end = known.index(END)
    return tuple(known[token] for token in (tokens[: tokens.index(end)] if end in tokens else tokens))
