"""Weight masks: can the weights that are needed for easy problems also solve hard problems?"""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import lru_cache, partial
from pathlib import Path

import polars as pl
import torch

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.experiments.masks import _sequences as sequences
from extrapolate.experiments.masks._config import CONTROL, batch, networks_and_masks, row_labels
from extrapolate.experiments.masks._masks import MaskSpec, MaskStudy, mask_training, unmasked_and_under
from extrapolate.experiments.masks._sequences import GENERATED, SequenceConfig
from extrapolate.inspect import MaskConfig
from extrapolate.stats import student
from extrapolate.tasks.mathematics import DIFFICULTIES, MODULES, Generated, Mathematics, Official, Vocabulary
from extrapolate.tasks.token_rows import TokenRows

EASY, HARD = DIFFICULTIES[0], DIFFICULTIES[-1]

#: Masks sampled per step, as published.
MASKS = 8

#: Published by module: the batch, by which β is divided; then the steps of weights and masks, β, and the learning
#: rate of the masks.
PUBLISHED = {
    "add_or_sub": (256, "30,000 and 30,000 steps, β = 2e-05, masks at 0.03"),
    "linear_1d": (512, "200,000 and 50,000 steps, β = 1e-06, masks at 0.02"),
    "differentiate": (128, "40,000 and 40,000 steps, β = 1e-05, masks at 0.03"),
    "sort": (256, "30,000 and 30,000 steps, β = 3e-06, masks at 0.03"),
    "collect": (128, "200,000 and 50,000 steps, β = 1e-06, masks at 0.02"),
}


@dataclass(frozen=True, kw_only=True)
class MathematicsConfig(SequenceConfig):
    """Each module trains its own networks. ``strength`` is divided by the module's published batch."""

    modules: tuple[str, ...] = lab.names(MODULES, "Modules of the Mathematics Dataset to train on", "module")
    data: str = sequences.data_folder("the unpacked archive of the Mathematics Dataset", "the published problems")
    problems: int = lab.integer(
        40_000, "Generated training problems of each difficulty.", cut=lab.fewer("problems of each difficulty")
    )
    heads: int = lab.integer(4, "Attention heads; --width must be a multiple of this number.")
    feedforward: int = lab.integer(128, "Width of the feed-forward layers.", cut=lab.fewer("feed-forward units"))
    batch: int = batch(32, MASKS)


@lru_cache(maxsize=2)
def problems_of(module: str, data: str, count: int, examined: int, device: str) -> Mathematics:
    """Return the problems of a module, generated or from the folder ``data``."""
    source = Generated(count, examined) if data == GENERATED else Official(Path(data), examined)
    return Mathematics.of(source.split(module)).to(device)


def findings(config: MathematicsConfig) -> Iterator[lab.Finding]:
    for module in config.modules:
        words = {"module": module}
        yield lab.Finding("{module}/unmasked-over-control", on_hard(module, "unmasked", CONTROL), words)
        yield lab.Finding("{module}/control-over-easy", on_hard(module, CONTROL, EASY), words)
        masks = row_labels(f"{module}, unmasked", EASY), row_labels(f"{module}, {EASY}", EASY)
        yield lab.Finding("{module}/easy-mask/easy", lab.difference("accuracy", *masks), words)


def on_hard(module: str, more: str, less: str) -> lab.Measure:
    """Measure the accuracy on hard problems of a module: one view of the network minus another."""

    def measure(results: pl.DataFrame) -> lab.Found | None:
        views = ("unmasked", CONTROL, EASY)
        rows = {each: lab.rows_of(results, row_labels(f"{module}, {each}", HARD)) for each in views}
        found = {each: own["accuracy"].to_numpy() for each, own in rows.items()}
        if not len(found[more]):
            return None
        note = "accuracy: " + ", ".join(f"{values.mean():.2g} {view}" for view, values in found.items())
        return lab.Found(student(found[more] - found[less]), note)

    return measure


def notes(config: MathematicsConfig) -> list[str]:
    of_modules = {name: PUBLISHED[name] for name in config.modules}
    published = "; ".join(f"{name}: batch {batch}, {rest}" for name, (batch, rest) in of_modules.items())
    origin = f"the published ones in {config.data}"
    if config.data == GENERATED:
        origin = f"generated, {config.problems:,} of each difficulty (published: about 656,666)"
    return [
        "Every network is trained on the easy, medium and hard problems of one module. control: the mask learned on "
        "all of them. easy: the mask learned on the easy problems alone. An answer is right if greedy decoding gets "
        "every character and the end right. Masks are thresholded at keep-probability 1/2.",
        f"Problems: {origin}; {config.examined:,} test problems of each difficulty (published: 10,000). If a network "
        "solves few hard problems, masks can lose little there.",
        f"Weights: Adam, learning rate {config.learning_rate:g} (published: 0.0001), batch {config.batch}, "
        f"{config.steps:,} steps, dropout {config.dropout:g}, gradients clipped to norm 0.1. Every "
        f"{config.eval_every:,} steps the weights are evaluated on up to 1,000 test problems; the best are kept. "
        f"Masks: Adam, learning rate {config.mask_learning_rate:g}, {config.mask_steps:,} steps, {MASKS} sampled per "
        f"step, sparsity penalty β = {config.strength:g}. Embeddings, which also compute the logits, and biases are "
        "not masked.",
        "Published: width 512, 8 heads, feed-forward width 2,048, 6 layers in the encoder and 6 in the decoder, "
        f"dropout 0.1; here {config.width}, {config.heads}, {config.feedforward:,}, {config.layers}. Published for "
        f"{published}.",
        "The bound of 0.05 is ours: the paper publishes no number.",
    ]


def mathematics_study(config: MathematicsConfig, module: str, seed: int) -> MaskStudy:
    """Return the study of one network on all difficulties; names of its masks and views begin with the module."""
    problems = partial(problems_of, module, config.data, config.problems, config.examined, config.device)

    def build() -> nn.TiedTransformerEncoderDecoder:
        size, pad = problems().vocabulary.size, Vocabulary.pad
        sizes = config.width, config.heads, config.feedforward, config.layers, config.dropout
        return nn.TiedTransformerEncoderDecoder(nn.Tokens(size, pad, size, pad, Vocabulary.end), *sizes)

    def training(difficulties: tuple[str, ...]) -> TokenRows:
        rows = problems().training
        return rows if difficulties == DIFFICULTIES else rows.first(problems().easy)

    control, easy = f"{module}, {CONTROL}", f"{module}, {EASY}"
    penalty = config.strength / PUBLISHED[module][0]
    study = sequences.sequence_study(
        config,
        seed=seed,
        build=build,
        optimizer=partial(torch.optim.Adam, lr=config.learning_rate, betas=(0.9, 0.995), eps=1e-9, fused=True),
        training=training,
        test=lambda difficulty: problems().test[difficulty],
        trained=DIFFICULTIES,
        tested=DIFFICULTIES,
        pad=Vocabulary.pad,
        split="test problems",
        mask_config=MaskConfig(MASKS, penalty, config.mask_learning_rate, grad_clip=0.1, seed=seed),
        masks=[MaskSpec(control, DIFFICULTIES), MaskSpec(easy, (EASY,))],
    )
    unmasked = f"{module}, unmasked"
    return replace(
        study,
        name=f"{module}-seed",
        views=lambda network, masks: unmasked_and_under(network.to(config.device), masks, unmasked),
        compared=[(control, easy)],
    )


@lab.experiment(
    papers=["2010.02066"],
    laptop=MathematicsConfig(
        modules=("sort",),
        width=64,
        layers=2,
        seeds=2,
        steps=8_000,
        learning_rate=2e-3,
        mask_steps=3_000,
        mask_learning_rate=3e-2,
        strength=3e-4,
        eval_every=500,
        examined=1_000,
    ),
    paper={
        "modules": ("add_or_sub",),
        "data": lab.REQUIRED,
        "problems": 656_666,
        "width": 512,
        "heads": 8,
        "feedforward": 2_048,
        "layers": 6,
        "dropout": 0.1,
        "seeds": 5,
        "steps": 30_000,
        "learning_rate": 1e-4,
        "mask_steps": 30_000,
        "strength": 2e-5,
        "eval_every": 1_000,
        "batch": 256,
        "examined": 10_000,
    },
    smoke={
        **sequences.SMOKE,
        "modules": ("add_or_sub",),
        "problems": 60,
        "heads": 2,
        "feedforward": 16,
        "dropout": 0.1,
        "learning_rate": 1e-4,
        "strength": 2e-5,
    },
    findings=findings,
    notes=notes,
    outline=lambda config: (
        f"{networks_and_masks(config, 2, 'transformer')}, for each module: {', '.join(config.modules)}"
    ),
    means=["accuracy", "kept_share"],
)
def modularity_mathematics(config: MathematicsConfig) -> Iterator[lab.Training]:
    lab.require(config.data, "--data DIR with the unpacked archive of the Mathematics Dataset")
    sequences.check_heads(config.width, config.heads)
    for module in config.modules:
        for seed in range(config.seeds):
            yield mask_training(mathematics_study(config, module, seed))
