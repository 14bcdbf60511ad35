"""Whether the compiler of the CPU kernels is installed. Without it every kernel's definition serves instead."""

from functools import cache


@cache
def numba_is_installed() -> bool:
    """Return whether numba can be imported.

    The import is slow: call this where a kernel is about to run.
    """
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True
