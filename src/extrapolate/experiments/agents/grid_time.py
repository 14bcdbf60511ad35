"""Time in a grid world: arriving exactly at step T, trained on T from 5 to 12, tested on later ones."""

from collections.abc import Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np
import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.agents._clocked_agents import (
    CLOCKS,
    CRITIC,
    ENTROPY,
    SUMS,
    Agent,
    actor_critic_loss,
    likeliest,
    walk,
)
from extrapolate.experiments.config import Config, fewer, names, number
from extrapolate.experiments.curves import curves_across, curves_table
from extrapolate.experiments.experiment import experiment, intervals_note
from extrapolate.experiments.findings import Finding, above, difference, of
from extrapolate.experiments.summary import means, summarize
from extrapolate.experiments.training import Column, Trained, Training
from extrapolate.tasks import GridTime
from extrapolate.tasks.grid_time import Episodes
from extrapolate.training import Clip, LinearDecay, Replicas
from extrapolate.training.train_config import TrainConfig

TASK = GridTime()
FIRST, LAST = TASK.times
LEARNING_RATE = 3e-3

#: Seeds of the fixed episodes, the same for all models; the seed of a test is this one plus T.
VALIDATION_SEED, TEST_SEED = 1, 100


@dataclass(frozen=True, kw_only=True)
class GridTimeConfig(Config):
    """Advantage actor-critic, Adam, rate 3e-3; T from 5 to 12 in training, on a grid of 5 × 5."""

    agents: tuple[str, ...] = names(CLOCKS, "Agents to train", "agent", axis="kind of agent")
    eval_every: int = number(250, "Steps between two evaluations.")
    batch: int = number(64, "Episodes per training step.", cut=fewer("episodes per step"))
    episodes: int = number(400, "Test episodes per T.")
    latest: int = number(25, "The largest T of the test.", least=LAST)
    hidden: int = number(32, "Size of the LSTM's state.", cut=fewer("LSTM units"))
    compile: bool = False  # twelve unrolled steps are more code than a compiler can fuse in a minute

    @property
    def tested(self) -> range:
        """Every T of the test."""
        return range(FIRST, self.latest + 1)


# ------------------------------------------------------------------------------------------------------ findings

SOURCE = "arXiv 1808.00508, tracking time in a grid world; a figure, as quoted, unverified"
PLAIN, CLOCKED = "LSTM", "LSTM-NAC"

#: Twice the largest T of the training.
FAR = 2 * LAST
AT_FAR = f"success_{FAR}"

#: Holding up: an agent keeps more than this share of the success that it has on the T of the training.
KEPT = 0.5


def kept(rows: pl.DataFrame, if_never: float) -> np.ndarray:
    """Success at T = ``FAR`` over that on the T of the training; ``if_never`` where there is none on those either."""
    far, trained = rows[AT_FAR].to_numpy(), rows["success_trained"].to_numpy()
    return np.divide(far, trained, out=np.full_like(far, if_never), where=trained > 0)


def findings(config: GridTimeConfig) -> Iterator[Finding]:
    yield Finding(
        f"{CLOCKED}/later-than-{PLAIN}",
        f"at T = {FAR}, twice the largest T of the training, {CLOCKED} arrives in time more often than {PLAIN} "
        "(measured: the difference of the shares, seed by seed)",
        f"without the NAC success collapses past about 13, with it it stays high to about 19 and beyond ({SOURCE})",
        difference(AT_FAR, {"unit": CLOCKED}, {"unit": PLAIN}),
        above(0),
    )
    yield Finding(
        f"{CLOCKED}/holds",
        f"{CLOCKED} keeps more than {KEPT:.0%} of its success at T = {FAR} (measured: success there over success on "
        "the T of the training)",
        f"stays high to about 19 and beyond ({SOURCE})",
        of(partial(kept, if_never=0.0), {"unit": CLOCKED}, needs=[AT_FAR]),
        above(KEPT),
    )
    yield Finding(
        f"{PLAIN}/falls",
        f"{PLAIN} loses more than {1 - KEPT:.0%} of its success at T = {FAR} (measured: the share that is lost)",
        f"collapses past about 13 ({SOURCE})",
        of(lambda rows: 1 - kept(rows, if_never=1.0), {"unit": PLAIN}, needs=[AT_FAR]),
        above(1 - KEPT),
    )


# ---------------------------------------------------------------------------------------------------- experiment


def notes(config: GridTimeConfig) -> list[str]:
    """How the agents were built, trained and tested."""
    return [
        "Of the published agent only this is known: actor-critic with an LSTM, and a NAC on what keeps the time. "
        f"Here: synchronous (A2C instead of A3C), {config.batch} whole episodes per step; Adam, rate "
        f"{LEARNING_RATE:g} decreasing to 0, gradients of norm 1 at most; {CRITIC:g} × the critic's squared error; "
        f"an entropy bonus of {ENTROPY:g}. No shaped reward, no curriculum, no discount.",
        "The agent sees two planes of 5 × 5 (itself, the destination), and T at the first step. A linear layer with "
        f"ReLU reads the planes. An LSTM of size {config.hidden} gets its output and the time.",
        f"The time: LSTM gets T at the first step and 0 later. LSTM-NAC gets {SUMS} sums instead; a NAC of T and a "
        "tick of 1 is added to them at each step. LSTM-RecurrentNAC gets the outputs of a NAC of those outputs, T "
        "and the tick, so the weights on its own outputs are learned too.",
        "Agent and destination start at different places, at most T steps apart. The first arrival ends the episode.",
        f"Tested on {config.episodes} episodes of each T with the likeliest action, at the step with the fewest "
        f"failures on T from {FIRST} to {LAST}. Solved: more than {GridTime.threshold:.0%} success at the largest "
        f"T, {config.latest}.",
        intervals_note(
            "Wilson for success rates over agents", "Student's t for shares and their differences"
        ),
    ]


def summary(results: pl.DataFrame) -> pl.DataFrame:
    """Success rates over agents, and each agent's mean success at every T."""
    success = [name for name in results.columns if name.startswith("success_")]
    return pl.concat([summarize(results), means(results, success)])


def success_by_time(results: pl.DataFrame, config: GridTimeConfig) -> pl.DataFrame:
    return curves_table(
        "How late an agent can arrive in time",
        f"Episodes that end at the destination exactly at step T; trained on T up to {LAST}.",
        "T",
        "share of episodes",
        curves_across(results, {time: f"success_{time}" for time in config.tested}),
    )


@experiment(
    source="Trask et al., Neural Arithmetic Logic Units (arXiv 1808.00508, NeurIPS 2018)",
    laptop=GridTimeConfig(steps=6_000),
    paper={
        "seeds": 10,
        "steps": 50_000,
        "eval_every": 500,
        "batch": 128,
        "episodes": 1_000,
        "hidden": 64,
    },
    smoke={
        "agents": (PLAIN, CLOCKED),
        "steps": 4,
        "eval_every": 2,
        "episodes": 10,
        "latest": 13,
        "hidden": 8,
    },
    findings=findings,
    notes=notes,
    summary=summary,
    curves=success_by_time,
)
def grid_time(config: GridTimeConfig) -> Iterator[Training]:
    yield from (train_agent(config, agent) for agent in config.agents)


def train_agent(config: GridTimeConfig, agent: str) -> Training:
    """One kind of agent; replica ``i`` has seed ``i``."""
    validation = start_episodes(config, TASK, VALIDATION_SEED)

    def evaluate(replicas: Replicas, keys: Tensor) -> dict[str, Tensor]:
        with torch.no_grad():
            return {"validation_failure": 1 - replicas.map(partial(success, TASK, validation))}

    def measure(trained: Trained) -> dict[str, Column]:
        found = {}
        for time in config.tested:
            task = GridTime(times=(time, time))
            found[time] = trained.map(partial(success, task, start_episodes(config, task, TEST_SEED + time)))
        return {
            "solved": found[config.latest] > GridTime.threshold,
            "success_trained": torch.stack([found[time] for time in range(FIRST, LAST + 1)]).mean(0),
            **{f"success_{time}": share for time, share in found.items()},
            "validation_failure": trained.history.at_best("validation_failure"),
            "best_step": trained.history.best_step,
            "steps": config.steps,
        }

    return Training(
        name=agent,
        labels={"unit": agent, "operation": "arriving in time", "range": f"T from {FIRST} to {LAST}"},
        build=partial(Agent, CLOCKS[agent], TASK.places, config.hidden),
        seeds=range(config.seeds),
        train=TrainConfig(
            loss=partial(episode_loss, config.batch),
            optimizer=partial(torch.optim.Adam, lr=LEARNING_RATE, fused=True),
            steps=config.steps,
            evaluate=evaluate,
            eval_every=config.eval_every,
            monitor="validation_failure",
            lr_schedule=LinearDecay(config.steps),
            grad_clip=Clip(norm=1.0),
            solved=lambda measures: measures["validation_failure"] < 1 - GridTime.threshold,
            compile=config.compile,
        ),
        measure=measure,
        device=config.device,
    )


def episode_loss(batch: int, model: nn.Module, key: Tensor, _: dict[str, Tensor]) -> Tensor:
    """The loss on ``batch`` episodes of fresh starts and actions, sampled with ``key``."""
    u = ops.uniform(key, (2 + LAST, batch))

    def sample(preferences: Tensor, step: int) -> Tensor:
        shares = torch.softmax(preferences.detach(), -1).cumsum(-1)
        # the last share is 1 up to rounding, and is left out so that no number lies above it
        return (shares[..., :-1] <= u[2 + step][..., None]).sum(-1)

    return actor_critic_loss(walk(model, TASK, TASK.begin(u[:2]), sample))


def start_episodes(config: GridTimeConfig, task: GridTime, seed: int) -> Episodes:
    """Fixed episodes of ``task`` before their first step."""
    u = torch.rand(2, config.episodes, generator=torch.Generator().manual_seed(seed))
    return task.begin(u.to(config.device))


def success(task: GridTime, start: Episodes, model: nn.Module) -> Tensor:
    """The share of the episodes that end with the reward."""
    return walk(model, task, start, likeliest).reward.sum(0).mean()
