"""Replies as rows, and the statement that inserts a batch of them.

What belongs here: what a row holds and how a batch gets into the table. Contract: rows go in with one statement, so the
interpreter is given up once a batch and the engine's thread goes on meanwhile; a key that is there already keeps its
row, and the caller learns which. Both functions are safe to run again after a lost connection.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache
from typing import Any

import sqlalchemy as sa

from resources.generation.reply import Reply
from resources.generation.request import Request
from resources.responses.packing import Packer
from resources.responses.tables import RESPONSES

Values = list[tuple[Any, ...]]

_COLUMNS = (
    "key", "model", "revision", "endpoint", "sample_index", "purpose", "finish_reason", "prompt_tokens",
    "completion_tokens", "cost", "seconds", "created_at", "request", "reply",
)  # fmt: skip


@dataclass(frozen=True, slots=True)
class Meta:
    """What is noted beside a reply. `purpose` is a free label, such as `traces aime|r1`; it is not part of the key."""

    purpose: str = ""


class SomeStored(Exception):
    """Some keys of a batch are stored already; nothing of the batch was written."""


def row_values(packer: Packer, batch: Sequence[tuple[Request, Reply, Meta]]) -> Values:
    """The batch as rows in the order of `_COLUMNS`; ValueError for a reply without its raw payload."""
    for request, reply, _ in batch:
        if not reply.payload:
            raise ValueError(
                f"the reply to request {request.key} has no raw payload: make it with Reply.make or parse_reply"
            )
    packed = packer.pack([payload for request, reply, _ in batch for payload in (request.payload, reply.payload)])
    now = dt.datetime.now(dt.UTC).isoformat(timespec="milliseconds")
    return [
        (
            request.key,
            request.model,
            request.revision,
            request.endpoint,
            request.sample_index,
            # PostgreSQL has no NUL in text.
            meta.purpose.replace("\0", ""),
            reply.finish_reason,
            reply.prompt_tokens,
            reply.completion_tokens,
            reply.cost,
            reply.seconds,
            now,
            packed[2 * at],
            packed[2 * at + 1],
        )
        for at, (request, reply, meta) in enumerate(batch)
    ]


def insert_all(values: Values, connection: sa.Connection) -> None:
    """Inserts every row, or raises SomeStored."""
    # Counting rows is cheap; asking for their keys would hand over the interpreter once a row.
    if _run(values, connection, "").rowcount != len(values):
        raise SomeStored


def insert_missing(values: Values, connection: sa.Connection) -> set[str]:
    """Inserts the rows that are not there yet; their keys."""
    return set(_run(values, connection, " RETURNING key").scalars())


def _run(values: Values, connection: sa.Connection, returning: str) -> sa.CursorResult[Any]:
    mark = "?" if connection.dialect.name == "sqlite" else "%s"
    flat = tuple(value for row in values for value in row)
    return connection.exec_driver_sql(_statement(len(values), mark) + returning, flat)


@lru_cache(maxsize=512)
def _statement(rows: int, mark: str) -> str:
    one = f"({', '.join([mark] * len(_COLUMNS))})"
    names = ", ".join(_COLUMNS)
    return f"INSERT INTO {RESPONSES.name} ({names}) VALUES {', '.join([one] * rows)} ON CONFLICT (key) DO NOTHING"
