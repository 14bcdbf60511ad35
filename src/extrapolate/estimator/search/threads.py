"""One thread: the search's matrices are small, and a second thread would only be waited for."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from extrapolate._runtime.threads import thread_limit


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch and linear algebra use one thread, so that the answer cannot depend on their number.

    On two busy cores this was 8 times faster than two threads.
    """
    with thread_limit(1), threadpool_limits(1):
        yield
