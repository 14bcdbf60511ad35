"""Optional dependencies: the error of a failed import names the extra to install."""

from collections.abc import Iterator
from contextlib import contextmanager

from extrapolate._runtime.errors import UserError


class MissingExtraError(UserError, ModuleNotFoundError):
    """A library that belongs to an extra is not installed."""


@contextmanager
def needs_extra(extra: str, user: str) -> Iterator[None]:
    """Turn a failed import in this block into an error that names the extra ``user`` needs.

    Raises:
        MissingExtraError: a library other than this package is missing.
    """
    try:
        yield
    except MissingExtraError:
        raise
    except ModuleNotFoundError as error:
        if (error.name or "extrapolate").partition(".")[0] == "extrapolate":
            raise
        raise MissingExtraError(
            f"{user} needs {error.name}, which is in the extra {extra!r}: "
            f"pip install 'extrapolate[{extra}]' (in a clone: pip install '.[{extra}]')",
            name=error.name,
        ) from error
