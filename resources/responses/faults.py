"""What a database says when something is wrong, as one message that a person can act on.

Contract: `explain` never changes anything. It knows the faults that a user can mend (locked, damaged, full, not
writable, not reachable) and returns None for the others, which are faults of our own code and stay as they are.
"""

from __future__ import annotations

import sqlalchemy as sa
from sqlalchemy import exc

from resources.errors import UserError


class StoreLocked(UserError):
    """Another process holds the SQLite file for longer than we wait."""


class StoreDamaged(UserError):
    """The file, or a payload in it, is not what was written."""


class StoreUnreachable(UserError):
    """The store cannot be opened, reached or written."""


def shown(url: sa.URL) -> str:
    """The store's address without its password; for SQLite the path of the file."""
    if url.get_backend_name() == "sqlite":
        return url.database or ":memory:"
    return url.render_as_string(hide_password=True)


def is_lock(error: BaseException) -> bool:
    """Whether an error says that another connection holds the SQLite file."""
    return isinstance(error, exc.OperationalError) and "locked" in str(error.orig)


def is_passing(error: exc.DBAPIError, *, reached: bool) -> bool:
    """Whether an error of a server is worth another try: a lost connection, a deadlock, a server that is starting; and,
    when the server was `reached` before, that it is not there at present.
    """
    state = getattr(error.orig, "sqlstate", None) or ""
    gone = reached and isinstance(error, exc.OperationalError) and not state
    return gone or error.connection_invalidated or state[:2] in ("40", "57") or state == "55P03"


def recovery(path: str) -> str:
    """How a person saves what can be read of a damaged SQLite file."""
    return (
        f'stop everything that uses it, keep a copy, then run: sqlite3 "{path}" ".recover" | sqlite3 "{path}.recovered" '
        "and move the recovered file to the old name (without the old -wal and -shm files). Nothing was changed or deleted"
    )


def explain(error: exc.DBAPIError, url: sa.URL, waited: float) -> UserError | None:
    """The fault as a user's error, or None when it is not one."""
    where = shown(url)
    said = str(error.orig).strip()
    if url.get_backend_name() == "sqlite":
        return _explain_sqlite(said, where, waited)
    if isinstance(error, exc.OperationalError | exc.InterfaceError):
        return StoreUnreachable(
            f"response store {where}: {said.splitlines()[0] if said else 'the connection failed'}",
            fix="check that the server runs and that host, port, database, user and password in the URL are right",
        )
    if isinstance(error, exc.ProgrammingError) and "permission denied" in said:
        return StoreUnreachable(f"response store {where}: {said.splitlines()[0]}", fix="grant this user the right")
    return None


def _explain_sqlite(said: str, where: str, waited: float) -> UserError | None:
    text = said.lower()
    if "locked" in text:
        return StoreLocked(
            f"response store {where}: held by another process for more than {waited:.0f} s",
            fix=f'see who holds it with: fuser -v "{where}"; end that process or wait for it, then run again',
        )
    if "not a database" in text or "malformed" in text or "malformed database schema" in text:
        return StoreDamaged(f"response store {where}: damaged ({said})", fix=recovery(where))
    if "disk is full" in text:
        return StoreUnreachable(f"response store {where}: the disk is full", fix="free some space, then run again")
    if "readonly" in text:
        return StoreUnreachable(f"response store {where}: not writable", fix="give this user the right to write it")
    if "unable to open" in text:
        return StoreUnreachable(f"response store {where}: cannot be opened", fix="check the folder and its rights")
    if "locking protocol" in text or "disk i/o error" in text:
        return StoreUnreachable(
            f"response store {where}: {said}",
            fix="check the disk; SQLite needs a local disk, so on a network folder use PostgreSQL instead",
        )
    return None
