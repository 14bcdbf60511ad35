"""Time in a grid world: arriving exactly at step T, trained on T from 5 to 12, tested on larger T."""

from collections.abc import Callable, Iterator
from dataclasses import dataclass, replace
from functools import partial
from typing import Any

import numpy as np
import polars as pl
import torch
from torch import Tensor
from torch import nn as torch_nn

from extrapolate import nn, ops
from extrapolate.experiments import lab
from extrapolate.experiments.cells import LSTM
from extrapolate.tasks import GridTime
from extrapolate.tasks.grid_time import MOVES, Episodes
from extrapolate.training import Clip, LinearDecay

TASK = GridTime()
FIRST, LAST = TASK.times

#: Number of sums of a clock. With several, a difference of two of them is likely to be the number of steps left.
SUMS = 8


class NoClock(torch_nn.Module):
    """No clock: the LSTM receives T at the first step and must count itself. Maps (..., 2), (..., 1) to (..., 1)."""

    out_features = 1

    def forward(self, ticks: Tensor, sums: Tensor) -> Tensor:
        return ticks[..., :1]


class Clock(torch_nn.Module):
    """Adds a NAC of (T, tick) to sums; maps (..., 2), (..., S) to (..., S).

    T is 0 after the first step, the tick is always 1. With weight 1 on T and -1 on the tick, a sum is the number of
    steps left.
    """

    in_features, out_features = 2, SUMS

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.NAC(self.in_features, SUMS)

    def forward(self, ticks: Tensor, sums: Tensor) -> Tensor:
        return sums + self.layer(ticks)


class RecurrentClock(Clock):
    """A NAC that maps (its previous outputs, T, tick) to its next outputs: (..., 2), (..., S) to (..., S)."""

    in_features = SUMS + 2

    def forward(self, ticks: Tensor, sums: Tensor) -> Tensor:
        return self.layer(torch.cat([sums, ticks], -1))


#: The clock of each agent, by the agent's name.
CLOCKS = {"LSTM": NoClock, "LSTM-NAC": Clock, "LSTM-RecurrentNAC": RecurrentClock}

State = tuple[Tensor, ...]


class Agent(torch_nn.Module):
    """Maps planes (..., 2 P) and T (...) of a step to preferences (..., 5), expected reward (...) and a state."""

    def __init__(self, clock: NoClock | Clock, hidden: int) -> None:
        super().__init__()
        self.clock = clock
        self.eye = torch_nn.Linear(2 * TASK.positions, hidden)
        self.lstm = LSTM(hidden + clock.out_features, hidden)
        self.actor = torch_nn.Linear(hidden, len(MOVES))
        self.critic = torch_nn.Linear(hidden, 1)

    def initial_state(self, like: Tensor) -> State:
        """Return the state before the first step of episodes (...): the clock's, then the LSTM's."""
        return like.new_zeros(*like.shape, self.clock.out_features), *self.lstm.initial_state(like[..., None])

    def forward(self, planes: Tensor, time: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        sums, *inner = state
        sums = self.clock(torch.stack([time, torch.ones_like(time)], -1), sums)
        features = torch.relu(self.eye(planes))
        h, c = self.lstm.step(self.lstm.from_input(torch.cat([features, sums], -1)), tuple(inner))
        return self.actor(h), self.critic(h)[..., 0], (sums, h, c)


@dataclass(frozen=True)
class Walk:
    """The steps of episodes (...), as tensors (T, ...). ``going``: whether the episode was not over before a step."""

    preferences: Tensor
    expected: Tensor
    action: Tensor
    going: Tensor
    reward: Tensor


def walk(agent: torch_nn.Module, grid: GridTime, episodes: Episodes, choose: Callable[[Tensor, int], Tensor]) -> Walk:
    """Run episodes for the greatest T of ``grid`` steps; ``choose(preferences, step)`` returns the actions."""
    assert isinstance(agent, Agent)
    steps, state = [], agent.initial_state(episodes.time.float())
    for step in range(grid.times[1]):
        preferences, expected, state = agent(*grid.observe(episodes), state)
        action, going = choose(preferences, step), ~episodes.over
        episodes, reward = grid.act(episodes, action)
        steps.append((preferences, expected, action, going, reward))
    return Walk(*(torch.stack(each) for each in zip(*steps, strict=True)))


def likeliest(preferences: Tensor, step: int) -> Tensor:
    """Return the most likely action, which the agent takes in tests."""
    return preferences.argmax(-1)


@dataclass(frozen=True, kw_only=True)
class GridTimeConfig(lab.Config):
    """Options of the grid world (5 × 5, T from 5 to 12 in training): advantage actor-critic, Adam."""

    agents: tuple[str, ...] = lab.names(CLOCKS, "Agents to train", "agent", axis="kind of agent")
    batch: int = lab.integer(64, "Episodes per training step.", cut=lab.fewer("episodes per step"))
    episodes: int = lab.integer(400, "Test episodes per arrival step T.")
    latest: int = lab.integer(25, "Largest arrival step T of the test; training has T up to 12.", least=LAST)
    hidden: int = lab.integer(32, "Units of the LSTM.", cut=lab.fewer("LSTM units"))
    compile: bool = False  # compiling twelve unrolled steps takes more than a minute


#: The learning rate, and the weights of the critic's squared error and of the policy's entropy in the loss.
RATE, CRITIC, ENTROPY = 3e-3, 0.5, 0.01


def actor_critic_loss(walked: Walk) -> Tensor:
    """Return the advantage actor-critic loss of whole episodes: the mean over the steps before their end.

    The only reward is at the end and is not discounted, so that it is the return of every step.
    """
    advantage = walked.reward.sum(0) - walked.expected
    log_policy = torch.log_softmax(walked.preferences, -1)
    log_action = log_policy.gather(-1, walked.action[..., None])[..., 0]
    entropy = -(log_policy.exp() * log_policy).sum(-1)
    loss = -log_action * advantage.detach() + CRITIC * advantage.square() - ENTROPY * entropy
    return (loss * walked.going).sum() / walked.going.sum()


def episode_loss(batch: int, model: torch_nn.Module, key: Tensor, _: Any) -> Tensor:
    """Return the loss on ``batch`` fresh episodes; ``key`` samples their starts and actions."""
    u = ops.uniform(key, (2 + LAST, batch))

    def sample(preferences: Tensor, step: int) -> Tensor:
        cumulative = torch.softmax(preferences.detach(), -1).cumsum(-1)
        # without the last one: it is 1 up to rounding, and may be below a random number
        return (cumulative[..., :-1] <= u[2 + step][..., None]).sum(-1)

    return actor_critic_loss(walk(model, TASK, TASK.begin(u[:2]), sample))


def success_on(task: GridTime, seed: int, config: GridTimeConfig) -> Callable[[torch_nn.Module], Tensor]:
    """Make a function that returns an agent's share of rewarded episodes, on fixed episodes of ``task``."""
    u = torch.rand(2, config.episodes, generator=torch.Generator().manual_seed(seed))
    start = task.begin(u.to(config.device))
    return lambda model: walk(model, task, start, likeliest).reward.sum(0).mean()


def train_agent(config: GridTimeConfig, agent: str) -> lab.Training:
    adam = partial(torch.optim.Adam, lr=RATE, fused=True)
    validation, times = success_on(TASK, 1, config), range(FIRST, config.latest + 1)
    failure = {"validation_failure": lambda model: 1 - validation(model)}

    def measure(trained: lab.Trained) -> dict[str, Any]:
        tests = [success_on(GridTime(times=(time, time)), 100 + time, config) for time in times]
        success = [trained.vmap(each) for each in tests]
        return {
            "solved": success[-1] > TASK.threshold,
            "success_trained": torch.stack(success[: LAST - FIRST + 1]).mean(0),
            **{f"success_{time}": share for time, share in zip(times, success, strict=True)},
            "validation_failure": trained.history.at_best("validation_failure"),
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    return lab.Training(
        name=agent,
        labels={"model": agent, "task": "arriving in time", "split": f"T from {FIRST} to {LAST}"},
        build=lambda: Agent(CLOCKS[agent](), config.hidden),
        train=replace(
            config.train(partial(episode_loss, config.batch), adam, failure),
            lr_schedule=LinearDecay(config.steps),
            grad_clip=Clip(norm=1.0),
            solved=lambda measures: measures["validation_failure"] < 1 - TASK.threshold,
        ),
        measure=measure,
        config=config,
    )


def findings(config: GridTimeConfig) -> Iterator[lab.Finding]:
    """Yield the findings on success at twice the largest T of the training."""
    plain, clocked, later = {"model": "LSTM"}, {"model": "LSTM-NAC"}, f"success_{2 * LAST}"

    def success_ratio(rows: pl.DataFrame, if_never: float) -> np.ndarray:
        """Return the success at that T ÷ the success on the T of the training; ``if_never`` if the latter is 0."""
        far, trained = rows[later].to_numpy(), rows["success_trained"].to_numpy()
        return np.divide(far, trained, out=np.full_like(far, if_never), where=trained > 0)

    yield lab.Finding("LSTM-NAC/later-than-LSTM", lab.difference(later, clocked, plain))
    yield lab.Finding("LSTM-NAC/holds", lab.of(lambda rows: success_ratio(rows, 0.0), clocked, needs=[later]))
    yield lab.Finding("LSTM/falls", lab.of(lambda rows: 1 - success_ratio(rows, 1.0), plain, needs=[later]))


def notes(config: GridTimeConfig) -> list[str]:
    return [
        "The paper describes its agent only as an actor-critic with an LSTM, and a NAC on the time. "
        f"Here: synchronous (A2C instead of A3C), {config.batch} whole episodes per step; Adam, learning rate "
        f"{RATE:g}, decreasing linearly to 0; gradients clipped to norm 1; {CRITIC:g} × the critic's squared error; "
        f"an entropy bonus of {ENTROPY:g}. No shaped reward, no curriculum, no discount.",
        "Agent and destination start at most T steps apart. A linear layer with ReLU reads their planes of 5 × 5. "
        f"An LSTM of {config.hidden} units receives its output and the time. LSTM: the time is T at the first step "
        f"and 0 later. LSTM-NAC: the time is {SUMS} sums; a NAC of T and a tick of 1 is added to them at each step. "
        "LSTM-RecurrentNAC: the time is the output of a NAC of its previous output, T and the tick.",
        f"Tested on {config.episodes} episodes per T with the most likely action, at the step with the fewest "
        f"failures on T from {FIRST} to {LAST}. Solved: more than {TASK.threshold:.0%} success at the largest "
        f"T, {config.latest}.",
        lab.intervals_note("Wilson for success rates over agents", "Student's t for shares and differences"),
    ]


def success_by_time(results: pl.DataFrame, config: GridTimeConfig) -> pl.DataFrame:
    return lab.curves_table(
        "Success by arrival step",
        f"Share of episodes that end at the destination exactly at step T; trained on T from {FIRST} to {LAST}.",
        "T",
        "share of episodes",
        lab.curves_across(results, {time: f"success_{time}" for time in range(FIRST, config.latest + 1)}),
    )


@lab.experiment(
    papers=["1808.00508"],
    laptop=GridTimeConfig(steps=6_000, eval_every=250),
    paper={"seeds": 10, "steps": 50_000, "eval_every": 500, "batch": 128, "episodes": 1_000, "hidden": 64},
    smoke={
        "agents": ("LSTM", "LSTM-NAC"),
        "steps": 4,
        "eval_every": 2,
        "episodes": 10,
        "latest": 13,
        "hidden": 8,
    },
    findings=findings,
    notes=notes,
    means=["^success_.*$"],
    curves=success_by_time,
)
def grid_time(config: GridTimeConfig) -> Iterator[lab.Training]:
    yield from (train_agent(config, agent) for agent in config.agents)
