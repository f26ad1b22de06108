"""The one exception that a person is meant to read.

What belongs here: errors that are the user's to mend (a wrong field, a missing file, an endpoint that is down). They are
shown as they are, without a traceback, by the command line and in a failed step. Faults of our own code stay ordinary
exceptions.
"""

from __future__ import annotations


class UserError(Exception):
    """Something the user can mend. `what` names the place and the value, `fix` says what to do next."""

    def __init__(self, what: str, *, fix: str = "") -> None:
        super().__init__(what, fix)
        self.what = what
        self.fix = fix

    def __str__(self) -> str:
        """The message as it is shown: what is wrong, then what to do."""
        return f"{self.what}\n  → {self.fix}" if self.fix else self.what

    def __reduce__(self) -> tuple[object, ...]:
        return _rebuild, (type(self), self.what, self.fix)


def _rebuild(kind: type[UserError], what: str, fix: str) -> UserError:
    """Keeps the exception picklable: worker processes hand it back to their parent."""
    error = kind.__new__(kind)
    UserError.__init__(error, what, fix=fix)
    return error
