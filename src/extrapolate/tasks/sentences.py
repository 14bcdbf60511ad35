"""A made-up language to be predicted word by word: sentences whose verbs agree with subjects some words before."""

from dataclasses import dataclass

import torch
from torch import Tensor

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
    or plural as the first noun of the subject is. All choices are even and independent.
    """

    length: int = 24

    def passages(self, count: int, generator: torch.Generator) -> Tensor:
        """Word numbers, int64 (count, length)."""
        words: list[int] = []
        while len(words) < count * self.length:
            words += _sentence(generator)
        return torch.tensor(words[: count * self.length]).view(count, self.length)


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
