"""Time in a grid world: the world and its Gymnasium environment, the agents, and the claims."""

from collections.abc import Sequence

import gymnasium
import numpy as np
import pytest
import torch
from gymnasium.utils.env_checker import check_env

from extrapolate.experiments.agents.grid_time import (
    CLOCKS,
    CRITIC,
    ENTROPY,
    Agent,
    Clock,
    Walk,
    actor_critic_loss,
    episode_loss,
    grid_time,
    likeliest,
    train_agent,
    walk,
)
from extrapolate.tasks import GridTime
from extrapolate.tasks.grid_time import Episodes
from extrapolate.tasks.grid_time_env import GridTimeEnv
from made_up import claims_of

WORLD = GridTime()
STAY, UP, DOWN, LEFT, RIGHT = range(5)


def walked_from(agent: int, time: int, actions: Sequence[int]) -> tuple[list[int], list[float]]:
    """Return the positions and the rewards of an agent on its way to position 2."""
    agents, destination, times, step = torch.tensor([[agent], [2], [time], [0]])
    start = Episodes(agents, destination, times, step, step < 0)
    positions, rewards = [], []
    for action in actions:
        start, reward = WORLD.act(start, torch.tensor([action]))
        positions.append(start.agent.item())
        rewards.append(reward.item())
    return positions, rewards


def test_only_an_arrival_in_time_is_rewarded_and_the_edge_stops_moves() -> None:
    assert walked_from(0, 5, [STAY, STAY, STAY, RIGHT, RIGHT])[1] == [0, 0, 0, 0, 1]
    for wrong in (
        [RIGHT, RIGHT, STAY, STAY, STAY],
        [STAY] * 4 + [RIGHT] * 3,
        [RIGHT, RIGHT, LEFT, STAY, RIGHT],
    ):
        assert not any(walked_from(0, 5, wrong)[1])
    actions = [UP, LEFT, UP, UP, LEFT, LEFT, DOWN, RIGHT, RIGHT, RIGHT, RIGHT, STAY]
    assert walked_from(12, 99, actions)[0] == [7, 6, 1, 1, 0, 0, 5, 6, 7, 8, 9, 9]


def test_episodes_begin_equally_often_at_every_reachable_pair() -> None:
    world = GridTime(side=3, times=(2, 2))
    count = 24_000
    start = world.begin(torch.stack([torch.rand(count), (torch.arange(count) + 0.5) / count]))
    pairs, often = torch.stack([start.agent, start.destination]).unique(dim=1, return_counts=True)
    apart = (pairs // 3).diff(dim=0).abs() + (pairs % 3).diff(dim=0).abs()
    assert (apart.min(), apart.max()) == (1, 2)
    assert pairs.shape[1] == 24 + 16 + 12  # neighbours, over a corner, two in line
    assert often.max() - often.min() <= 1


def test_times_are_sampled_from_their_range_and_observed_once() -> None:
    start = WORLD.begin(torch.rand(2, 4_000))
    assert start.time.unique().tolist() == list(range(5, 13))
    planes, time = WORLD.observe(start)
    assert torch.equal(time, start.time.float())
    assert torch.equal(planes[:, :25].argmax(-1), start.agent)
    assert torch.equal(planes[:, 25:].argmax(-1), start.destination)
    assert planes.sum() == 2 * 4_000
    after, _ = WORLD.act(start, torch.zeros(4_000, dtype=torch.int64))
    assert WORLD.observe(after)[1].abs().max() == 0


def test_impossible_worlds_are_refused() -> None:
    for side, times in ((1, (5, 12)), (5, (0, 3)), (5, (5, 4))):
        with pytest.raises(ValueError, match="side must be at least 2"):
            GridTime(side=side, times=times)


def test_environment_passes_the_check_of_gymnasium() -> None:
    made = gymnasium.make("extrapolate.tasks.grid_time_env:GridTime-v0")
    check_env(made.unwrapped, skip_render_check=True)
    assert made.spec is not None


def test_vector_environment_follows_its_seed_and_restarts_after_an_episode() -> None:
    environments = gymnasium.make_vec("GridTime-v0", num_envs=3, times=(5, 5))
    first, _ = environments.reset(seed=4)
    again, _ = environments.reset(seed=4)
    assert environments.observation_space.contains(first)
    assert all(np.array_equal(first[name], again[name]) for name in first)
    assert first["time"].tolist() == [[5]] * 3
    # no agent moves: all episodes end together, and restart at the next step
    for step in range(1, 7):
        seen, reward, over, truncated, _ = environments.step(np.full(3, STAY))
        assert over.tolist() == [step == 5] * 3
        assert seen["time"].tolist() == [[5 if step == 6 else 0]] * 3
        assert not truncated.any()
        assert not reward.any()


def test_agent_acts_in_gymnasium_as_in_training() -> None:
    environment, agent = GridTimeEnv(), Agent(Clock(), 16)
    seen, _ = environment.reset(seed=3)
    start = environment._episode
    walked = walk(agent, environment.world, start, likeliest)
    state, done, step = agent.initial_state(start.time.float()), False, 0
    while not done:
        planes, time = torch.from_numpy(seen["planes"]).flatten()[None], torch.from_numpy(seen["time"])
        preferences, _, state = agent(planes, time, state)
        torch.testing.assert_close(preferences, walked.preferences[step])
        seen, reward, done, _, _ = environment.step(np.int64(preferences.argmax().item()))
        assert reward == walked.reward[step].item()
        step += 1
    assert walked.going.sum() == step


def test_clock_with_exact_weights_is_the_number_of_steps_left() -> None:
    clock = Clock()
    with torch.no_grad():
        clock.layer.w_hat.copy_(torch.tensor([20.0, -20.0]).expand(8, 2))
        clock.layer.m_hat.fill_(20.0)
    sums = torch.zeros(1, 8)
    for step in range(30):
        sums = clock(torch.tensor([[30.0 if step == 0 else 0.0, 1.0]]), sums)
        assert sums[0].tolist() == [29.0 - step] * 8


@pytest.mark.parametrize("clock", CLOCKS.values())
def test_every_agent_has_a_loss_with_finite_gradients(clock: type[Clock]) -> None:
    agent = Agent(clock(), 8)
    walked = walk(agent, WORLD, WORLD.begin(torch.rand(2, 6)), likeliest)
    assert walked.preferences.shape == (12, 6, 5)
    actor_critic_loss(walked).backward()
    assert all(p.grad is not None and p.grad.isfinite().all() for p in agent.parameters())


def test_loss_is_advantage_actor_critic_over_the_steps_before_the_end() -> None:
    preferences = torch.randn(3, 1, 5, requires_grad=True)
    expected = torch.tensor([[0.1], [0.2], [0.3]])
    action, going = torch.tensor([[1], [4], [0]]), torch.tensor([[True], [True], [False]])
    loss = actor_critic_loss(Walk(preferences, expected, action, going, torch.tensor([[0.0], [1.0], [0.0]])))
    terms = []
    for step, chosen in ((0, 1), (1, 4)):
        share = preferences[step, 0].softmax(-1)
        advantage = 1 - expected[step, 0]
        entropy = -(share * share.log()).sum()
        terms.append(-share[chosen].log() * advantage + CRITIC * advantage**2 - ENTROPY * entropy)
    torch.testing.assert_close(loss, torch.stack(terms).mean())


def test_replicas_sample_different_episodes_and_actions() -> None:
    replicas = train_agent(grid_time.presets["smoke"], "LSTM").replicas()
    one, other = (episode_loss(4, replicas[0], key, {}).item() for key in replicas.keys(0))
    assert one != other


def test_findings_hold_if_their_intervals_exclude_the_bounds() -> None:
    """The findings in order: NAC later than LSTM, NAC holds, LSTM falls."""
    for trained, lstm, nac, holds in (
        (0.9, [0.0, 0.02, 0.0], [0.8, 0.85, 0.9], True),
        (0.9, [0.0, 0.9, 0.0], [0.9, 0.0, 0.9], False),
        (0.0, [0.0, 0.0], [0.0, 0.0], False),  # never arrives
    ):
        shares = {"LSTM": lstm, "LSTM-NAC": nac}
        claims = claims_of(grid_time, "success_24", shares, success_trained=trained)
        assert [each.holds for each in claims.values()] == [holds] * 3
