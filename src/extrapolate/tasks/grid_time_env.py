"""The grid world of :class:`GridTime` for Gymnasium, with one episode or many in parallel.

Importing this module registers ``GridTime-v0``. ``gymnasium.make("extrapolate.tasks.grid_time_env:GridTime-v0")``
and ``gymnasium.make_vec`` import it first.
"""

from dataclasses import fields
from typing import Any

import numpy as np
import torch
from numpy.typing import NDArray

from extrapolate._runtime.extras import needs_extra
from extrapolate.tasks.grid_time import MOVES, Episodes, GridTime

with needs_extra("gym", "extrapolate.tasks.grid_time_env"):
    import gymnasium
    from gymnasium import spaces
    from gymnasium.vector import AutoresetMode, VectorEnv
    from gymnasium.vector.utils import batch_space

Observation = dict[str, Any]  # of arrays; the type that Gymnasium gives to its spaces is no more exact


class GridTimeEnv(gymnasium.Env[Observation, np.int64]):
    """The environment with one episode; ``side`` and ``times`` as in :class:`GridTime`.

    Observations are a dictionary. ``planes``, float32 (2, side, side), marks the agent and its destination with a 1
    each. ``time``, float32 (1,), is T after a reset and 0 later. Actions: stay, up, down, left, right. Episodes
    are never truncated.
    """

    metadata = {"render_modes": []}  # noqa: RUF012  (gymnasium's name and type)

    def __init__(self, side: int = 5, times: tuple[int, int] = (5, 12)) -> None:
        self.world = GridTime(side, times)
        self.observation_space = _observation_space(self.world)
        self.action_space = spaces.Discrete(len(MOVES))

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._episode = _begin(self.world, self.np_random, 1)
        return self._observe(), {}

    def step(self, action: np.int64) -> tuple[Observation, float, bool, bool, dict[str, Any]]:
        self._episode, reward = self.world.act(self._episode, torch.tensor([int(action)]))
        return self._observe(), float(reward[0]), bool(self._episode.over[0]), False, {}

    def _observe(self) -> Observation:
        return {name: value[0] for name, value in _observe(self.world, self._episode).items()}


class GridTimeVectorEnv(VectorEnv[Observation, NDArray[np.int64], NDArray[Any]]):
    """The environment with ``num_envs`` episodes: :class:`GridTimeEnv` with a leading axis, computed in batches.

    After an episode ends, the next step resets it: this step ignores its action, and its reward is 0.
    """

    metadata = {"render_modes": [], "autoreset_mode": AutoresetMode.NEXT_STEP}  # noqa: RUF012

    def __init__(self, num_envs: int = 1, side: int = 5, times: tuple[int, int] = (5, 12)) -> None:
        self.num_envs = num_envs
        self.world = GridTime(side, times)
        self.single_observation_space = _observation_space(self.world)
        self.single_action_space = spaces.Discrete(len(MOVES))
        self.observation_space = batch_space(self.single_observation_space, num_envs)
        self.action_space = batch_space(self.single_action_space, num_envs)

    def reset(
        self, *, seed: int | None = None, options: dict[str, Any] | None = None
    ) -> tuple[Observation, dict[str, Any]]:
        super().reset(seed=seed)
        self._episodes = _begin(self.world, self.np_random, self.num_envs)
        return _observe(self.world, self._episodes), {}

    def step(
        self, actions: NDArray[np.int64]
    ) -> tuple[Observation, NDArray[Any], NDArray[Any], NDArray[Any], dict[str, Any]]:
        ended = self._episodes.over
        after, reward = self.world.act(self._episodes, torch.as_tensor(actions, dtype=torch.int64))
        fresh = _begin(self.world, self.np_random, self.num_envs)
        chosen = {
            each.name: torch.where(ended, getattr(fresh, each.name), getattr(after, each.name))
            for each in fields(Episodes)
        }
        self._episodes = Episodes(**chosen)
        over = self._episodes.over.numpy().copy()
        rewards = reward.double().numpy()
        return _observe(self.world, self._episodes), rewards, over, np.zeros_like(over), {}


def _observation_space(world: GridTime) -> spaces.Dict:
    planes = spaces.Box(0.0, 1.0, (2, world.side, world.side), np.float32)
    return spaces.Dict({"planes": planes, "time": spaces.Box(0.0, float(world.times[1]), (1,), np.float32)})


def _begin(world: GridTime, random: np.random.Generator, count: int) -> Episodes:
    return world.begin(torch.from_numpy(random.random((2, count), dtype=np.float32)))


def _observe(world: GridTime, episodes: Episodes) -> Observation:
    planes, time = world.observe(episodes)
    return {
        "planes": planes.unflatten(-1, (2, world.side, world.side)).numpy(),
        "time": time[:, None].numpy(),
    }


gymnasium.register(
    "GridTime-v0",
    entry_point=f"{__name__}:GridTimeEnv",
    vector_entry_point=f"{__name__}:GridTimeVectorEnv",
)
