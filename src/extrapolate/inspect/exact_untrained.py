"""Test whether weights are nearer to exact values than those of an untrained module."""

import copy
import math
from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass

import torch
from torch import nn

from extrapolate.inspect.exact_units import Layer, WeightDistance, snap

#: Untrained weights sampled per layer, and the smallest and largest number of initialisations for them.
FRESH_WEIGHTS, FEWEST, MOST = 5000, 10, 300

#: The probability of a smaller nearness than these nearest untrained weights is interpolated.
NEAREST = 10


@dataclass(frozen=True)
class UntrainedChance:
    """Probability that an untrained module is as near to exact values as this one.

    Attributes:
        chance: probability that every weight of an untrained module is at most as far from an exact value as the
            furthest weight of this module. The kind, shape and default initialisation are the same.
        allowed: the largest ``chance`` of a module that counts as exact.
    """

    chance: float
    allowed: float

    @property
    def unlikely(self) -> bool:
        return self.chance <= self.allowed

    def words(self) -> str:
        probability = f"{self.chance:.1e}" if self.chance >= 1e-12 else "below 1e-12"
        return f"the probability that an untrained module is as near is {probability} (allowed: {self.allowed:g})"


def estimate_untrained_chance(
    layers: Sequence[Layer], *, tolerance: float, allowed: float, seed: int
) -> UntrainedChance:
    """Estimate the probability that untrained ``layers`` are as near to exact values.

    The nearness of a weight is its distance divided by the allowed distance. New initialisations estimate the
    probability that one weight of a parameter is as near as the furthest weight of ``layers``. Weights count as
    independent. A layer without ``reset_parameters`` is no evidence: its probability is 1.
    """
    once = {id(layer.module): layer for layer in layers}.values()  # a repeated layer counts once
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
    """Return, by parameter, the nearness of many untrained weights in ascending order."""
    layer = copy.deepcopy(layer)
    reset = getattr(layer, "reset_parameters", None)
    samples = defaultdict(list)
    if reset is not None and size:
        for _ in range(min(max(FRESH_WEIGHTS // size, FEWEST), MOST)):
            reset()
            for weight in snap(layer, tolerance).distances:
                samples[_parameter(weight)].append(_nearness(weight))
    return {name: torch.tensor(values).sort().values for name, values in samples.items()}


def _probability(fresh: torch.Tensor | None, nearness: float) -> float:
    """Return the share of ``fresh`` that is at most ``nearness``, interpolated below the tenth smallest value."""
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
