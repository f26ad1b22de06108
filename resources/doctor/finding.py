"""What a check finds.

Contract: a check never raises: `checked` turns whatever it meets into a fault that names it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import Literal

from resources.errors import UserError

State = Literal["ok", "warning", "fault"]


@dataclass(frozen=True, slots=True)
class Finding:
    """One thing that was looked at. `said` is what was found; `fix` what to do, empty where nothing needs doing.

    A fault stops the ordinary work; a warning only what needs that thing.
    """

    area: str
    name: str
    state: State
    said: str
    fix: str = ""


def checked(
    area: str, name: str, check: Callable[[], Iterable[Finding]], *, otherwise: State = "fault"
) -> list[Finding]:
    """The findings of a check, and a finding with state `otherwise` where it failed."""
    found: list[Finding] = []
    try:
        found.extend(check())
    except UserError as error:
        found.append(Finding(area, name, otherwise, error.what, error.fix))
    except Exception as error:
        # A doctor that falls over its patient helps nobody: whatever is broken is what is to be said.
        found.append(Finding(area, name, otherwise, f"{type(error).__name__}: {error}"[:500], "see what it says"))
    return found
