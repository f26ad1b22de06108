"""What is wrong with a registry, said so that the reader can mend it: file, line, field, value, what is allowed.

Belongs here: the shape of a problem and the exception that carries all of them at once. Nothing here fails.
"""

from __future__ import annotations

import difflib
import re
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

from resources.errors import UserError


@dataclass(frozen=True)
class Problem:
    """One finding in one place. ``severity`` warning = worth reading, nothing is refused."""

    file: Path
    line: int
    field: str
    message: str
    severity: Literal["error", "warning"] = "error"
    column: int = 1

    def __str__(self) -> str:
        """``path:line: field: message``, the path short where the file lies below the working directory."""
        field = f"{self.field}: " if self.field else ""
        return f"{short(self.file)}:{self.line}: {field}{self.message}"

    def to_json(self) -> dict[str, Any]:
        """For programs."""
        return {
            "severity": self.severity,
            "file": short(self.file),
            "line": self.line,
            "column": self.column,
            "field": self.field,
            "message": self.message,
        }


class RegistryErrors(UserError):
    """The registry cannot be used; ``problems`` holds every finding, over all files, warnings too."""

    def __init__(self, problems: Iterable[Problem]) -> None:
        self.problems = tuple(sorted(problems, key=lambda p: (str(p.file), p.line, p.column, p.field)))
        wrong = [problem for problem in self.problems if problem.severity == "error"]
        count = len(wrong)
        listed = "\n".join(str(problem) for problem in wrong)
        super().__init__(
            f"{count} error{'s' if count != 1 else ''} in the registry:\n{listed}", fix="mend them, then `ot check`"
        )

    def __reduce__(self) -> tuple[object, ...]:
        """Pickles with its problems: worker processes hand it back to their parent."""
        return RegistryErrors, (self.problems,)


def short(path: Path) -> str:
    """The path relative to the working directory where it lies below it, else as it is."""
    try:
        return str(path.relative_to(Path.cwd()))
    except (ValueError, OSError):
        return str(path)


def shown(value: Any, limit: int = 80) -> str:
    """A value as a message shows it: JSON-like, cut to ``limit`` characters."""
    text = (
        {True: "true", False: "false"}[value] if isinstance(value, bool) else "null" if value is None else repr(value)
    )
    return text if len(text) <= limit else text[: limit - 1] + "…"


def nearest(name: Any, known: Iterable[str]) -> str | None:
    """The known name, or the name with a part, that a typing slip most likely meant; None when none is near."""
    if not isinstance(name, str) or not name:
        return None
    folded: dict[str, str] = {}
    for known_name in known:
        folded[known_name.lower()] = known_name
        for piece in re.split(r"[^a-z0-9]+", known_name.lower()):
            if len(piece) >= 4:
                folded.setdefault(piece, known_name)
    found = difflib.get_close_matches(name[:100].lower(), list(folded), n=1, cutoff=0.6)
    return folded[found[0]] if found else None


def suggestion(name: Any, known: Sequence[str], *, most: int = 20) -> str:
    """``; did you mean 'x'? Known: a, b, c``, as far as there is something to say."""
    near = nearest(name, known)
    meant = f"; did you mean {near!r}?" if near else ""
    if not known:
        return f"{meant}; none is known yet"
    listed = ", ".join(known[:most]) + (f" and {len(known) - most} more" if len(known) > most else "")
    return f"{meant}{'' if near else '.'} Known: {listed}"
