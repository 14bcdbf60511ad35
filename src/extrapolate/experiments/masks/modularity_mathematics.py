"""Weight masks: do the weights that easy problems need answer hard ones."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial

import polars as pl
import torch
from torch import nn

from extrapolate.experiments.config import REQUIRED, fewer, folder, instead, names, number
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, Measure, at_least, at_most, difference, rows_of
from extrapolate.experiments.masks._config import (
    CONTROL,
    IN_WORDS,
    POSITIVE,
    SOURCE,
    accuracy,
    asked,
    batch,
    mask_summary,
)
from extrapolate.experiments.masks._encoder_decoder import EncoderDecoder, TiedTransformer
from extrapolate.experiments.masks._masks import MaskedModule, Masks, MaskSpec, MaskStudy, mask_training
from extrapolate.experiments.masks._problems import (
    EASY,
    GENERATED,
    HARD,
    MASKS,
    PUBLISHED,
    module_problems,
)
from extrapolate.experiments.masks._sequences import (
    Published,
    SequenceConfig,
    SequenceTask,
    check_heads,
    networks,
    sequence_study,
)
from extrapolate.experiments.training import Training
from extrapolate.stats import student
from extrapolate.tasks.mathematics import DIFFICULTIES, MODULES, Vocabulary


@dataclass(frozen=True, kw_only=True)
class MathematicsConfig(SequenceConfig):
    """Every module has networks of its own; a strength is divided by the module's published batch size."""

    modules: tuple[str, ...] = names(MODULES, "Modules of problems", "module")
    data: str = folder(
        GENERATED,
        GENERATED,
        f"{GENERATED}, or the folder of the unpacked archive of the Mathematics Dataset.",
        cut=instead("generated problems", "the published ones"),
    )
    problems: int = number(
        40_000, "Generated problems of each difficulty to train on.", cut=fewer("problems of each difficulty")
    )
    heads: int = number(4, "Heads of attention; the width is a multiple of it.")
    feedforward: int = number(
        128, "Width of the dense layers after attention.", cut=fewer("units after attention")
    )
    batch: int = batch(32, MASKS)


# -------------------------------------------------------------------------------------------------------- findings

#: What the easy mask may cost on easy problems.
LITTLE = 0.05


def findings(config: MathematicsConfig) -> Iterator[Finding]:
    """The findings over all networks of a module that were run, by their means."""
    for module in config.modules:
        yield Finding(
            f"{module}/unmasked-over-control",
            f"hard problems of {module}: the whole network is right at least as often as the mask learned on all "
            "difficulties (accuracy, unmasked less control, at least 0)",
            IN_WORDS,
            on_hard(module, "unmasked", CONTROL),
            at_least(0.0),
        )
        yield Finding(
            f"{module}/control-over-easy",
            f"hard problems of {module} need weights that easy ones do not (accuracy, control less easy mask, "
            "above 0)",
            IN_WORDS,
            on_hard(module, CONTROL, EASY),
            at_least(POSITIVE),
        )
        yield Finding(
            f"{module}/easy-mask/easy",
            f"the mask learned on easy problems of {module} keeps what they need (accuracy on easy problems, "
            "unmasked less easy mask, at most 0.05)",
            IN_WORDS,
            difference("accuracy", asked(f"{module}, unmasked", EASY), asked(f"{module}, {EASY}", EASY)),
            at_most(LITTLE),
        )


def on_hard(module: str, more: str, less: str) -> Measure:
    """On a module's hard problems, the accuracy of one view of the network less that of another."""

    def measure(results: pl.DataFrame) -> Found | None:
        views = ("unmasked", CONTROL, EASY)
        found = {each: accuracy(rows_of(results, asked(f"{module}, {each}", HARD))) for each in views}
        if not len(found[more]):
            return None
        note = ", ".join(f"{values.mean():.2g} {view}" for view, values in found.items())
        return Found(student(found[more] - found[less]), note)

    return measure


# ------------------------------------------------------------------------------------------------------ experiment


def notes(config: MathematicsConfig) -> list[str]:
    """How the networks and masks were trained and evaluated."""
    published = "; ".join(
        f"{name}: {own.steps:,} and {own.mask_steps:,} steps, batch {own.batch}, β = {own.strength:g}, masks at rate "
        f"{own.mask_rate:g}"
        for name, own in PUBLISHED.items()
        if name in config.modules
    )
    return [
        "Every network is trained on the easy, medium and hard problems of one module. control: the mask learned on "
        "all of them; easy: on the easy ones alone. An answer is right with every character and its end, decoded "
        "greedily, with the mask cut at keep-probability 1/2.",
        _origin(config),
        f"Weights: Adam, rate {config.rate:g} (published: 0.0001), batch {config.batch}, {config.steps:,} steps, "
        f"dropout {config.dropout:g}, gradients of norm 0.1 at most; every {config.eval_every:,} steps they are "
        "evaluated on up to 1,000 test problems, and the best are kept. Masks: Adam, rate "
        f"{config.mask_rate:g}, {config.mask_steps:,} steps, {MASKS} drawn per step, strength β = "
        f"{config.strength:g}; embeddings, which the logits are made of too, and biases are not masked.",
        "Published: width 512, 8 heads, 2,048 after attention, 6 layers each of encoder and decoder, dropout 0.1; "
        f"here {config.width}, {config.heads}, {config.feedforward:,}, {config.layers}. Published for {published}.",
        "Where a network answers few hard problems to begin with, masks have little to lose there.",
        "Not published as a number: the bound of 0.05 is this package's.",
    ]


def _origin(config: MathematicsConfig) -> str:
    if config.data != GENERATED:
        return (
            f"Problems: the published ones in {config.data}, {config.examined:,} of each difficulty to test."
        )
    return (
        f"Problems are generated as those of the Mathematics Dataset are, {config.problems:,} of each difficulty to "
        f"train on (published: about 656,666) and {config.examined:,} to test (published: 10,000); --data reads its "
        "archive."
    )


def outline(config: MathematicsConfig) -> str:
    """How many networks and masks."""
    return (
        f"{networks(config, 'transformer', len(config.modules))} ({', '.join(config.modules)}), "
        f"{config.steps:,} steps, 2 masks each of {config.mask_steps:,}"
    )


def mathematics_study(config: MathematicsConfig, module: str, seed: int) -> MaskStudy:
    """One network on all difficulties of a module; names of its masks and views begin with the module."""
    problems = partial(module_problems, module, config.data, config.problems, config.examined, config.device)

    def build() -> EncoderDecoder:
        return TiedTransformer(
            problems().tokens, config.width, config.heads, config.feedforward, config.layers, config.dropout
        )

    def views(network: nn.Module, masks: Masks) -> Iterator[MaskedModule]:
        for each in study.views(network, masks):
            yield each if each.mask is not None else each._replace(name=f"{module}, {each.name}")

    control, easy = f"{module}, {CONTROL}", f"{module}, {EASY}"
    study = sequence_study(
        config,
        SequenceTask(
            training=lambda difficulties: problems().training[difficulties],
            test=lambda difficulty: problems().test[difficulty],
            trained=DIFFICULTIES,
            tested=DIFFICULTIES,
            pad=Vocabulary.pad,
            range="problems not trained on",
        ),
        Published(batch=PUBLISHED[module].batch, masks=MASKS, clip=0.1, teacher_forcing=1.0),
        name=f"{module}-seed-{seed}",
        seed=seed,
        build=build,
        optimizer=partial(torch.optim.Adam, lr=config.rate, betas=(0.9, 0.995), eps=1e-9, fused=True),
        masks=[MaskSpec(control, DIFFICULTIES), MaskSpec(easy, (EASY,))],
    )
    return replace(study, views=views, compared=[(control, easy)])


_PAPER = PUBLISHED["add_or_sub"]


@experiment(
    source=SOURCE,
    laptop=MathematicsConfig(
        modules=("sort",),
        width=64,
        layers=2,
        seeds=2,
        steps=8_000,
        rate=2e-3,
        mask_steps=3_000,
        mask_rate=PUBLISHED["sort"].mask_rate,
        strength=3e-4,
        eval_every=500,
        examined=1_000,
    ),
    paper={
        "modules": ("add_or_sub",),
        "data": REQUIRED,
        "problems": 656_666,
        "width": 512,
        "heads": 8,
        "feedforward": 2_048,
        "layers": 6,
        "dropout": 0.1,
        "seeds": 5,
        "steps": _PAPER.steps,
        "rate": 1e-4,
        "mask_steps": _PAPER.mask_steps,
        "mask_rate": _PAPER.mask_rate,
        "strength": _PAPER.strength,
        "eval_every": 1_000,
        "batch": _PAPER.batch,
        "examined": 10_000,
    },
    smoke={
        "modules": ("add_or_sub",),
        "problems": 60,
        "width": 8,
        "heads": 2,
        "feedforward": 16,
        "layers": 1,
        "dropout": 0.1,
        "seeds": 1,
        "steps": 4,
        "rate": 1e-4,
        "mask_steps": 2,
        "mask_rate": _PAPER.mask_rate,
        "strength": _PAPER.strength,
        "eval_every": 4,
        "batch": 16,
        "examined": 20,
    },
    findings=findings,
    notes=notes,
    outline=outline,
    summary=mask_summary,
)
def modularity_mathematics(config: MathematicsConfig) -> Iterator[Training]:
    check_heads(config.width, config.heads)
    for module in config.modules:
        for seed in range(config.seeds):
            yield mask_training(mathematics_study(config, module, seed))
