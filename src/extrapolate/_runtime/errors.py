"""Exceptions that are not bugs: input that the user can correct, and a request to stop."""

from collections.abc import Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Invalid input. The message is one line: what is wrong, then what to do.

    The command line prints it without a traceback and exits with status 2.
    """


class Interrupted(Exception):  # noqa: N818  (nothing went wrong)
    """A stop was requested. If there is a checkpoint, the state has been saved."""


def unknown_name_error(kind: str, name: str, known: Sequence[str]) -> UserError:
    """Return the error for an unknown name: it suggests the closest known name, or lists all of them."""
    spelt = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), list(spelt), 1, cutoff=0.4)
    hint = f"did you mean {spelt[near[0]]}?" if near else f"choose from {', '.join(known)}"
    return UserError(f"unknown {kind} {name!r}: {hint}")
