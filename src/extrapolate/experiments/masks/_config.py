"""Options of the experiments on masks, and the labels of their rows."""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from extrapolate._runtime.errors import UserError
from extrapolate.experiments import lab
from extrapolate.experiments.options import Option, at_least

#: Masks sampled per step; each gets an equal part of the batch.
MASKS = 4

#: Name of the mask learned on all functions. Its accuracy shows what pruning alone costs.
CONTROL = "control"

#: Accuracy from which a network counts as having learned a task.
ABLE = 0.95


def batch(default: int, masks: int) -> Any:
    """An option: examples per step. Each of the ``masks`` sampled per step gets an equal part."""

    def read(text: str) -> int:
        value = at_least(masks)(text)
        if value % masks:
            raise UserError(f"{value} does not divide into {masks} equal parts: give a multiple of {masks}")
        return value

    help = f"Examples per step; a multiple of {masks}, the number of masks sampled per step."
    option = Option(help, read, str, "N", lab.fewer("examples per step"))
    return field(default=default, metadata={"option": option})


def widths(default: Sequence[int], what: str = "Sizes of the hidden layers") -> Any:
    """An option: one size per layer, in order; its help begins with ``what``."""

    def cut(own: Sequence[int], paper: Sequence[int]) -> str | None:
        if sum(own) >= sum(paper):
            return None
        joined = ["-".join(map(str, sizes)) for sizes in (own, paper)]
        return f"{what[0].lower()}{what[1:]} {joined[0]} instead of {joined[1]}"

    return lab.sizes(default, f"{what}, separated by commas.", cut=cut)


@dataclass(frozen=True, kw_only=True)
class StudyConfig(lab.Config):
    """Weights and masks are trained with Adam; four masks are sampled per step."""

    seeds: int = lab.integer(2, "Number of networks; their seeds are 0, 1, 2, ...", cut=lab.fewer("seeds"))
    steps: int = lab.integer(20_000, "Training steps of each network's weights.", cut=lab.fewer("steps"))
    mask_steps: int = lab.integer(20_000, "Training steps of each mask.", cut=lab.fewer("steps of each mask"))
    strength: float = lab.real(1e-4, "Sparsity penalty of the masks (β).", least=0, below=1)
    eval_every: int = lab.integer(1_000, "Steps between two evaluations of the weights.")
    batch: int = batch(128, MASKS)
    compile: bool = False  # a single network of wide layers: there is nothing to fuse


#: The paper's values for dense networks and image classifiers.
PAPER = {"seeds": 10, "steps": 20_000, "mask_steps": 20_000, "eval_every": 1_000}


def networks_and_masks(config: StudyConfig, masks: int, kind: str = "network") -> str:
    """Return an outline: ``2 networks of 10,000 steps, and 3 masks of 20,000 steps for each network``."""
    networks = lab.count_of(config.seeds, kind)
    return f"{networks} of {config.steps:,} steps, and {masks} masks of {config.mask_steps:,} steps for each network"


def row_labels(view: str, task: str) -> Mapping[str, Any]:
    """Return the labels of the rows of a network under a mask (or "unmasked") that is evaluated on a task."""
    return {"model": view, "task": task}
