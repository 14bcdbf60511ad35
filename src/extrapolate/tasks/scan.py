"""SCAN: commands in a small language, and the actions that carry them out."""

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

#: Words in the longest command, actions in the longest answer.
LONGEST_COMMAND = 9
LONGEST_ANSWER = 48

#: Training commands of the split ``validation``.
VALIDATED = 1_000

_LONGEST_TRAINED = 22  # by the length split


@dataclass(frozen=True)
class Scan:
    """Carrying out commands: ``jump twice after turn left`` gives I_TURN_LEFT I_JUMP I_JUMP.

    From Lake & Baroni 2018 (arXiv 1711.00350): 13 words, 6 actions, 20,910 commands of up to 9 words with 1 to 48
    actions. The splits ask whether a network that has seen the parts can put them together:

    * ``simple``: 16,728 commands, drawn at random, to train on, the other 4,182 to test. The published draw follows
      from no rule, so this is another one of the same sizes, given by ``seed``.
    * ``length``: answers of up to 22 actions (16,990), then those of 24 to 48 (3,920).
    * ``jump``: all commands without the word (13,203) and ``jump`` alone, which fills a tenth of the training (1,467
      rows); then every other command with it (7,706).
    * ``turn_left``: the same with the words ``turn left``, next to each other (19,701 and 2,189; then 1,208).
    * ``all``: every command to train on, none to test.

    All but ``simple`` are the published ones, row for row, in another order. With a ``folder`` all are the published
    ones.

    Args:
        seed: of the simple split.
        name: the split that is sampled.
        folder: with the published files; None: the rows are made here.

    Raises:
        UserError: ``name`` is not among ``SCAN_SPLITS``.
    """

    seed: int = 0
    name: str = "simple"
    folder: Path | None = None

    def __post_init__(self) -> None:
        if self.name not in SCAN_SPLITS:
            raise unknown_name_error("split", self.name, SCAN_SPLITS)
        _order(len(language()), self.seed)  # made here: under vmap nothing can be shuffled

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Tokens of training commands (batch, 10) and of their actions (batch, 49), int64: see :meth:`encoded`."""
        return _training(self, key.device).sample(batch, key)

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """``validation``, some training commands, since the published splits hold none out; ``test``."""
        training = _training(self, torch.device("cpu"))
        return {
            "validation": training.spread(VALIDATED).tensors(),
            "test": self.encode(self.split(self.name)[1]),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether all actions and the end, int64 (N, 49), are right; what is behind it does not count."""
        return ((prediction == target) | (target == SCAN_ACTIONS.index(PADDING))).all(-1)

    def split(self, name: str) -> tuple[list[ScanRow], list[ScanRow]]:
        """Rows to train on and to test on: shuffled in ``simple``, in the order of the grammar in the others.

        Those of a ``folder`` are in the order of its files.

        Raises:
            UserError: ``name`` is not among ``SCAN_SPLITS``, or a file is missing or damaged.
        """
        if self.folder is not None:
            return read_rows(self.folder, name)
        rows = list(language())
        match name:
            case "simple":
                order = _order(len(rows), self.seed)
                shuffled, training = [rows[place] for place in order], len(rows) * 4 // 5
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
        """Tokens of the commands (N, 10) and of their actions (N, 49), int64, in the order of ``rows``.

        Each sequence is followed by its end mark, and that by padding: the last two of ``SCAN_WORDS`` and of
        ``SCAN_ACTIONS``. A network need never answer the padding.

        Raises:
            UserError: a word or an action that the language lacks, or a sequence that is too long.
        """
        commands = _pad([command.split() for command, _ in rows], "word", SCAN_WORDS, LONGEST_COMMAND)
        return commands, _pad([actions for _, actions in rows], "action", SCAN_ACTIONS, LONGEST_ANSWER)

    @staticmethod
    def decode(commands: Tensor, actions: Tensor) -> list[ScanRow]:
        """The rows of tokens (N, any length) each: what stands before the first end mark, or all without one."""
        pairs = zip(commands.tolist(), actions.tolist(), strict=True)
        return [(" ".join(_read(said, SCAN_WORDS)), _read(done, SCAN_ACTIONS)) for said, done in pairs]


@cache
def _order(count: int, seed: int) -> list[int]:
    return torch.randperm(count, generator=torch.Generator().manual_seed(seed)).tolist()


@cache
def _training(scan: Scan, device: torch.device) -> TokenRows:
    return TokenRows.of([scan.encode(scan.split(scan.name)[0])]).to(device)


def _first_alone(phrase: str) -> tuple[list[ScanRow], list[ScanRow]]:
    """``phrase`` is trained on by itself, in a tenth of the rows, and tested in company."""
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
            raise UserError(f"{len(own)} {kind}s are too many: SCAN has at most {longest}")
        tokens[row, : len(own) + 1] = torch.tensor([token[each] for each in (*own, END)])
    return tokens


def _read(tokens: list[int], known: tuple[str, ...]) -> tuple[str, ...]:
    end = known.index(END)
    return tuple(known[token] for token in (tokens[: tokens.index(end)] if end in tokens else tokens))
