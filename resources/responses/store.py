"""The response store. (First form: SQLite through SQLAlchemy; hardening follows.)"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path

import sqlalchemy as sa
import zstandard

from resources.errors import UserError
from resources.generation.reply import Reply, parse_reply
from resources.generation.request import Request

_META = sa.MetaData()
RESPONSES = sa.Table(
    "responses",
    _META,
    sa.Column("key", sa.String(64), primary_key=True),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("sample_index", sa.Integer, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False),
    sa.Column("finish_reason", sa.Text, nullable=False),
    sa.Column("prompt_tokens", sa.Integer),
    sa.Column("completion_tokens", sa.Integer),
    sa.Column("cost", sa.Float),
    sa.Column("seconds", sa.Float),
    sa.Column("created_at", sa.Text, nullable=False),
    sa.Column("request", sa.LargeBinary, nullable=False),
    sa.Column("reply", sa.LargeBinary, nullable=False),
)


@dataclass(frozen=True, slots=True)
class Meta:
    """What is noted beside a reply. `purpose` is a free label, such as `traces aime|r1`."""

    purpose: str = ""


class ResponseStore:
    """Every reply of every model, by the key of its request."""

    def __init__(self, url: str) -> None:
        self.url = url
        if url.startswith("sqlite:///"):
            Path(url.removeprefix("sqlite:///")).parent.mkdir(parents=True, exist_ok=True)
        self._engine = sa.create_engine(url)
        _META.create_all(self._engine)

    def get_many(self, keys: Iterable[str]) -> dict[str, Reply]:
        """The stored replies among `keys`."""
        found: dict[str, Reply] = {}
        wanted = list(keys)
        with self._engine.connect() as connection:
            for start in range(0, len(wanted), 500):
                query = sa.select(RESPONSES).where(RESPONSES.c.key.in_(wanted[start : start + 500]))
                for row in connection.execute(query):
                    payload = zstandard.ZstdDecompressor().decompress(row.reply)
                    found[row.key] = parse_reply(payload, seconds=row.seconds, cost=row.cost)
        return found

    def put_many(self, rows: Iterable[tuple[Request, Reply, Meta]]) -> dict[str, Reply]:
        """Writes replies; the first answer to a request wins. Returns the earlier replies of those that lost."""
        packer = zstandard.ZstdCompressor(level=3)
        batch = {
            request.key: {
                "key": request.key,
                "model": request.model,
                "revision": request.revision,
                "endpoint": request.endpoint,
                "sample_index": request.sample_index,
                "purpose": meta.purpose,
                "finish_reason": reply.finish_reason,
                "prompt_tokens": reply.prompt_tokens,
                "completion_tokens": reply.completion_tokens,
                "cost": reply.cost,
                "seconds": reply.seconds,
                "created_at": dt.datetime.now(dt.UTC).isoformat(),
                "request": packer.compress(request.payload),
                "reply": packer.compress(reply.payload),
            }
            for request, reply, meta in rows
        }
        there = self.get_many(batch)
        new = [row for key, row in batch.items() if key not in there]
        if new:
            with self._engine.begin() as connection:
                connection.execute(sa.insert(RESPONSES).prefix_with("OR IGNORE"), new)
        return there

    def show(self, prefix: str) -> Reply:
        """The reply whose key starts with `prefix`."""
        with self._engine.connect() as connection:
            keys = connection.scalars(
                sa.select(RESPONSES.c.key).where(RESPONSES.c.key.startswith(prefix)).limit(2)
            ).all()
        if len(keys) != 1:
            raise UserError(f"{len(keys)} stored responses start with {prefix!r}", fix="give more of the key")
        return self.get_many(keys)[keys[0]]

    def __iter__(self) -> Iterator[str]:
        with self._engine.connect() as connection:
            yield from connection.scalars(sa.select(RESPONSES.c.key))

    def close(self) -> None:
        """Closes the connections."""
        self._engine.dispose()
