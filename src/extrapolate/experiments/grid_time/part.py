"""One kind of agent: all its seeds trained at once."""

from dataclasses import dataclass
from typing import Any

import polars as pl
import torch
from torch import Tensor, nn

from extrapolate import ops
from extrapolate.experiments.grid_time.models import CLOCKS, Agent, Walk, likeliest, walk
from extrapolate.experiments.grid_time.settings import GridTimeSettings
from extrapolate.tasks import GridTime
from extrapolate.training import Clip, History, LinearDecay, Replicas
from extrapolate.training.train_config import TrainConfig

LEARNING_RATE = 3e-3

#: Weight of the error of the expected reward, and of the policy's entropy, beside the policy's own loss.
CRITIC, ENTROPY = 0.5, 0.01

#: Seeds of the fixed episodes, the same for all; to the test's, T is added.
VALIDATION_SEED, TEST_SEED = 1, 100


def actor_critic_loss(walked: Walk) -> Tensor:
    """Advantage actor-critic over whole episodes, the mean over the steps before their end.

    The only reward is the last, and is not discounted: from every step on, it is what is still to come.
    """
    total = walked.reward.sum(0)
    advantage = total - walked.expected
    log_share = torch.log_softmax(walked.preferences, -1)
    chosen = log_share.gather(-1, walked.action[..., None])[..., 0]
    entropy = -(log_share.exp() * log_share).sum(-1)
    loss = -chosen * advantage.detach() + CRITIC * advantage.square() - ENTROPY * entropy
    return (loss * walked.going).sum() / walked.going.sum()


def tested(settings: GridTimeSettings) -> range:
    """Every T of the test."""
    return range(GridTime().times[0], settings.latest + 1)


@dataclass(frozen=True)
class GridTimePart:
    """Replica ``i`` has seed ``i``."""

    agent: str
    settings: GridTimeSettings

    @property
    def name(self) -> str:
        return self.agent

    @property
    def task(self) -> GridTime:
        return GridTime()

    def about(self) -> dict[str, Any]:
        return {"agent": self.agent, "hidden": self.settings.hidden, "seeds": self.settings.seeds}

    def _build(self) -> nn.Module:
        return Agent(CLOCKS[self.agent], self.task.places, self.settings.hidden)

    def replicas(self) -> Replicas:
        return Replicas.build(self._build, range(self.settings.seeds), device=self.settings.device)

    def plan(self, replicas: Replicas) -> TrainConfig:
        settings, task = self.settings, self.task

        def loss(model: nn.Module, key: Tensor, given: dict[str, Tensor]) -> Tensor:
            u = ops.uniform(key, (2 + task.times[1], settings.batch))

            def draw(preferences: Tensor, step: int) -> Tensor:
                shares = torch.softmax(preferences.detach(), -1).cumsum(-1)
                # the last share is 1 up to rounding, and is left out so that none lies above it
                return (shares[..., :-1] <= u[2 + step][..., None]).sum(-1)

            return actor_critic_loss(walk(model, task, task.begin(u[:2]), draw))

        return TrainConfig(
            loss=loss,
            optimizer=lambda parameters: torch.optim.Adam(parameters, lr=LEARNING_RATE, fused=True),
            steps=settings.steps,
            evaluate=lambda replicas, keys: {"failure": 1 - self._success(replicas, task, VALIDATION_SEED)},
            eval_every=settings.evaluate_every,
            monitor="failure",
            lr_schedule=LinearDecay(settings.steps),
            grad_clip=Clip(norm=1.0),
            solved=lambda measures: measures["failure"] < 1 - GridTime.threshold,
            compile=False,  # twelve steps unrolled are more code than a compiler can fuse in a minute
        )

    def _success(self, replicas: Replicas, task: GridTime, seed: int) -> Tensor:
        """The share (R,) of fixed episodes of ``task`` that end with the reward."""
        u = torch.rand(2, self.settings.episodes, generator=torch.Generator().manual_seed(seed))
        start = task.begin(u.to(replicas.device))
        with torch.no_grad():
            return replicas.map(lambda model: walk(model, task, start, likeliest).reward.sum(0).mean())

    def rows(self, replicas: Replicas, history: History) -> pl.DataFrame:
        count, (first, last) = len(replicas), self.task.times
        success = {
            time: self._success(replicas, GridTime(times=(time, time)), TEST_SEED + time)
            for time in tested(self.settings)
        }
        trained = torch.stack([success[time] for time in range(first, last + 1)]).mean(0)
        return pl.DataFrame(
            {
                "unit": [self.agent] * count,
                "operation": ["arriving in time"] * count,
                "range": [f"T from {first} to {last}"] * count,
                "seed": list(replicas.seeds),
                "solved": (success[self.settings.latest] > GridTime.threshold).tolist(),
                "success_trained": trained.tolist(),
                **{f"success_{time}": share.tolist() for time, share in success.items()},
                "validation_failure": history.at_best("failure").tolist(),
                "best_step": history.best_step.tolist(),
                "steps": [self.settings.steps] * count,
            }
        )

    def extras(self, replicas: Replicas, rows: pl.DataFrame) -> dict[str, pl.DataFrame]:
        return {}
