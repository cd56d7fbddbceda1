"""The base of all errors that the user can mend."""

from __future__ import annotations


class UserError(Exception):
    """Something that the user can mend: the message names it and the way out.

    It is shown as one message, without a traceback, and the command or session ends with exit code 4. A
    ValueError is left to mistakes of our own, and to wrong arguments of a measuring call in a test.
    """
