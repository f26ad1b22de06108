"""Who may sign in: persons by a random id, and the hash of the token that each was given once.

Belongs here: `People`, over a file of JSON lines in the state folder that only its owner can read. Contract: events name the
id, never the name; a token has 256 random bits and is never written down here, only its sha256; the file is replaced as a
whole, under a lock, and read again when it has changed, so that invitations count while the page is up. Fails with UserError:
a name that is taken or unknown, a file that is none.
"""

from __future__ import annotations

import json
import os
import secrets
import tempfile
import threading
from collections.abc import Iterable
from dataclasses import asdict, dataclass, replace
from datetime import UTC, datetime
from hashlib import sha256
from pathlib import Path

from resources.artifacts.locks import hold
from resources.errors import UserError

LONGEST_NAME = 80


@dataclass(frozen=True)
class Person:
    """Somebody who was invited."""

    user_id: str
    name: str
    digest: str
    """Sha256 of the token."""
    invited: str
    """When, ISO 8601, UTC."""


class People:
    """Those of one house."""

    def __init__(self, file: Path) -> None:
        self.file = file
        self._lock = threading.Lock()
        self._read: tuple[int, int, int] | None = None
        self._by_digest: dict[str, Person] = {}
        self._by_id: dict[str, Person] = {}

    def by_token(self, token: str) -> Person | None:
        """Whose token it is."""
        self._refresh()
        return self._by_digest.get(digest_of(token.strip()))

    def by_id(self, user_id: str) -> Person | None:
        """The person with this id."""
        self._refresh()
        return self._by_id.get(user_id)

    def all(self) -> list[Person]:
        """Everybody, in the order in which they were invited."""
        self._refresh()
        return list(self._by_id.values())

    def named(self, name: str) -> Person:
        """The person of this name, or with this id. UserError for nobody."""
        for person in self.all():
            if name in (person.name, person.user_id):
                return person
        raise UserError(f"nobody is called {name!r}", fix=f"invite them: ot crowd invite {name!r}")

    def invite(self, name: str, *, again: bool = False) -> tuple[Person, str]:
        """A person and the token that is told once. `again`: another token for who has one; the old one opens nothing more."""
        name = " ".join(name.split())
        if not name or len(name) > LONGEST_NAME or not name.isprintable():
            raise UserError(f"a name has 1 to {LONGEST_NAME} printable characters", fix="give another")
        token = secrets.token_urlsafe(32)
        with hold(self.file.with_suffix(".lock"), "the list of people"):
            found = next((one for one in self.all() if one.name == name), None)
            if found is not None and not again:
                raise UserError(
                    f"{name!r} was invited on {found.invited[:10]}",
                    fix="for another link (the old one then opens nothing more): add --again",
                )
            if found is None and again:
                raise UserError(f"nobody is called {name!r}", fix="leave --again away")
            now = datetime.now(UTC).isoformat(timespec="seconds")
            person = Person(secrets.token_hex(8), name, digest_of(token), now)
            if found is not None:
                person = replace(found, digest=digest_of(token))
            others = [one for one in self.all() if one.user_id != person.user_id]
            self._write([*others, person] if found is None else [person if one == found else one for one in self.all()])
        return person, token

    def remove(self, user_id: str) -> bool:
        """Takes a person off the list; whether they were on it."""
        with hold(self.file.with_suffix(".lock"), "the list of people"):
            left = [one for one in self.all() if one.user_id != user_id]
            if len(left) == len(self.all()):
                return False
            self._write(left)
        return True

    def _refresh(self) -> None:
        with self._lock:
            try:
                now = self.file.stat()
            except FileNotFoundError:
                self._read, self._by_id, self._by_digest = None, {}, {}
                return
            state = now.st_mtime_ns, now.st_size, now.st_ino
            if state != self._read:
                people = list(self._lines())
                self._by_id = {one.user_id: one for one in people}
                self._by_digest = {one.digest: one for one in people}
                self._read = state

    def _lines(self) -> Iterable[Person]:
        for number, line in enumerate(self.file.read_text().splitlines(), 1):
            try:
                yield Person(**json.loads(line))
            except (TypeError, ValueError):
                raise UserError(
                    f"{self.file}:{number} names no person",
                    fix="mend the line, or remove it and invite the person again",
                ) from None

    def _write(self, people: Iterable[Person]) -> None:
        self.file.parent.mkdir(parents=True, exist_ok=True)
        handle, name = tempfile.mkstemp(dir=self.file.parent, prefix=".people-")  # 0600
        try:
            with os.fdopen(handle, "w") as stream:
                stream.writelines(json.dumps(asdict(one), ensure_ascii=False) + "\n" for one in people)
                stream.flush()
                os.fsync(stream.fileno())
            Path(name).replace(self.file)
        except BaseException:
            Path(name).unlink(missing_ok=True)
            raise


def digest_of(token: str) -> str:
    """What is kept of a token."""
    return sha256(token.encode("utf-8", "surrogatepass")).hexdigest()
