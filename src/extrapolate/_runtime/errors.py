"""The exceptions that are no faults of the program: an input that a person can mend, a request to stop."""

from collections.abc import Sequence
from difflib import get_close_matches


class UserError(Exception):
    """Unusable input. The message is one line that names what is wrong and what to do.

    The command prints it without a traceback and ends with exit status 2.
    """


class Interrupted(Exception):  # noqa: N818  (nothing went wrong)
    """A watch asked to stop; the state is saved where there is a checkpoint."""


def unknown_name_error(kind: str, name: str, known: Sequence[str]) -> UserError:
    """The error for a misspelt name: offers the nearest one there is, or all of them."""
    spelt = {each.casefold(): each for each in known}
    near = get_close_matches(name.casefold(), list(spelt), 1, cutoff=0.4)
    hint = f"did you mean {spelt[near[0]]}?" if near else f"choose from {', '.join(known)}"
    return UserError(f"unknown {kind} {name!r}: {hint}")
