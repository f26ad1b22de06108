"""Values laid aside on the disk, to be read back in another order.

Belongs here: `Spool`, a temporary file of JSON lines. What stays in memory is a number a value. Fails with UserError where the
temporary folder cannot take them, and as `json.dumps` does for what JSON cannot say.
"""

from __future__ import annotations

import json
import tempfile
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from typing import Any

from resources.errors import UserError


class Spool:
    """Values of JSON, each found again by the number that `add` gave."""

    def __init__(self) -> None:
        with _room():
            self._file = tempfile.TemporaryFile()  # noqa: SIM115 - `close`
        self._end = 0

    def close(self) -> None:
        """Gives the disk back."""
        self._file.close()

    def add(self, value: Any) -> int:
        """Lays a value aside."""
        line = json.dumps(value).encode() + b"\n"  # ASCII, so that half a surrogate pair passes too
        place = self._end
        with _room():
            self._file.write(line)
        self._end += len(line)
        return place

    def read(self, places: Iterable[int]) -> Iterator[Any]:
        """The values of these numbers, in their order; nothing may be added between."""
        for place in places:
            with _room():
                self._file.seek(place)
                line = self._file.readline()
            yield json.loads(line)


@contextmanager
def _room() -> Iterator[None]:
    try:
        yield
    except OSError as error:
        raise UserError(
            f"{tempfile.gettempdir()} cannot be written: {error}", fix="free it, or name another one in TMPDIR"
        ) from error
