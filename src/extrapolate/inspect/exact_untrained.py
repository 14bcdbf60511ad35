"""Whether weights are nearer to exact values than those of an untrained module."""

import copy
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from extrapolate.inspect.exact_units import Layer, WeightDistance, snap

#: How many fresh weights are drawn per layer, in how many initialisations at least and at most.
FRESH_WEIGHTS, FEWEST, MOST = 5000, 10, 300

#: The probability of being nearer than the nearest fresh weights is interpolated from this many of them.
NEAREST = 10


@dataclass(frozen=True)
class UntrainedChance:
    """How probable it is that an untrained module is as near to exact as this one.

    Attributes:
        chance: probability that all weights of an untrained module (same kind, shape and default
            initialisation) are at most as far from exact values as the furthest weight of this module.
        allowed: the largest ``chance`` of a module that counts as exact.
    """

    chance: float
    allowed: float

    @property
    def unlikely(self) -> bool:
        return self.chance <= self.allowed

    def words(self) -> str:
        probability = f"{self.chance:.1e}" if self.chance >= 1e-12 else "below 1e-12"
        return f"the probability that an untrained module is as near is {probability} ({self.allowed:g} is allowed)"


def estimate_untrained_chance(
    layers: Sequence[Layer], *, tolerance: float, allowed: float, seed: int
) -> UntrainedChance:
    """Estimate the chance that untrained ``layers`` are as near to exact.

    Nearness is a weight's distance over the distance its exact value allows. Fresh initialisations give the
    probability that one weight of a parameter is as near as the furthest of the given weights; weights count
    as independent. A layer without ``reset_parameters`` gives no evidence: its probability is 1.
    """
    once = {id(layer.module): layer for layer in layers}.values()  # a layer that is used twice counts once
    nearness = max((_nearness(weight) for layer in once for weight in layer.snapped.distances), default=0.0)
    logarithm = 0.0
    with torch.random.fork_rng(devices=[]):
        torch.default_generator.manual_seed(seed)
        for layer in once:
            weights = layer.snapped.distances
            fresh = _fresh_nearness(layer.module, tolerance, len(weights))
            for parameter, count in Counter(map(_parameter, weights)).items():
                logarithm += count * math.log(max(_probability(fresh.get(parameter), nearness), 1e-300))
    return UntrainedChance(math.exp(logarithm), allowed)


def _fresh_nearness(layer: nn.Module, tolerance: float, size: int) -> dict[str, torch.Tensor]:
    """Of each parameter the nearness of many fresh weights, in rising order."""
    layer = copy.deepcopy(layer)
    reset = getattr(layer, "reset_parameters", None)
    drawn = defaultdict(list)
    if reset is not None and size:
        for _ in range(min(max(FRESH_WEIGHTS // size, FEWEST), MOST)):
            reset()
            for weight in snap(layer, tolerance).distances:
                drawn[_parameter(weight)].append(_nearness(weight))
    return {name: torch.tensor(values).sort().values for name, values in drawn.items()}


def _probability(fresh: torch.Tensor | None, nearness: float) -> float:
    """Share of ``fresh`` at most ``nearness``; below the tenth nearest, proportional to the nearness."""
    if fresh is None:
        return 1.0
    nearer = int((fresh <= nearness).sum())
    rank = min(NEAREST, len(fresh))
    if nearer >= rank:
        return nearer / len(fresh)
    return max(nearer, rank * nearness / float(fresh[rank - 1])) / len(fresh)


def _nearness(weight: WeightDistance) -> float:
    return weight.distance / weight.allowed


def _parameter(weight: WeightDistance) -> str:
    return weight.name.split("[")[0]
