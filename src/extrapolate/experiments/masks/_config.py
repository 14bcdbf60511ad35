"""The options of the experiments on masks, their source, and what their findings share."""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from functools import partial
from typing import Any

import numpy as np
import polars as pl

from extrapolate.errors import UserError
from extrapolate.experiments.config import Config, fewer, number, real, sizes
from extrapolate.experiments.findings import Finding, at_least, mean
from extrapolate.experiments.options import Cut, Option
from extrapolate.experiments.options import at_least as whole_number
from extrapolate.experiments.summary import means

SOURCE = "Csordás, van Steenkiste & Schmidhuber, Are Neural Nets Modular? (arXiv 2010.02066, ICLR 2021)"

#: What a finding of it has in place of a number.
IN_WORDS = "arXiv 2010.02066, in words"

#: Masks drawn per step; each gets an equal part of the batch.
MASKS = 4

#: The mask learned on all functions: it shows what pruning alone costs.
CONTROL = "control"

#: Accuracy above which a network counts as able to do what it is asked.
ABLE = 0.95

#: The least number above 0, for findings that a mean is above 0.
POSITIVE = float(np.nextafter(0, 1))


def batch(default: int, masks: int) -> Any:
    """Examples per step, of which each of the ``masks`` drawn per step gets an equal part."""

    def read(text: str) -> int:
        value = whole_number(masks)(text)
        if value % masks:
            raise UserError(
                f"{value} cannot be cut into equal parts for {masks} masks: give a multiple of {masks}"
            )
        return value

    help = f"Examples per step; a multiple of {masks}, the number of masks drawn per step."
    return field(
        default=default, metadata={"option": Option(help, read, str, "N", fewer("examples per step"))}
    )


def widths(default: Sequence[int], what: str = "Sizes of the hidden layers") -> Any:
    """Numbers in the order of the layers; ``what`` they are, in the help."""
    return sizes(default, f"{what}, separated by commas.", cut=_narrower(what))


def _narrower(what: str) -> Cut:
    def cut(own: Sequence[int], paper: Sequence[int]) -> str | None:
        if sum(own) >= sum(paper):
            return None
        return f"{what[0].lower()}{what[1:]} {written_sizes(own)} instead of {written_sizes(paper)}"

    return cut


def written_sizes(values: Sequence[int]) -> str:
    """``400-400-200``."""
    return "-".join(map(str, values))


@dataclass(frozen=True, kw_only=True)
class MaskConfig(Config):
    """Weights and masks are trained by Adam; four masks are drawn per step."""

    seeds: int = number(2, "Number of networks; their seeds are 0, 1, 2, ...", cut=fewer("seeds"))
    steps: int = number(20_000, "Training steps of each network's weights.", cut=fewer("steps"))
    mask_steps: int = number(20_000, "Training steps of each mask.", cut=fewer("steps of each mask"))
    strength: float = real(1e-4, "Sparsity penalty of the masks (β).", least=0, below=1)
    eval_every: int = number(1_000, "Steps between two evaluations of the weights.")
    batch: int = batch(128, MASKS)
    compile: bool = False  # a single network of wide layers: there is nothing to fuse


# ------------------------------------------------------------------------------------------------ summary, findings

#: The summary of the results: means over the networks.
mask_summary = partial(means, columns=("accuracy", "kept_share"))


def asked(view: str, operation: str) -> Mapping[str, Any]:
    """The labels of the rows of a network under a mask (or "unmasked") and of what it was asked."""
    return {"unit": view, "operation": operation}


def accuracy(rows: pl.DataFrame) -> np.ndarray:
    """The accuracy of each network."""
    return rows["accuracy"].to_numpy()


def control_costs_little(functions: Sequence[str], least: float, start: str = "") -> Iterator[Finding]:
    """That the mask learned on everything keeps every function; names of masks begin with ``start``."""
    for each in functions:
        yield Finding(
            f"{start}control/{each}".replace(", ", "-"),
            f"the mask learned on everything costs little ({start}accuracy on {each}, at least {100 * least:g} %)",
            IN_WORDS,
            mean("accuracy", **asked(f"{start}{CONTROL}", each)),
            at_least(least),
        )
