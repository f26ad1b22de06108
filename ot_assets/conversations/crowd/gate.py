"""Who a request is from, and whether it was meant: sessions and form tokens.

Belongs here: `Gate`. A session is a cookie that says who, since when, and a keyed hash over both and over the hash of the
person's token, so that a new token, or being taken off the list, ends all sessions of theirs. A form token is a keyed hash
over the session: another site can neither read nor guess it. Contract: only the key in the state folder makes either;
comparison takes the same time whatever is compared. Pure but for the key's file. Fails with OSError where that cannot be
read.
"""

from __future__ import annotations

import contextlib
import hashlib
import hmac
import os
import secrets
import tempfile
from pathlib import Path

from ot_assets.conversations.crowd.people import People, Person

SESSION_SECONDS = 30 * 24 * 3600
_BYTES = 32


class Gate:
    """Makes and reads what a browser is given."""

    def __init__(self, key: bytes) -> None:
        self._key = key
        name = self._mac("name")[:8]
        self.session_cookie = f"crowd-{name}"
        """Named by the key: two houses on one host do not take each other's cookies for theirs."""
        self.form_cookie = f"crowd-form-{name}"

    @classmethod
    def of(cls, file: Path) -> Gate:
        """The gate of a key in a file, which is made where there is none."""
        file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=file.parent, prefix=".key-")  # 0600
        try:
            with os.fdopen(handle, "wb") as stream:
                stream.write(secrets.token_bytes(_BYTES))
            with contextlib.suppress(FileExistsError):
                os.link(name, file)  # as a whole or not at all, and never over one that is there
        finally:
            Path(name).unlink()
        return cls(file.read_bytes())

    def session_of(self, person: Person, now: int) -> str:
        """The cookie of a person who has just shown their token; `now` in seconds."""
        said = f"{person.user_id}.{now}"
        return f"{said}.{self._mac('session', said, person.digest)}"

    def person_of(self, cookie: str | None, people: People, now: int) -> Person | None:
        """Whose session it is; None where it is none, or over."""
        user_id, _, rest = (cookie or "").partition(".")
        since, _, mac = rest.partition(".")
        person = people.by_id(user_id)
        if person is None or not since.isascii() or not since.isdigit() or len(since) > 12:
            return None
        true = self._mac("session", f"{user_id}.{since}", person.digest)
        if not _same(mac, true) or not 0 <= now - int(since) < SESSION_SECONDS:
            return None
        return person

    @staticmethod
    def nonce() -> str:
        """The cookie of who has no session yet: a form token hangs on it."""
        return secrets.token_urlsafe(24)

    def form_token(self, cookie: str) -> str:
        """The token that forms carry for who has this cookie (session or nonce)."""
        return self._mac("form", cookie)

    def meant(self, token: str, cookie: str | None) -> bool:
        """Whether a form was made for who sends it."""
        return bool(cookie) and _same(token, self.form_token(cookie or ""))

    def _mac(self, *parts: str) -> str:
        return hmac.new(self._key, "\0".join(parts).encode("utf-8", "surrogatepass"), hashlib.sha256).hexdigest()


def _same(one: str, other: str) -> bool:
    return hmac.compare_digest(one.encode("utf-8", "surrogatepass"), other.encode())
