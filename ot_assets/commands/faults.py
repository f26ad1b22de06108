"""Faults of the machine that reach the command line, as one message: a disk that is full or refuses, Dagster's database.

Contract: `explain` gives the message for a person, or None for a fault of our own code, which keeps its traceback. Changes
nothing and never fails.
"""

from __future__ import annotations

import os
from collections.abc import Iterator
from pathlib import Path

from resources.errors import UserError

_RECORD = "it is only the record of runs; artifacts and replies lie elsewhere"


def explain(error: BaseException) -> UserError | None:
    """The user's side of an error, looked for in what caused it too."""
    from resources.artifacts.disk import explain as explain_disk

    for one in _chain(error):
        if isinstance(one, UserError):
            return one
        if isinstance(one, OSError) and (told := explain_disk(one, _home())):
            return told
        if type(one).__module__.startswith("sqlalchemy.") and getattr(one, "orig", None) is not None:
            return _of_dagster(str(one.orig).strip())  # type: ignore[attr-defined]
    return None


def _home() -> Path:
    return Path(os.environ.get("OT_HOME") or ".ot").absolute()


def _of_dagster(said: str) -> UserError:
    """The response store explains its own database, so what is left is the one in which Dagster keeps its runs."""
    where = f"Dagster's records in {os.environ.get('DAGSTER_HOME', 'DAGSTER_HOME')}: {said.splitlines()[0]}"
    text = said.lower()
    if "locked" in text:
        return UserError(where, fix="another process holds them: end it or wait for it, then run again")
    if "not a database" in text or "malformed" in text:
        return UserError(where, fix=f"move that folder away and run again: {_RECORD}")
    return UserError(where, fix="see that its disk has room and that you may write there, then run again")


def _chain(error: BaseException) -> Iterator[BaseException]:
    seen: set[int] = set()
    now: BaseException | None = error
    while now is not None and id(now) not in seen:
        seen.add(id(now))
        yield now
        now = now.__cause__ or now.__context__
