"""Word-level modelling of a synthetic language, in which verbs agree with a subject some words earlier."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from extrapolate import ops

_NAMES = ("bird", "cat", "dog", "horse", "child")
_PLURALS = ("birds", "cats", "dogs", "horses", "children")
_VERBS = (("sees", "see"), ("follows", "follow"), ("likes", "like"))
_PLACES = ("near", "behind", "beside")

#: All words by token; "." ends a sentence.
VOCABULARY = (".", "the", *_NAMES, *_PLURALS, *(word for pair in _VERBS for word in pair), *_PLACES)

_NUMBER = {word: index for index, word in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class Sentences:
    """Predict the next word at each word of a passage cut from an endless text.

    A sentence is SUBJECT VERB OBJECT and a full stop. A subject or object is "the" and one of ten nouns. With
    probability 1/2 it continues with one of three prepositions and a second "the" with a noun. The verb is singular
    or plural like the first noun of the subject. All choices are uniform and independent. For the words
    "the cat sees" the targets are "cat", "sees" and the word that follows in the text.

    Args:
        length: words in a passage.
        training: number of training passages.
        tested: number of validation passages and of test passages. They come from later parts of the text.
    """

    length: int = 24
    training: int = 2_000
    tested: int = 200

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Sample words of training passages and the word after each, int64 (batch, length - 1) each.

        The first call generates and keeps the text, which is impossible under ``vmap``: call it once without
        ``vmap``.
        """
        passages = _passages(self, self.training, 0, key.device)
        return _next_words(passages[(ops.uniform(key, (batch,)) * len(passages)).long()])

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Return words and next words of ``validation`` and ``test``, ``tested`` passages each."""
        cpu = torch.device("cpu")
        test = _passages(self, self.training + self.tested, 0, cpu)[self.training :]
        return {
            "validation": _next_words(_passages(self, self.tested, 1, cpu)),
            "test": _next_words(test),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """Return whether every next word is right: bool (N,). This is rare, because the sentences are random."""
        return (prediction == target).all(-1)


@cache
def _passages(task: Sentences, count: int, seed: int, device: torch.device) -> Tensor:
    """Return tokens, int64 (count, length)."""
    words, generator = list[int](), torch.Generator().manual_seed(seed)
    while len(words) < count * task.length:
        words += _sentence(generator)
    return torch.tensor(words[: count * task.length], device=device).view(count, task.length)


def _next_words(passages: Tensor) -> tuple[Tensor, Tensor]:
    return passages[:, :-1], passages[:, 1:]


def _pick(choices: int, generator: torch.Generator) -> int:
    return int(torch.randint(choices, (), generator=generator))


def _sentence(generator: torch.Generator) -> list[int]:
    subject, plural = _phrase(generator)
    verb = _VERBS[_pick(len(_VERBS), generator)][int(plural)]
    return [_NUMBER[word] for word in (*subject, verb, *_phrase(generator)[0], ".")]


def _phrase(generator: torch.Generator) -> tuple[list[str], bool]:
    """Sample a subject or object; return its words and whether it is plural."""
    noun, plural = _noun(generator)
    words = ["the", noun]
    if _pick(2, generator):
        words += [_PLACES[_pick(len(_PLACES), generator)], "the", _noun(generator)[0]]
    return words, plural


def _noun(generator: torch.Generator) -> tuple[str, bool]:
    index = _pick(len(_NAMES) + len(_PLURALS), generator)
    plural = index >= len(_NAMES)
    return (_PLURALS if plural else _NAMES)[index % len(_NAMES)], plural
