"""A grid world in which the agent must arrive at its destination at an exact time."""

from dataclasses import dataclass, replace
from functools import cached_property

import torch
from torch import Tensor

#: Actions as (rows down, columns right): stay, up, down, left, right.
MOVES = ((0, 0), (-1, 0), (1, 0), (0, -1), (0, 1))


@dataclass(frozen=True)
class Episodes:
    """The state of a batch of episodes. Each attribute is a tensor (...); cells are numbered row by row.

    Attributes:
        agent, destination: cell numbers, int64.
        time: step at which the agent must arrive, int64.
        step: number of steps taken, int64.
        over: whether the episode has ended, bool.
    """

    agent: Tensor
    destination: Tensor
    time: Tensor
    step: Tensor
    over: Tensor


@dataclass(frozen=True)
class GridTime:
    """The time-tracking grid world of Trask et al. 2018, section 4.5.

    Agent and destination are two cells of a grid; each episode has a time T. In each step the agent stays or moves
    to a neighbouring cell; at the border it stays. The episode ends when the agent arrives at its destination, or
    after T steps. The reward is 1 if the agent arrives exactly at step T, otherwise 0. Example: the destination is
    two cells away and T = 5. Waiting three steps and then walking gives 1; walking at once gives 0.

    T is uniform over ``times``. The cells are uniform over all pairs of different cells at most T steps apart.
    Published: 5 × 5 cells, T from 5 to 12 in training and larger in the test.

    Args:
        side: cells along one side, at least 2.
        times: smallest and largest T.
    """

    side: int = 5
    times: tuple[int, int] = (5, 12)

    #: An agent with a larger share of rewarded episodes has learned the task.
    threshold = 0.9

    def __post_init__(self) -> None:
        low, high = self.times
        if self.side < 2 or not 1 <= low <= high:
            raise ValueError(f"{self}: side must be at least 2, and times must be two rising numbers from 1")

    @property
    def positions(self) -> int:
        return self.side**2

    @cached_property
    def _pairs(self) -> tuple[Tensor, Tensor]:
        """Pairs of different cells (P, 2) by rising distance, and the number of pairs at most 0, 1, ... apart."""
        cells = torch.arange(self.positions)
        pairs = torch.cartesian_prod(cells, cells)
        row, column = pairs // self.side, pairs % self.side
        apart = (row[:, 0] - row[:, 1]).abs() + (column[:, 0] - column[:, 1]).abs()
        order = apart.argsort(stable=True)[self.positions :]  # the first pairs have distance 0
        return pairs[order], apart[order].bincount().cumsum(0)

    def begin(self, u: Tensor) -> Episodes:
        """Return new episodes from uniform random numbers ``u`` (2, ...) in [0, 1)."""
        pairs, within = (each.to(u.device) for each in self._pairs)
        low, high = self.times
        time = low + (u[0] * (high - low + 1)).long()
        pair = pairs[(u[1] * within[time.clamp_max(len(within) - 1)]).long()]
        none = torch.zeros_like(time)
        return Episodes(pair[..., 0], pair[..., 1], time, none, none > 0)

    def observe(self, episodes: Episodes) -> tuple[Tensor, Tensor]:
        """Return the observations, float32.

        The first tensor, (..., 2 × cells), has two one-hot planes: agent and destination. The second, (...), is T
        before the first step and 0 later.
        """
        planes = torch.cat([self._plane(episodes.agent), self._plane(episodes.destination)], -1)
        return planes, torch.where(episodes.step == 0, episodes.time, 0).float()

    def _plane(self, position: Tensor) -> Tensor:
        return (position[..., None] == torch.arange(self.positions, device=position.device)).float()

    def act(self, episodes: Episodes, action: Tensor) -> tuple[Episodes, Tensor]:
        """Apply ``action`` (...), indices of ``MOVES``, int64; return the new episodes and the rewards, float32."""
        move = torch.tensor(MOVES, device=action.device)[action]
        row = (episodes.agent // self.side + move[..., 0]).clamp(0, self.side - 1)
        column = (episodes.agent % self.side + move[..., 1]).clamp(0, self.side - 1)
        active = ~episodes.over
        agent = torch.where(active, row * self.side + column, episodes.agent)
        step = torch.where(active, episodes.step + 1, episodes.step)
        arrived, late = agent == episodes.destination, step >= episodes.time
        reward = (active & arrived & late).float()
        return replace(episodes, agent=agent, step=step, over=arrived | late), reward
