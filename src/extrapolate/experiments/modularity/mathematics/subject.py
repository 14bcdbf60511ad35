"""A transformer that answers the problems of one module, and its masks of all problems and of the easy ones."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from torch import Tensor, nn

from extrapolate.experiments.modularity.mathematics.settings import (
    GENERATED,
    MASKS,
    PUBLISHED,
    MathematicsSettings,
)
from extrapolate.experiments.modularity.sequences.examples import Examples
from extrapolate.experiments.modularity.sequences.network import EncoderDecoder, Tokens
from extrapolate.experiments.modularity.sequences.subject import Published, SequenceSubject
from extrapolate.experiments.modularity.sequences.transformer import TiedTransformer
from extrapolate.experiments.modularity.subject import CONTROL, Stage, View
from extrapolate.tasks.mathematics import DIFFICULTIES, Generated, Official, Problem, Vocabulary

if TYPE_CHECKING:
    from extrapolate.inspect import Mask

#: Problems whose tokens are made at once: in int64 first, which takes its memory.
AT_ONCE = 100_000

EASY, HARD = DIFFICULTIES[0], DIFFICULTIES[-1]


@dataclass(frozen=True)
class MathematicsSubject(SequenceSubject):
    """A difficulty is a function; the names of a module's masks and views begin with its own."""

    settings: MathematicsSettings
    module_name: str

    @property
    def name(self) -> str:
        return f"{self.module_name}-seed-{self.seed}"

    @property
    def published(self) -> Published:
        return Published(batch=PUBLISHED[self.module_name].batch, masks=MASKS, clip=0.1, told=1.0)

    @property
    def tokens(self) -> Tokens:
        size = self._problems.tokens
        return Tokens(asked=size, asked_pad=Vocabulary.pad, said=size, pad=Vocabulary.pad, end=Vocabulary.end)

    def about(self) -> dict[str, Any]:
        names = ("width", "heads", "feedforward", "layers")
        sizes = {name: getattr(self.settings, name) for name in names}
        return {"model": "transformer", "module": self.module_name, **sizes, "seed": self.seed}

    def build(self) -> EncoderDecoder:
        of = self.settings
        return TiedTransformer(self.tokens, of.width, of.heads, of.feedforward, of.layers, of.dropout)

    def optimizer(self, parameters: list[Tensor]) -> torch.optim.Optimizer:
        return torch.optim.Adam(parameters, lr=self.settings.rate, betas=(0.9, 0.995), eps=1e-9, fused=True)

    @property
    def trained(self) -> tuple[str, ...]:
        return DIFFICULTIES

    @property
    def tested(self) -> tuple[str, ...]:
        return DIFFICULTIES

    @property
    def rounds(self) -> tuple[tuple[Stage, ...], ...]:
        of = self.module_name
        return ((Stage(f"{of}, {CONTROL}", DIFFICULTIES), Stage(f"{of}, {EASY}", (EASY,))),)

    def training(self, functions: tuple[str, ...]) -> Examples:
        return self._problems.training[functions]

    def test(self, function: str) -> Examples:
        return self._problems.test[function]

    def range(self, function: str) -> str:
        return "problems not trained on"

    def views(self, network: nn.Module, masks: "Mapping[str, Mask]") -> Iterator[View]:
        unmasked, *masked = super().views(network, masks)
        yield replace(unmasked, name=f"{self.module_name}, {unmasked.name}")
        yield from masked

    def compared(self) -> list[tuple[str, str]]:
        ((control, easy),) = self.rounds
        return [(control.name, easy.name)]

    @property
    def _problems(self) -> "_Problems":
        of = self.settings
        return _made(self.module_name, of.data, of.problems, of.examined, of.device)


@dataclass(frozen=True)
class _Problems:
    """A module's problems as tokens: to train on by the difficulties that are taken together, and to test."""

    tokens: int
    training: Mapping[tuple[str, ...], Examples]
    test: Mapping[str, Examples]


@lru_cache(maxsize=2)
def _made(module: str, data: str, count: int, examined: int, device: str) -> _Problems:
    source = Generated(count, examined) if data == GENERATED else Official(Path(data), examined)
    split = source.split(module)

    vocabulary = split.vocabulary

    def examples(problems: list[Problem]) -> Examples:
        pieces = (problems[start : start + AT_ONCE] for start in range(0, len(problems), AT_ONCE))
        return Examples.of(map(vocabulary.encoded, pieces), vocabulary.pad, vocabulary.pad, device)

    every = examples([problem for each in DIFFICULTIES for problem in split.training[each]])
    return _Problems(
        vocabulary.size,
        {DIFFICULTIES: every, (EASY,): every.first(len(split.training[EASY]))},
        {each: examples(split.test[each]) for each in DIFFICULTIES},
    )
