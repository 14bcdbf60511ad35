"""Weight masks: do the weights that some commands need carry out others."""

from collections.abc import Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch

from extrapolate.experiments.config import name
from extrapolate.experiments.experiment import experiment
from extrapolate.experiments.findings import Finding, Found, at_least, at_most, difference, mean, rows_of
from extrapolate.experiments.masks._config import (
    CONTROL,
    IN_WORDS,
    POSITIVE,
    SOURCE,
    asked,
    mask_summary,
)
from extrapolate.experiments.masks._masks import Masks, MaskSpec, MaskStudy, mask_training
from extrapolate.experiments.masks._scan import ALL, HEADS, LACKING, NETWORKS, TOKENS, scan_task
from extrapolate.experiments.masks._sequences import SequenceConfig, check_heads, networks, sequence_study
from extrapolate.experiments.masks._tables import Line
from extrapolate.experiments.training import Training
from extrapolate.inspect import Mask
from extrapolate.stats import student
from extrapolate.tasks.scan import SCAN_ACTIONS


@dataclass(frozen=True, kw_only=True)
class ScanConfig(SequenceConfig):
    """Published: Adam at 1e-3 for weights, at 1e-2 for masks."""

    network: str = name(
        "lstm", NETWORKS, f"Network: lstm, or transformer (its width is a multiple of {HEADS}).", "network"
    )

    def cuts(self, paper: Any) -> dict[str, str]:
        """Sizes are compared only where ``paper`` has the same network."""
        same = self.network == paper.network
        return super().cuts(paper if same else replace(paper, width=self.width, layers=self.layers))


# -------------------------------------------------------------------------------------------------------- findings

#: Accuracies: of a network that has learned a split (at least), what a mask may cost (at most), and what a mask that
#: lacks weights loses (at least).
LEARNED, LITTLE, CLEARLY = 0.95, 0.05, 0.1

#: The mask whose output weights are looked at, its token, and how the columns of the removed weights begin.
JUMP, TOKEN, REMOVED = "jump", "I_JUMP", "removed "


def findings(config: ScanConfig) -> Iterator[Finding]:
    """The findings over all networks that were run, by their means."""
    for split in (ALL, *LACKING):
        yield Finding(
            f"unmasked/{split}",
            f"trained on the simple split, a network solves the test commands of {split} (accuracy, at least 95 %)",
            IN_WORDS,
            mean("accuracy", **asked("unmasked", split)),
            at_least(LEARNED),
        )
    for split in (ALL, *LACKING):
        yield Finding(
            f"control/{split}",
            f"the mask learned on the simple split costs little (accuracy on {split}, unmasked less control, at most "
            "0.05)",
            IN_WORDS,
            difference("accuracy", asked("unmasked", split), asked(CONTROL, split)),
            at_most(LITTLE),
        )
    for split in LACKING:
        yield Finding(
            f"{split}-mask/{split}",
            f"a mask learned on the training commands of {split} lacks weights that its test commands need "
            "(accuracy, control less its own mask, at least 0.1)",
            IN_WORDS,
            difference("accuracy", asked(CONTROL, split), asked(split, split)),
            at_least(CLEARLY),
        )
    yield Finding(
        "jump-mask/output",
        "of all tokens' output weights, the jump mask removes most of those of jump (measured: their share less the "
        "largest share of another token, above 0)",
        IN_WORDS,
        jump_over_others,
        at_least(POSITIVE),
    )


def jump_over_others(results: pl.DataFrame) -> Found | None:
    """What the jump mask removes of jump's output weights, less the most that it removes of another token's."""
    rows = rows_of(results, asked(JUMP, JUMP))
    if rows.is_empty():
        return None
    names = [each for each in rows.columns if each.startswith(REMOVED) and each != REMOVED + TOKEN]
    own, *others = (rows[each].cast(pl.Float64).to_numpy() for each in (REMOVED + TOKEN, *names))
    most = np.max(others, 0)
    return Found(student(own - most), f"{own.mean():.2g} of jump's, {most.mean():.2g} of another's")


# ------------------------------------------------------------------------------------------------------ experiment


def notes(config: ScanConfig) -> list[str]:
    """How the networks and masks were trained and evaluated."""
    network = NETWORKS[config.network]
    return [
        "The network is trained on the simple split, a random four fifths of all commands: about 80 % of the test "
        "commands of the other splits are in there. control: the mask learned on these commands; length, jump, "
        "turn_left: on the training commands of that split. An answer is right with every action and its end, "
        "decoded greedily, with the mask cut at keep-probability 1/2.",
        f"Each test set has up to {config.examined:,} commands. Every {config.eval_every:,} steps the weights are "
        "evaluated on up to 1,000 test commands of the simple split; the best are kept.",
        f"Weights: Adam, rate {config.rate:g} (published: 0.001), {config.steps:,} steps (published: 25,000), "
        f"dropout {config.dropout:g}, batch {config.batch} (published: 256), gradients of norm 5 at most.",
        f"Masks: Adam, rate {config.mask_rate:g} (published: 0.01), {config.mask_steps:,} steps (published: "
        f"25,000), four drawn per step, strength β = {config.strength:g}; embeddings and biases are not masked.",
        f"Published sizes of this network: {network.sizes}. The decoder gets the right tokens before in "
        f"{100 * network.published.teacher_forcing:g} % of the batches, of weights and masks alike, as published.",
        "The simple split is a random one of the published sizes, the same for all networks.",
        "Not published as numbers: the bounds of the findings (95 %, 0.05, 0.1) are this package's.",
    ]


def outline(config: ScanConfig) -> str:
    """How many networks and masks."""
    kind = NETWORKS[config.network].title
    return f"{networks(config, kind)}, {config.steps:,} steps, 4 masks each of {config.mask_steps:,}"


def removed_outputs(control: Mask, mask: Mask) -> dict[str, float | None]:
    """By output token, the share of its output weights in ``control`` that are not in ``mask``; None of none."""
    before, after = control["read_out.weight"], mask["read_out.weight"]
    counts, lost = before.sum(1), (before & ~after).sum(1)
    # the padding is never decoded
    return {
        "end" if token == TOKENS.end else SCAN_ACTIONS[token]: (
            float(lost[token] / counts[token]) if counts[token] else None
        )
        for token in range(TOKENS.target)
        if token != TOKENS.pad
    }


def removed_columns(masks: Masks) -> dict[str, Any]:
    """By token, the share of the control mask's output weights that the jump mask removes."""
    shares = removed_outputs(masks[CONTROL], masks[JUMP])
    return {REMOVED + token: share for token, share in shares.items()}


def removed_lines(masks: Masks) -> list[Line]:
    """The same for the page."""
    shares = removed_outputs(masks[CONTROL], masks[JUMP])
    return [("removed", JUMP, token, share) for token, share in shares.items()]


def scan_study(config: ScanConfig, seed: int) -> MaskStudy:
    """One network on the simple split; a mask of that split, and one of each other."""
    network = NETWORKS[config.network]
    study = sequence_study(
        config,
        scan_task(config.device),
        network.published,
        name=f"seed-{seed}",
        seed=seed,
        build=partial(network.build, config.width, config.layers, config.dropout),
        optimizer=partial(torch.optim.Adam, lr=config.rate, fused=True),
        masks=[MaskSpec(CONTROL, (ALL,)), *(MaskSpec(each, (each,)) for each in LACKING)],
    )
    return replace(
        study,
        losses=network.losses,
        further=removed_columns,
        compared=[(CONTROL, each) for each in LACKING],
        lines=removed_lines,
    )


@experiment(
    source=SOURCE,
    laptop=ScanConfig(
        width=128,
        layers=1,
        seeds=2,
        steps=5_000,
        rate=3e-3,
        mask_steps=2_500,
        mask_rate=3e-2,
        strength=3e-4,
        eval_every=500,
        batch=64,
    ),
    paper={
        "width": 200,
        "layers": 2,
        "dropout": 0.5,
        "seeds": 10,
        "steps": 25_000,
        "rate": 1e-3,
        "mask_steps": 25_000,
        "mask_rate": 1e-2,
        "strength": 3e-5,
        "eval_every": 1_000,
        "batch": 256,
    },
    smoke={
        "width": 8,
        "layers": 1,
        "seeds": 1,
        "steps": 4,
        "rate": 1e-3,
        "mask_steps": 2,
        "mask_rate": 1e-2,
        "strength": 3e-5,
        "eval_every": 4,
        "batch": 16,
        "examined": 20,
    },
    findings=findings,
    notes=notes,
    outline=outline,
    summary=mask_summary,
)
def modularity_scan(config: ScanConfig) -> Iterator[Training]:
    check_heads(config.width, NETWORKS[config.network].heads)
    for seed in range(config.seeds):
        yield mask_training(scan_study(config, seed))
