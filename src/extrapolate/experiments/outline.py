"""How a run is said in a line."""

import math
from collections.abc import Mapping


def counted(count: int, noun: str) -> str:
    """``3 seeds``, ``1 seed``; of ``kind of image`` the first word: ``2 kinds of image``."""
    first, space, rest = noun.partition(" of ")
    return f"{count:,} {first}{'' if count == 1 else 's'}{space}{rest}"


def models_of(counts: Mapping[str, int], steps: int) -> str:
    """``2 units × 9 ranges × 25 seeds = 450 models of 50,000 steps``, from how many there are of each."""
    factors = " × ".join(counted(count, noun) for noun, count in counts.items())
    return f"{factors} = {counted(math.prod(counts.values()), 'model')} of {steps:,} steps"
