"""Time in a grid world: arriving exactly at step T, trained on T from 5 to 12, tested on later ones."""

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

#: Number of sums of an accumulator. With several it is likely that a difference of two of them is the time left.
SUMS = 8


class NoClock(torch_nn.Module):
    """The LSTM gets T at the first step and must keep the time itself: (..., 2), (..., 1) to (..., 1)."""

    out_features = 1

    def forward(self, ticks: Tensor, sums: Tensor) -> Tensor:
        return ticks[..., :1]


class Clock(torch_nn.Module):
    """Adds a NAC of T (at the first step only) and of a tick of 1 to sums: (..., 2), (..., S) to (..., S).

    With weight 1 on T and -1 on the tick, a sum is the number of steps that are left.
    """

    in_features, out_features = 2, SUMS

    def __init__(self) -> None:
        super().__init__()
        self.layer = nn.NAC(self.in_features, SUMS)

    def forward(self, ticks: Tensor, sums: Tensor) -> Tensor:
        return sums + self.layer(ticks)


class RecurrentClock(Clock):
    """A NAC of its last outputs, T and the tick gives the next outputs: (..., 2), (..., S) to (..., S)."""

    in_features = SUMS + 2

    def forward(self, ticks: Tensor, sums: Tensor) -> Tensor:
        return self.layer(torch.cat([sums, ticks], -1))


#: By name of the agent, what gives the LSTM the time.
CLOCKS = {"LSTM": NoClock, "LSTM-NAC": Clock, "LSTM-RecurrentNAC": RecurrentClock}

State = tuple[Tensor, ...]


class Agent(torch_nn.Module):
    """One step: planes (..., 2 P) and T (...) to preferences (..., 5), the expected reward (...) and a new state."""

    def __init__(self, clock: NoClock | Clock, hidden: int) -> None:
        super().__init__()
        self.clock = clock
        self.eye = torch_nn.Linear(2 * TASK.positions, hidden)
        self.lstm = LSTM(hidden + clock.out_features, hidden)
        self.actor = torch_nn.Linear(hidden, len(MOVES))
        self.critic = torch_nn.Linear(hidden, 1)

    def initial_state(self, like: Tensor) -> State:
        """The state before the first step of episodes (...): the clock's, then the LSTM's."""
        return like.new_zeros(*like.shape, self.clock.out_features), *self.lstm.initial_state(like[..., None])

    def forward(self, planes: Tensor, time: Tensor, state: State) -> tuple[Tensor, Tensor, State]:
        sums, *inner = state
        sums = self.clock(torch.stack([time, torch.ones_like(time)], -1), sums)
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


def walk(agent: torch_nn.Module, grid: GridTime, episodes: Episodes, choose: Callable[[Tensor, int], Tensor]) -> Walk:
    """Episodes from their start to the greatest T of ``grid``; ``choose(preferences, step)`` gives the actions."""
    assert isinstance(agent, Agent)
    steps, state = [], agent.initial_state(episodes.time.float())
    for step in range(grid.times[1]):
        preferences, expected, state = agent(*grid.observe(episodes), state)
        action, going = choose(preferences, step), ~episodes.over
        episodes, reward = grid.act(episodes, action)
        steps.append((preferences, expected, action, going, reward))
    return Walk(*(torch.stack(each) for each in zip(*steps, strict=True)))


def likeliest(preferences: Tensor, step: int) -> Tensor:
    """The preferred action: how an agent is tested."""
    return preferences.argmax(-1)


@dataclass(frozen=True, kw_only=True)
class GridTimeConfig(lab.Config):
    """Advantage actor-critic, Adam, rate 3e-3; T from 5 to 12 in training, on a grid of 5 × 5."""

    agents: tuple[str, ...] = lab.names(CLOCKS, "Agents to train", "agent", axis="kind of agent")
    batch: int = lab.integer(64, "Episodes per training step.", cut=lab.fewer("episodes per step"))
    episodes: int = lab.integer(400, "Test episodes per T.")
    latest: int = lab.integer(25, "The largest T of the test.", least=LAST)
    hidden: int = lab.integer(32, "Size of the LSTM's state.", cut=lab.fewer("LSTM units"))
    compile: bool = False  # twelve unrolled steps are more code than a compiler can fuse in a minute


#: The learning rate; weights of the critic's squared error and of the policy's entropy in the loss.
RATE, CRITIC, ENTROPY = 3e-3, 0.5, 0.01


def actor_critic_loss(walked: Walk) -> Tensor:
    """Advantage actor-critic over whole episodes, the mean over the steps before their end.

    The only reward is the last one and is not discounted: it is the return from every step on.
    """
    advantage = walked.reward.sum(0) - walked.expected
    log_share = torch.log_softmax(walked.preferences, -1)
    chosen = log_share.gather(-1, walked.action[..., None])[..., 0]
    entropy = -(log_share.exp() * log_share).sum(-1)
    loss = -chosen * advantage.detach() + CRITIC * advantage.square() - ENTROPY * entropy
    return (loss * walked.going).sum() / walked.going.sum()


def episode_loss(batch: int, model: torch_nn.Module, key: Tensor, _: Any) -> Tensor:
    """The loss on ``batch`` episodes of fresh starts and actions, sampled with ``key``."""
    u = ops.uniform(key, (2 + LAST, batch))

    def sample(preferences: Tensor, step: int) -> Tensor:
        shares = torch.softmax(preferences.detach(), -1).cumsum(-1)
        # the last share is 1 up to rounding, and is left out so that no number lies above it
        return (shares[..., :-1] <= u[2 + step][..., None]).sum(-1)

    return actor_critic_loss(walk(model, TASK, TASK.begin(u[:2]), sample))


def success_on(task: GridTime, seed: int, config: GridTimeConfig) -> Callable[[torch_nn.Module], Tensor]:
    """The share of fixed episodes of ``task``, the same for all models, that end with the reward."""
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
    """On success at twice the largest T of the training."""
    plain, clocked, later = {"model": "LSTM"}, {"model": "LSTM-NAC"}, f"success_{2 * LAST}"

    def success_ratio(rows: pl.DataFrame, if_never: float) -> np.ndarray:
        """Divided by success on the T of the training; ``if_never`` where there is none on those either."""
        far, trained = rows[later].to_numpy(), rows["success_trained"].to_numpy()
        return np.divide(far, trained, out=np.full_like(far, if_never), where=trained > 0)

    yield lab.Finding("LSTM-NAC/later-than-LSTM", lab.difference(later, clocked, plain))
    yield lab.Finding("LSTM-NAC/holds", lab.of(lambda rows: success_ratio(rows, 0.0), clocked, needs=[later]))
    yield lab.Finding("LSTM/falls", lab.of(lambda rows: 1 - success_ratio(rows, 1.0), plain, needs=[later]))


def notes(config: GridTimeConfig) -> list[str]:
    return [
        "Of the published agent only this is known: actor-critic with an LSTM, and a NAC on what keeps the time. "
        f"Here: synchronous (A2C instead of A3C), {config.batch} whole episodes per step; Adam, rate {RATE:g} "
        f"decreasing to 0, gradients of norm 1 at most; {CRITIC:g} × the critic's squared error, an entropy bonus of "
        f"{ENTROPY:g}. No shaped reward, no curriculum, no discount.",
        "Agent and destination start at most T steps apart. A linear layer with ReLU reads their planes of 5 × 5; "
        f"an LSTM of size {config.hidden} gets its output and the time. LSTM gets T at the first step and 0 later. "
        f"LSTM-NAC gets {SUMS} sums instead; a NAC of T and a tick of 1 is added to them at each step. "
        "LSTM-RecurrentNAC gets the outputs of a NAC of those outputs, T and the tick.",
        f"Tested on {config.episodes} episodes of each T with the likeliest action, at the step with the fewest "
        f"failures on T from {FIRST} to {LAST}. Solved: more than {TASK.threshold:.0%} success at the largest "
        f"T, {config.latest}.",
        lab.intervals_note("Wilson for success rates over agents", "Student's t for shares and differences"),
    ]


def success_by_time(results: pl.DataFrame, config: GridTimeConfig) -> pl.DataFrame:
    return lab.curves_table(
        "How late an agent can arrive in time",
        f"Episodes that end at the destination exactly at step T; trained on T up to {LAST}.",
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
