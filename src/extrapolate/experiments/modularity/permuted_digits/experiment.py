"""The experiment: what the runner and the command need to know of masks over a chain of tasks."""

from collections.abc import Sequence

import polars as pl

from extrapolate.experiments.findings import Claim
from extrapolate.experiments.modularity.experiment import MaskExperiment
from extrapolate.experiments.modularity.permuted_digits.claims import claims
from extrapolate.experiments.modularity.permuted_digits.part import ChainPart
from extrapolate.experiments.modularity.permuted_digits.settings import (
    MASKS,
    PRESETS,
    STARTS,
    PermutedDigitsSettings,
)
from extrapolate.experiments.modularity.subject import ABLE
from extrapolate.experiments.old import Part


class ModularityPermutedDigits(MaskExperiment):
    """Whether a network that learns one task after another uses the weights of the tasks before again."""

    name = "modularity-permuted-digits"
    title = "Weight masks: does a new task use the weights of the tasks before it again"
    presets = PRESETS

    def outline(self, settings: PermutedDigitsSettings) -> str:
        networks = settings.seeds * len(settings.starts)
        sizes = "-".join(map(str, settings.hidden))
        plural = "s" if networks > 1 else ""
        return f"{networks} network{plural} {sizes}, {settings.tasks} tasks each of {settings.steps:,} steps"

    def parts(self, settings: PermutedDigitsSettings) -> Sequence[Part]:
        return [
            ChainPart(start, seed, settings) for start in settings.starts for seed in range(settings.seeds)
        ]

    def notes(self, settings: PermutedDigitsSettings) -> list[str]:
        starts = ", ".join(f"{STARTS[start]:g} ({start})" for start in settings.starts)
        return [
            f"Handwritten digits ({settings.data}); task 1 has their pixels in order, task p + 1 in the order that "
            "numpy's RandomState(p) gives. Test images are never trained on; accuracies are with the mask cut at "
            "keep-probability 1/2, after the last task.",
            "Before a task, the weights that no mask before has kept are drawn anew; the kept ones are frozen. "
            "Every task has a first layer of its own, since another order gives its inputs another meaning; the "
            "published network has one, which is drawn anew for every task, so that what came before is lost.",
            f"Weights and logits: one Adam, rate 1e-2, batch {settings.batch}, gradients of norm 1 at most, {MASKS} "
            f"masks drawn a step, strength β = {settings.strength:g}; biases are masked too. First logits: 2 in the "
            f"first task and for kept weights, for the others {starts}.",
            "share: of the weights that a task's mask keeps, how many an earlier mask kept too, in the matrices "
            "of layers 2, 3, ...; old: how many of all weights there an earlier mask kept, which is what a "
            "mask that chose blindly would share.",
            f"A task counts as solved from {100 * ABLE:g} % of right answers on: more than the nearest mean image "
            "gives (90 % of scikit-learn's digits, 82 % of MNIST's), less than the nearest image does (99 %, 97 %), "
            "in any order of the pixels.",
            *_differences(settings),
        ]

    def claims(self, results: pl.DataFrame, settings: PermutedDigitsSettings) -> list[Claim]:
        return claims(results, settings)


def _differences(settings: PermutedDigitsSettings) -> list[str]:
    """What is smaller here than what was published."""
    paper = PRESETS["paper"]
    found = []
    if settings.data == paper.data:
        found.append("images of 8 × 8 pixels, 1,257 of them for training, instead of MNIST's (--data)")
    if settings.hidden != paper.hidden:
        sizes = ("-".join(map(str, each.hidden)) for each in (settings, paper))
        found.append("hidden layers of {} instead of {}".format(*sizes))
    for name in ("tasks", "steps", "seeds"):
        own, published = getattr(settings, name), getattr(paper, name)
        if own != published:
            found.append(f"{own:,} instead of {published:,} {name}")
    return [f"Unlike the published: {'; '.join(found)}."] if found else []


MODULARITY_PERMUTED_DIGITS = ModularityPermutedDigits()
