"""The one exception that means: a person can mend this, and the message says how."""


class UserError(Exception):
    """Unusable input. The message is one line that names what is wrong and what to do.

    The command prints it without a traceback and ends with exit status 2.
    """
