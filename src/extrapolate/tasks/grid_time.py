"""A grid world in which the agent must reach its destination at a given time, and not before."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

#: What an agent can do, as steps down and to the right: stay, up, down, left, right.
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class Episodes:
    """Episodes side by side, each a tensor (...); places are numbered row by row.

    Attributes:
        agent, destination: where they are, int64.
        time: the step at which the agent must arrive, int64.
        step: steps taken, int64.
        over: bool; nothing changes any more.
    """

    agent: Tensor
    destination: Tensor
    time: Tensor
    step: Tensor
    over: Tensor


@dataclass(frozen=True)
class GridTime:
    """The time-tracking grid world of Trask et al. 2018, section 4.5.

    Agent and destination lie at two places of a grid, and an episode names a time T. A step stays or moves one
    place; against the edge it stays. The episode ends when the agent first stands on its destination, or after T
    steps: the reward is 1 if that is the arrival and its step is T, otherwise 0. With the destination two places
    away and T = 5, waiting three steps and then walking gives 1; walking at once ends the episode with 0.

    Every pair of places that are apart, and no further than T steps, is equally likely; every T of ``times`` is.
    Published: 5 × 5 places, T from 5 to 12 in training, larger ones at test.

    Args:
        side: places on a side, 2 at least.
        times: the least and the greatest T.
    """

    side: int = 5
    times: tuple[int, int] = (5, 12)

    #: The share of episodes above which it counts as learned.
    threshold = 0.9

    def __post_init__(self) -> None:
        low, high = self.times
        if self.side < 2 or not 1 <= low <= high:
            raise ValueError(f"{self}: side must be at least 2, and times two numbers from 1 in order")

    @property
    def positions(self) -> int:
        return self.side**2

    @cached_property
    def _pairs(self) -> tuple[Tensor, Tensor]:
        """Pairs of different places (P, 2), the near ones first; how many are at most 0, 1, ... steps apart."""
        places = torch.arange(self.positions)
        pairs = torch.cartesian_prod(places, places)
        row, column = pairs // self.side, pairs % self.side
        apart = (row[:, 0] - row[:, 1]).abs() + (column[:, 0] - column[:, 1]).abs()
        order = apart.argsort(stable=True)[self.positions :]  # the first are places and themselves
        return pairs[order], apart[order].bincount().cumsum(0)

    def begin(self, u: Tensor) -> Episodes:
        """Episodes from uniform numbers ``u`` (2, ...) in [0, 1)."""
        pairs, within = (each.to(u.device) for each in self._pairs)
        low, high = self.times
        time = low + (u[0] * (high - low + 1)).long()
        pair = pairs[(u[1] * within[time.clamp_max(len(within) - 1)]).long()]
        none = torch.zeros_like(time)
        return Episodes(pair[..., 0], pair[..., 1], time, none, none > 0)

    def observe(self, episodes: Episodes) -> tuple[Tensor, Tensor]:
        """What the agent sees, float32: the planes of agent and destination, (..., 2 places), each with a single 1;
        and T (...), at the first step only, later 0."""
        planes = torch.cat([self._plane(episodes.agent), self._plane(episodes.destination)], -1)
        return planes, torch.where(episodes.step == 0, episodes.time, 0).float()

    def _plane(self, position: Tensor) -> Tensor:
        return (position[..., None] == torch.arange(self.positions, device=position.device)).float()

    def act(self, episodes: Episodes, action: Tensor) -> tuple[Episodes, Tensor]:
        """The episodes after ``action`` (...), indices of ``MOVES``, int64; and the rewards, float32."""
        move = torch.tensor(MOVES, device=action.device)[action]
        row = (episodes.agent // self.side + move[..., 0]).clamp(0, self.side - 1)
        column = (episodes.agent % self.side + move[..., 1]).clamp(0, self.side - 1)
        going = ~episodes.over
        agent = torch.where(going, row * self.side + column, episodes.agent)
        step = torch.where(going, episodes.step + 1, episodes.step)
        arrived, late = agent == episodes.destination, step >= episodes.time
        reward = (going & arrived & late).float()
        return replace(episodes, agent=agent, step=step, over=arrived | late), reward
