"""Work shared among threads: short work is not shared, every job runs once, and errors reach the caller."""

import itertools
import multiprocessing
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from functools import partial

import pytest
import torch
from hypothesis import given
from hypothesis import strategies as st

from extrapolate._runtime import threads
from extrapolate._runtime.threads import CHUNK, CHUNKS, WORTH_SHARING, at_once, cut, share, thread_limit


@pytest.fixture
def two() -> Iterator[None]:
    before = torch.get_num_threads()
    torch.set_num_threads(2)
    yield
    torch.set_num_threads(before)


def start_all(jobs: list[Callable[[], object]]) -> list[threading.Thread]:
    threads = [threading.Thread(target=job) for job in jobs]
    for each in threads:
        each.start()
    return threads


def join_all(threads: list[threading.Thread]) -> None:
    for each in threads:
        each.join()


@given(st.integers(0, 10**6), st.floats(0, 1e6))
def test_ranges_are_contiguous_and_long_enough_to_claim(count: int, nanoseconds: float) -> None:
    ranges = cut(count, nanoseconds)
    assert ranges[0][0] == 0
    assert ranges[-1][1] == count
    assert all(before[1] == after[0] for before, after in itertools.pairwise(ranges))
    assert len(ranges) <= CHUNKS
    if len(ranges) > 1:
        assert count * nanoseconds >= WORTH_SHARING
        assert all(stop > start for start, stop in ranges)
        assert count * nanoseconds / len(ranges) >= CHUNK


def test_work_of_five_milliseconds_or_more_is_cut() -> None:
    assert len(cut(4999, 1000.0)) == 1
    assert len(cut(5000, 1000.0)) == 10


def test_ranges_do_not_depend_on_the_number_of_threads(two: None) -> None:
    shared = cut(10**6, 100.0)
    with thread_limit(1):
        assert cut(10**6, 100.0) == shared


def test_short_work_stays_on_the_callers_thread(two: None) -> None:
    found, both = [], threading.Barrier(2)
    share(lambda start, stop: found.append((start, stop, threading.get_ident())), 4999, 1000.0)
    assert found == [(0, 4999, threading.get_ident())]
    share(lambda start, stop: both.wait(10), 5000, 1000.0)  # raises unless two threads share it


@pytest.mark.parametrize("count", [0, 1, 2, 7])
def test_every_job_is_done_once(two: None, count: int) -> None:
    done: list[int] = []
    at_once([partial(done.append, i) for i in range(count)])
    assert sorted(done) == list(range(count))


def test_every_job_is_done_once_while_other_threads_are_busy(two: None) -> None:
    """There are more threads that need a core and Python's lock than cores."""
    ended, done = threading.Event(), []

    def compute() -> None:
        while not ended.is_set():
            sum(range(1000))

    busy = start_all([compute] * 3)
    try:
        for turn in range(5):
            at_once([partial(done.append, (turn, i)) for i in range(20)])
    finally:
        ended.set()
        join_all(busy)
    assert sorted(done) == [(turn, i) for turn in range(5) for i in range(20)]


def test_two_jobs_run_at_the_same_time(two: None) -> None:
    both = threading.Barrier(2)
    at_once([lambda: both.wait(10)] * 2)  # raises if the other job is not running


def test_caller_does_not_wait_for_a_thread_that_has_not_started(two: None, monkeypatch: pytest.MonkeyPatch) -> None:
    held, pool = threading.Event(), threads._pool(0)
    monkeypatch.setattr(threads, "_pool", lambda process: pool)
    monkeypatch.setattr(pool, "_max_workers", 1)
    holder = pool.submit(held.wait, 20)  # like a busy program on the core of the only other thread
    done: list[int] = []
    at_once([partial(done.append, i) for i in range(4)])
    assert done == [0, 1, 2, 3]
    assert not holder.done()
    held.set()
    pool.shutdown()


def test_no_more_threads_than_torch_may_use(two: None) -> None:
    found: set[int] = set()

    def job() -> None:
        found.add(threading.get_ident())
        time.sleep(0.001)

    at_once([job] * 20)
    assert len(found) <= 2


@pytest.mark.parametrize(
    ("threads", "code", "printed"),
    [
        (1, "at_once([lambda: None] * 20); print(threading.active_count())", ["1"]),
        (2, "atexit.register(lambda: at_once([lambda: print('done')] * 3))", ["done"] * 3),
    ],
    ids=["one thread starts no other", "jobs are done while the interpreter ends"],
)
def test_programs_of_few_threads_end(threads: int, code: str, printed: list[str]) -> None:
    imports = "import atexit, threading, torch; from extrapolate._runtime.threads import at_once"
    code = f"{imports}; torch.set_num_threads({threads}); {code}"
    ended = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)
    assert ended.stdout.split() == printed
    assert not ended.stderr


def test_torch_uses_one_thread_inside_a_job_and_as_many_as_before_outside(two: None) -> None:
    threads._pool.cache_clear()  # so that the thread is new to torch
    found, both, caller = [], threading.Barrier(2), threading.get_ident()

    def job() -> None:
        both.wait(10)
        found.append(torch.get_num_threads())
        if threading.get_ident() != caller:
            time.sleep(0.02)  # the other thread ends last

    at_once([job] * 2)
    assert found == [1, 1]
    assert torch.get_num_threads() == 2
    join_all(start_all([lambda: found.append(torch.get_num_threads())]))
    assert found[-1] == 2


def test_nested_jobs_run_on_the_thread_of_the_outer_job(two: None) -> None:
    found: list[tuple[int, int]] = []

    def outer() -> None:
        mine = threading.get_ident()
        at_once([lambda: found.append((mine, threading.get_ident()))] * 5)

    at_once([outer] * 4)
    assert len(found) == 20
    assert all(mine == its for mine, its in found)


@pytest.mark.parametrize("mode", [torch.no_grad, torch.inference_mode])
def test_jobs_on_all_threads_write_into_tensors_of_the_caller(two: None, mode: type) -> None:
    both = threading.Barrier(2)
    with mode():
        out = torch.zeros(2)
        weight = torch.ones(2, requires_grad=True)

        def job(i: int) -> None:
            both.wait(10)  # each job is on another thread
            out[i] += 2 * weight[i]

        at_once([partial(job, i) for i in range(2)])
    assert out.tolist() == [2.0, 2.0]
    assert not out.requires_grad


@pytest.mark.parametrize("error", [ValueError("here"), KeyboardInterrupt(), IndexError("there")])
def test_an_error_in_a_job_is_raised_once(two: None, error: BaseException) -> None:
    def fails() -> None:
        raise error

    with pytest.raises(type(error)) as caught:
        at_once([fails, lambda: None, lambda: None])
    assert caught.value is error
    assert torch.get_num_threads() == 2
    at_once([lambda: None] * 3)  # the error is not raised again


def test_error_of_one_thread_is_raised_when_the_other_is_done(two: None) -> None:
    both, done = threading.Barrier(2), []

    def fails() -> None:
        both.wait(10)
        raise ValueError

    def finishes() -> None:
        both.wait(10)
        time.sleep(0.02)
        done.append(True)

    with pytest.raises(ValueError):  # noqa: PT011
        at_once([fails, finishes])
    assert done == [True]


def _total(jobs: int) -> int:
    done: list[int] = []
    at_once([partial(done.append, 1)] * jobs)
    return sum(done)


@pytest.mark.filterwarnings("ignore:.*fork:DeprecationWarning")
@pytest.mark.skipif("fork" not in multiprocessing.get_all_start_methods(), reason="no fork on this system")
def test_a_forked_child_does_not_wait_for_its_parents_threads(two: None) -> None:
    assert _total(4) == 4
    with multiprocessing.get_context("fork").Pool(1) as pool:
        assert pool.apply_async(_total, (4,)).get(timeout=20) == 4


def test_calls_from_several_threads_do_not_mix(two: None) -> None:
    found: list[int] = []
    join_all(start_all([lambda jobs=jobs: found.append(_total(jobs)) for jobs in (2, 3, 5)]))
    assert sorted(found) == [2, 3, 5]
