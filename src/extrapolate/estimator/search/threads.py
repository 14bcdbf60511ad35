"""Limit the search to one thread: its matrices are too small for more."""

from collections.abc import Iterator
from contextlib import contextmanager

from threadpoolctl import threadpool_limits

from extrapolate._runtime.threads import thread_limit


@contextmanager
def one_thread() -> Iterator[None]:
    """Limit torch and linear algebra to one thread in the context, so that results do not depend on their number.

    On two busy cores, one thread was 8 times faster than two.
    """
    with thread_limit(1), threadpool_limits(1):
        yield
