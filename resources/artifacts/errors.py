"""What the artifact store tells a person.

Every one is a UserError: it names the path, what was found, and what to do next.
"""

from __future__ import annotations

from collections.abc import Sequence

from resources.errors import UserError


class MissingArtifact(UserError):
    """An input that has never been published."""


class DamagedArtifact(UserError):
    """A manifest, pointer or data file that is not what was published."""

    def __init__(self, place: str, found: str, *, fix: str = "") -> None:
        super().__init__(
            f"{place} is damaged: {found}",
            fix=fix or "restore it from a backup, or remove the folder that it lies in and make this partition again",
        )


class ValidationFailed(UserError):
    """Rows, counts or checks that must hold before an artifact may be seen do not. Nothing was published.

    `problems` holds one short line each.
    """

    def __init__(self, what: str, problems: Sequence[str] = (), *, fix: str = "") -> None:
        lines = "".join(f"\n  - {problem}" for problem in problems)
        super().__init__(
            what + lines,
            fix=fix or "nothing was published and the version before is still current; mend the rows and run again",
        )
        self.problems = tuple(problems)


class DiskFull(UserError):
    """No room for the next bytes. Nothing was published."""
