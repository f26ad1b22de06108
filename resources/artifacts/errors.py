"""What the artifact store tells a person.

Every one is a UserError: it names the path, what was found, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence

from resources.errors import UserError

_MEND = "restore it from a backup, or remove that version's folder and run again: what is missing is made again"


class MissingArtifact(UserError):
    """An artifact that was asked for and is not there: an input that was never made, or an id that is unknown."""


class DamagedArtifact(UserError):
    """A manifest, pointer or data file that is not what was published."""

    def __init__(self, place: str, found: str, *, fix: str = "") -> None:
        super().__init__(f"{place} is damaged: {found}", fix=fix or _MEND)


class ValidationFailed(UserError):
    """Rows, counts or checks that must hold before an artifact may be seen do not. Nothing was published.

    `problems` holds one short line each; `str()` shows them all.
    """

    problems: tuple[str, ...] = ()

    def __init__(self, what: str, problems: Sequence[str] = (), *, fix: str = "") -> None:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        kept = "nothing was published and what was there before is still current; mend the rows and run again"
        super().__init__(what + lines, fix=fix or kept)
        self.problems = tuple(problems)


class DiskFull(UserError):
    """No room for the next bytes. Nothing was published."""


class TransferFailed(UserError):
    """An object store did not take or give a file."""
