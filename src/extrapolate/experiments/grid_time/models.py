"""The agents: a network that sees the grid, an LSTM, and perhaps an accumulator that keeps the time."""

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


class Told(torch_nn.Module):
    """No clock: the LSTM is given T as it is told, and must keep the time itself."""

    out_features = 1

    def forward(self, told: Tensor, kept: Tensor) -> Tensor:
        return told[..., None]


class Clock(torch_nn.Module):
    """A state that a NAC of itself, T (told once) and a tick of 1 gives anew at each step: (...,), (..., K) to (..., K).

    With a weight of 1 on itself and on T, and of -1 on the tick, it is the number of steps that are left.
    """

    def __init__(self, out_features: int) -> None:
        super().__init__()
        self.out_features = out_features
        self.unit = nn.NAC(out_features + 2, out_features)

    def forward(self, told: Tensor, kept: Tensor) -> Tensor:
        given = torch.stack([told, torch.ones_like(told)], -1)
        return self.unit(torch.cat([kept, given], -1))


#: By name of the agent, what gives the LSTM the time.
CLOCKS: dict[str, Callable[[], torch_nn.Module]] = {"LSTM": Told, "LSTM-NAC": lambda: Clock(4)}


class Agent(torch_nn.Module):
    """One step: planes (..., 2 places) and T (...) to preferences (..., 5), the expected reward (...), a new state."""

    def __init__(self, clock: torch_nn.Module, places: int, hidden: int) -> None:
        super().__init__()
        self.clock = clock
        self.kept = int(clock.out_features)  # type: ignore[arg-type]
        self.eye = torch_nn.Linear(2 * places, hidden)
        self.lstm = LSTM(hidden + self.kept, hidden)
        self.actor = torch_nn.Linear(hidden, len(MOVES))
        self.critic = torch_nn.Linear(hidden, 1)

    def start(self, like: Tensor) -> State:
        """The state before the first step of episodes (...): the clock's, then the LSTM's."""
        return like.new_zeros(*like.shape, self.kept), *self.lstm.start(like[..., None])

    def forward(self, planes: Tensor, told: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        kept, *inner = state
        kept = self.clock(told, kept)
        seen = torch.relu(self.eye(planes))
        h, c = self.lstm.step(self.lstm.from_input(torch.cat([seen, kept], -1)), tuple(inner))
        return self.actor(h), self.critic(h)[..., 0], (kept, h, c)


@dataclass(frozen=True)
class Walk:
    """What happened in episodes (...) step by step, a tensor (T, ...) each; ``going``: not yet over before the step."""

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
    steps, state = [], None
    for step in range(grid.times[1]):
        planes, told = grid.observe(episodes)
        preferences, expected, state = agent(planes, told, state or agent.start(told))
        action, going = choose(preferences, step), ~episodes.over
        episodes, reward = grid.act(episodes, action)
        steps.append((preferences, expected, action, going, reward))
    return Walk(*(torch.stack(each) for each in zip(*steps, strict=True)))


def likeliest(preferences: Tensor, step: int) -> Tensor:
    """The preferred action: how an agent is tested."""
    return preferences.argmax(-1)
