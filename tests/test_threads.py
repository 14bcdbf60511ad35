"""Work shared among threads: all of it is done, once, and what goes wrong is told."""

import itertools
import multiprocessing
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extrapolate import threads
from extrapolate.threads import at_once, cut


@pytest.fixture
def two() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


@pytest.fixture(params=["torch's threads", "threads of our own"])
def team(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch, two: None) -> None:
    if request.param == "threads of our own":
        monkeypatch.setattr(threads, "_team", lambda: None)
    elif threads._team() is None:
        pytest.skip("no OpenMP library can be asked here")


@given(st.integers(0, 10**6), st.integers(1, 10**5))
def test_ranges_follow_one_another_and_are_worth_a_thread(count: int, worth: int) -> None:
    ranges = cut(count, worth)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == count
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ranges))
    assert len(ranges) == 1 or all(stop - start >= worth for start, stop in ranges)
    assert len(ranges) <= torch.get_num_threads()


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_every_job_is_done_once(team: None, count: int) -> None:
    done: list[int] = []
    at_once([partial(done.append, i) for i in range(count)])
    assert sorted(done) == list(range(count))


def test_two_jobs_run_at_the_same_time(team: None) -> None:
    both = threading.Barrier(2)
    at_once([lambda: both.wait(10)] * 2)  # raises if the other is not there


def test_no_more_threads_than_torch_may_use(team: None) -> None:
    found: set[int] = set()

    def job() -> None:
        found.add(threading.get_ident())
        time.sleep(0.001)

    at_once([job] * 20)
    assert len(found) <= 2


@pytest.mark.parametrize("error", [ValueError("here"), KeyboardInterrupt(), IndexError("there")])
def test_what_a_job_raises_is_raised(team: None, error: BaseException) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        at_once([fails, lambda: None, lambda: None])
    assert caught.value is error


def _total(jobs: int) -> int:
    done: list[int] = []
    at_once([partial(done.append, 1)] * jobs)
    return sum(done)


@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork here")
def test_a_forked_child_does_not_wait_for_its_parents_threads(two: None) -> None:
    assert _total(4) == 4
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_total, (4,)).get(timeout=20) == 4


def test_calls_from_several_threads_do_not_mix(team: None) -> None:
    found: list[int] = []
    callers = [threading.Thread(target=_into(found, jobs)) for jobs in (2, 3, 5)]
    for each in callers:
        each.start()
    for each in callers:
        each.join()
    assert sorted(found) == [2, 3, 5]


def _into(found: list[int], jobs: int) -> Callable[[], None]:
    return lambda: found.append(_total(jobs))
