"""Check for numba, the compiler of the CPU kernels. Without it, each kernel's reference definition is used."""

from functools import cache


@cache
def numba_is_installed() -> bool:
    """Return whether numba can be imported.

    The import is slow: call this only when a kernel is about to run.
    """
    try:
        import numba  # noqa: F401
    except ImportError:
        return False
    return True
