"""Agents of the grid world: a network that sees the grid, an LSTM, and perhaps an accumulator that keeps the time."""

from collections.abc import Callable
from dataclasses import dataclass

import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn
from extrapolate.experiments.cells import LSTM
from extrapolate.tasks import GridTime
from extrapolate.tasks.grid_time import MOVES, Episodes

State = tuple[Tensor, ...]

#: Number of sums of an accumulator. With several it is likely that a difference of two of them is the time left.
SUMS = 8

#: Weights of the critic's squared error and of the policy's entropy in the loss.
CRITIC, ENTROPY = 0.5, 0.01


class NoClock(torch_nn.Module):
    """The LSTM gets T at the first step and must keep the time itself: (...), (..., 1) to (..., 1)."""

    out_features = 1

    def forward(self, time: Tensor, sums: Tensor) -> Tensor:
        return time[..., None]


class Clock(torch_nn.Module):
    """Adds a NAC of T (at the first step only) and of a tick of 1 to sums, at each step: (...), (..., S) to (..., S).

    With weight 1 on T and -1 on the tick, a sum is the number of steps that are left.
    """

    out_features = SUMS

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.NAC(2, SUMS)

    def forward(self, time: Tensor, sums: Tensor) -> Tensor:
        return sums + self.unit(_with_tick(time))


class RecurrentClock(torch_nn.Module):
    """A NAC of its last outputs, T and the tick gives the next outputs: (...), (..., S) to (..., S)."""

    out_features = SUMS

    def __init__(self) -> None:
        super().__init__()
        self.unit = nn.NAC(SUMS + 2, SUMS)

    def forward(self, time: Tensor, sums: Tensor) -> Tensor:
        return self.unit(torch.cat([sums, _with_tick(time)], -1))


def _with_tick(time: Tensor) -> Tensor:
    return torch.stack([time, torch.ones_like(time)], -1)


MakeClock = Callable[[], NoClock | Clock | RecurrentClock]

#: By name of the agent, what gives the LSTM the time.
CLOCKS: dict[str, MakeClock] = {"LSTM": NoClock, "LSTM-NAC": Clock, "LSTM-RecurrentNAC": RecurrentClock}


class Agent(torch_nn.Module):
    """One step: planes (..., 2 P) and T (...) to preferences (..., 5), the expected reward (...) and a new state."""

    def __init__(self, clock: MakeClock, places: int, hidden: int) -> None:
        super().__init__()
        self.clock = clock()
        self.eye = torch_nn.Linear(2 * places, hidden)
        self.lstm = LSTM(hidden + self.clock.out_features, hidden)
        self.actor = torch_nn.Linear(hidden, len(MOVES))
        self.critic = torch_nn.Linear(hidden, 1)

    def start(self, like: Tensor) -> State:
        """The state before the first step of episodes (...): the clock's, then the LSTM's."""
        return like.new_zeros(*like.shape, self.clock.out_features), *self.lstm.start(like[..., None])

    def forward(self, planes: Tensor, time: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        sums, *inner = state
        sums = self.clock(time, sums)
        seen = torch.relu(self.eye(planes))
        h, c = self.lstm.step(self.lstm.from_input(torch.cat([seen, sums], -1)), tuple(inner))
        return self.actor(h), self.critic(h)[..., 0], (sums, h, c)


@dataclass(frozen=True)
class Walk:
    """What happened in episodes (...), a tensor (T, ...) each; ``going``: those not over before the step."""

    preferences: Tensor
    expected: Tensor
    action: Tensor
    going: Tensor
    reward: Tensor


def walk(
    agent: torch_nn.Module, grid: GridTime, episodes: Episodes, choose: Callable[[Tensor, int], Tensor]
) -> Walk:
    """Episodes from their start to the greatest T of ``grid``; ``choose(preferences, step)`` gives the actions."""
    assert isinstance(agent, Agent)
    steps, state = [], agent.start(episodes.time.float())
    for step in range(grid.times[1]):
        preferences, expected, state = agent(*grid.observe(episodes), state)
        action, going = choose(preferences, step), ~episodes.over
        episodes, reward = grid.act(episodes, action)
        steps.append((preferences, expected, action, going, reward))
    return Walk(*(torch.stack(each) for each in zip(*steps, strict=True)))


def likeliest(preferences: Tensor, step: int) -> Tensor:
    """The preferred action: how an agent is tested."""
    return preferences.argmax(-1)


def actor_critic_loss(walked: Walk) -> Tensor:
    """Advantage actor-critic over whole episodes, the mean over the steps before their end.

    The only reward is the last one and is not discounted: it is the return from every step on.
    """
    total = walked.reward.sum(0)
    advantage = total - walked.expected
    log_share = torch.log_softmax(walked.preferences, -1)
    chosen = log_share.gather(-1, walked.action[..., None])[..., 0]
    entropy = -(log_share.exp() * log_share).sum(-1)
    loss = -chosen * advantage.detach() + CRITIC * advantage.square() - ENTROPY * entropy
    return (loss * walked.going).sum() / walked.going.sum()
