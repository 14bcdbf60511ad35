"""Weight masks: can the weights that are needed for some commands also execute other commands?"""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import cache, partial
from pathlib import Path
from typing import Any, NamedTuple

import numpy as np
import polars as pl
import torch

from extrapolate import nn
from extrapolate.experiments import lab
from extrapolate.experiments.masks import _sequences as sequences
from extrapolate.experiments.masks._config import CONTROL, MASKS, PAPER, networks_and_masks, row_labels
from extrapolate.experiments.masks._masks import Masks, MaskSpec, MaskStudy, mask_training
from extrapolate.experiments.masks._sequences import GENERATED, SequenceConfig
from extrapolate.inspect import MaskConfig
from extrapolate.inspect.masks.batched import LoopedLosses, MaskedLosses
from extrapolate.stats import student
from extrapolate.tasks.scan import SCAN_ACTIONS, SCAN_WORDS, Scan
from extrapolate.tasks.token_rows import TokenRows

PAD, END = SCAN_ACTIONS.index(""), SCAN_ACTIONS.index(".")
TOKENS = nn.Tokens(len(SCAN_WORDS), SCAN_WORDS.index(""), len(SCAN_ACTIONS), PAD, END)

#: The split whose training set has all kinds of commands, and those whose training set lacks one kind.
ALL, LACKING = "simple", ("length", "jump", "turn_left")
SPLITS = (ALL, *LACKING)


class Network(NamedTuple):
    """A kind of network, as published."""

    teacher_forcing: float  # share of batches in which the decoder gets the right previous tokens
    heads: int  # attention heads; the width is a multiple of them
    sizes: str  # the options that set the published sizes
    losses: type[MaskedLosses]  # computes the losses of a batch under several masks
    build: Callable[[int, int, float], nn.EncoderDecoder]  # build(width, layers, dropout)


NETWORKS = {
    "lstm": Network(
        teacher_forcing=0.5,
        heads=1,
        sizes="--width 200 --layers 2 --dropout 0.5 --strength 3e-5",
        losses=LoopedLosses,  # torch's LSTM cannot be mapped over masks
        build=partial(nn.LSTMEncoderDecoder, TOKENS),
    ),
    "transformer": Network(
        teacher_forcing=1.0,
        heads=4,
        sizes="--width 100 --layers 3 --dropout 0.1 --strength 6e-4",
        losses=MaskedLosses,
        build=lambda width, *rest: nn.TransformerEncoderDecoder(TOKENS, width, 4, 2 * width, *rest),
    ),
}


@cache
def split_rows(split: str, part: int, data: str, device: str) -> TokenRows:
    """Return the commands of a split: part 0 trains, part 1 tests."""
    scan = Scan(folder=None if data == GENERATED else Path(data))
    return TokenRows.of([Scan.encode(scan.split(split)[part])]).to(device)


#: The mask whose output weights are compared, its token, and the prefix of the columns of removed weights.
JUMP, TOKEN, REMOVED = "jump", "I_JUMP", "removed "


def findings(config: Any) -> Iterator[lab.Finding]:
    for split in SPLITS:
        able = lab.mean("accuracy", **row_labels("unmasked", split))
        yield lab.Finding("unmasked/{split}", able, {"split": split})
    for split in SPLITS:
        lost = lab.difference("accuracy", row_labels("unmasked", split), row_labels(CONTROL, split))
        yield lab.Finding("control/{split}", lost, {"split": split})
    for split in LACKING:
        lost = lab.difference("accuracy", row_labels(CONTROL, split), row_labels(split, split))
        yield lab.Finding("{split}-mask/{split}", lost, {"split": split})
    yield lab.Finding("jump-mask/output", jump_over_others)


def jump_over_others(results: pl.DataFrame) -> lab.Found | None:
    """Return the share of jump's output weights that the jump mask removes, minus the largest of another token."""
    rows = lab.rows_of(results, row_labels(JUMP, JUMP))
    if rows.is_empty():
        return None
    names = [each for each in rows.columns if each.startswith(REMOVED) and each != REMOVED + TOKEN]
    own, *others = (rows[each].cast(pl.Float64).to_numpy() for each in (REMOVED + TOKEN, *names))
    most = np.max(others, 0)
    return lab.Found(student(own - most), f"share removed: jump {own.mean():.2g}, the next token {most.mean():.2g}")


@dataclass(frozen=True, kw_only=True)
class ScanConfig(SequenceConfig):
    """Published: Adam at 1e-3 for weights and at 1e-2 for masks."""

    network: str = lab.name(
        "lstm", NETWORKS, "Network to train: lstm, or transformer (--width: a multiple of 4).", "network"
    )
    data: str = sequences.data_folder("SCAN's published files", "the published commands")

    def cuts(self, paper: Any) -> dict[str, str]:
        """Compare sizes only if ``paper`` has the same network."""
        same = self.network == paper.network
        return super().cuts(paper if same else replace(paper, width=self.width, layers=self.layers))


def notes(config: ScanConfig) -> list[str]:
    network = NETWORKS[config.network]
    origin = f"The published splits, from {config.data}."
    if config.data == GENERATED:
        origin = (
            "The simple split is a new random split of the published sizes; the other splits are the published ones."
        )
    return [
        "The network is trained on the simple split: four fifths of all commands, including about 80 % of the test "
        "commands of the other splits. control: the mask learned on these commands. length, jump, turn_left: masks "
        f"learned on the training commands of that split. {origin}",
        "An answer is right if greedy decoding gets every action and the end right. Masks are thresholded at "
        f"keep-probability 1/2. Each test set has up to {config.examined:,} commands. Every {config.eval_every:,} "
        "steps the weights are evaluated on up to 1,000 test commands of the simple split; the best are kept.",
        f"Weights: Adam, learning rate {config.learning_rate:g} (published: 0.001), {config.steps:,} steps "
        f"(published: 25,000), dropout {config.dropout:g}, batch {config.batch} (published: 256), gradients clipped "
        f"to norm 5. Masks: Adam, learning rate {config.mask_learning_rate:g} (published: 0.01), "
        f"{config.mask_steps:,} steps (published: 25,000), {MASKS} sampled per step, sparsity penalty β = "
        f"{config.strength:g}; embeddings and biases are not masked.",
        f"Published sizes of this network: {network.sizes}. Teacher forcing in {100 * network.teacher_forcing:g} % "
        "of the batches, for weights and masks, as published: the decoder gets the right previous tokens.",
        "The bounds of the findings (95 %, 0.05, 0.1) are ours: the paper publishes no numbers.",
    ]


def removed_outputs(masks: Masks) -> dict[str, float | None]:
    """Return, by token, the share of the control mask's output weights that the jump mask removes.

    The share is None for a token of which the control mask keeps no weight.
    """
    before, after = (masks[each]["read_out.weight"] for each in (CONTROL, JUMP))
    counts, lost = before.sum(1), (before & ~after).sum(1)
    return {
        "end" if token == END else name: float(lost[token] / counts[token]) if counts[token] else None
        for token, name in enumerate(SCAN_ACTIONS)
        if token != PAD  # it is never decoded
    }


def scan_study(config: ScanConfig, seed: int) -> MaskStudy:
    """Return the study of one network on the simple split, with one mask per split; a split is a function."""
    network = NETWORKS[config.network]
    study = sequences.sequence_study(
        config,
        seed=seed,
        build=lambda: network.build(config.width, config.layers, config.dropout),
        optimizer=partial(torch.optim.Adam, lr=config.learning_rate, fused=True),
        training=lambda splits: split_rows(*splits, 0, config.data, config.device),
        test=lambda split: split_rows(split, 1, config.data, config.device),
        trained=(ALL,),
        tested=SPLITS,
        pad=PAD,
        split="test commands",
        mask_config=MaskConfig(MASKS, config.strength / 256, config.mask_learning_rate, grad_clip=5.0, seed=seed),
        masks=[MaskSpec(CONTROL, (ALL,)), *(MaskSpec(each, (each,)) for each in LACKING)],
        teacher_forcing=network.teacher_forcing,
    )
    return replace(
        study,
        losses=network.losses,
        extra_columns=lambda masks: {REMOVED + token: share for token, share in removed_outputs(masks).items()},
        compared=[(CONTROL, each) for each in LACKING],
        lines=lambda masks: [("removed", JUMP, *pair) for pair in removed_outputs(masks).items()],
    )


@lab.experiment(
    papers=["2010.02066"],
    laptop=ScanConfig(
        seeds=2,
        steps=5_000,
        learning_rate=3e-3,
        mask_steps=2_500,
        mask_learning_rate=3e-2,
        strength=3e-4,
        eval_every=500,
        batch=64,
    ),
    paper=PAPER
    | {
        "data": lab.REQUIRED,
        "width": 200,
        "layers": 2,
        "dropout": 0.5,
        "steps": 25_000,
        "learning_rate": 1e-3,
        "mask_steps": 25_000,
        "mask_learning_rate": 1e-2,
        "strength": 3e-5,
        "batch": 256,
    },
    smoke=sequences.SMOKE | {"learning_rate": 1e-3, "mask_learning_rate": 1e-2, "strength": 3e-5},
    findings=findings,
    notes=notes,
    outline=lambda config: networks_and_masks(config, 4, f"{config.network} network"),
    means=["accuracy", "kept_share"],
)
def modularity_scan(config: ScanConfig) -> Iterator[lab.Training]:
    lab.require(config.data, "--data DIR with SCAN's published files")
    sequences.check_heads(config.width, NETWORKS[config.network].heads)
    for split in SPLITS if config.data != GENERATED else ():
        split_rows(
            split, 1, config.data, config.device
        )  # fail now, not after hours of training, if a file is missing
    for seed in range(config.seeds):
        yield mask_training(scan_study(config, seed))
