"""A made-up language to be predicted word by word: sentences whose verbs agree with subjects some words before."""

from dataclasses import dataclass
from functools import cache

import torch
from torch import Tensor

from extrapolate import ops

_NAMES = ("bird", "cat", "dog", "horse", "child")
_PLURALS = ("birds", "cats", "dogs", "horses", "children")
_VERBS = (("sees", "see"), ("follows", "follow"), ("likes", "like"))
_PLACES = ("near", "behind", "beside")

#: All words, in the order of their numbers; "." ends a sentence.
VOCABULARY = (".", "the", *_NAMES, *_PLURALS, *(word for pair in _VERBS for word in pair), *_PLACES)

_NUMBER = {word: index for index, word in enumerate(VOCABULARY)}


@dataclass(frozen=True)
class Sentences:
    """Passages of ``length`` words, cut from an endless text of sentences.

    A sentence is SUBJECT VERB OBJECT and a full stop, a subject or object being "the" and one of ten nouns, followed
    with probability 1/2 by one of three places and another such noun, which does not change the verb: it is singular
    or plural as the first noun of the subject is. All choices are even and independent. The next word is to be
    predicted at each word: the answer of "the cat sees" is "cat sees the", or another word in place of the last.

    Args:
        training: passages to learn from.
        tested: passages of the test, which follow those of the training.
    """

    length: int = 24
    training: int = 2_000
    tested: int = 200

    def sample(self, batch: int, key: Tensor) -> tuple[Tensor, Tensor]:
        """Words of training passages and the word after each, int64 (batch, length - 1).

        The first call takes one key: under ``vmap`` no text can be made.
        """
        passages = _passages(self, self.training, 0, key.device)
        return _next_words(passages[(ops.uniform(key, (batch,)) * len(passages)).long()])

    def splits(self) -> dict[str, tuple[Tensor, Tensor]]:
        """Words and next words of ``tested`` passages each: ``validation``, ``test``."""
        cpu = torch.device("cpu")
        test = _passages(self, self.training + self.tested, 0, cpu)[self.training :]
        return {
            "validation": _next_words(_passages(self, self.tested, 1, cpu)),
            "test": _next_words(test),
        }

    def solved(self, prediction: Tensor, target: Tensor) -> Tensor:
        """bool (N,): whether every next word is right; which sentence follows is chance, so hardly any is."""
        return (prediction == target).all(-1)


@cache
def _passages(task: Sentences, count: int, seed: int, device: torch.device) -> Tensor:
    """Word numbers, int64 (count, length)."""
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
    """Words, and whether they are plural."""
    noun, plural = _noun(generator)
    words = ["the", noun]
    if _pick(2, generator):
        words += [_PLACES[_pick(len(_PLACES), generator)], "the", _noun(generator)[0]]
    return words, plural


def _noun(generator: torch.Generator) -> tuple[str, bool]:
    index = _pick(len(_NAMES) + len(_PLURALS), generator)
    plural = index >= len(_NAMES)
    return (_PLURALS if plural else _NAMES)[index % len(_NAMES)], plural
