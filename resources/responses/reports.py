"""Looking at a response store: usage by model and purpose, one response in full, and export to files.

Contract: reads only. An export is written beside its target and moved there when whole, so a half one never has its
name.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import sqlalchemy as sa

from resources.errors import UserError
from resources.responses.store import ResponseStore, StoredResponse, chunks
from resources.responses.tables import RESPONSES

_PART = 2_000


@dataclass(frozen=True, slots=True)
class Usage:
    """What one model was asked for one purpose. Token sums and `cost` (USD) count the replies that state them."""

    model: str
    purpose: str
    replies: int
    cut: int
    filtered: int
    prompt_tokens: int
    completion_tokens: int
    cost: float


def stats(store: ResponseStore) -> list[Usage]:
    """Usage by model and purpose, in that order. `cut` counts finish_reason=length, `filtered` content_filter."""
    c = RESPONSES.c

    def how_many(reason: str) -> sa.Label[int]:
        return sa.func.coalesce(sa.func.sum(sa.case((c.finish_reason == reason, 1), else_=0)), 0).label(reason)

    query = (
        sa.select(
            c.model,
            c.purpose,
            sa.func.count().label("replies"),
            how_many("length"),
            how_many("content_filter"),
            sa.func.coalesce(sa.func.sum(c.prompt_tokens), 0).label("prompt_tokens"),
            sa.func.coalesce(sa.func.sum(c.completion_tokens), 0).label("completion_tokens"),
            sa.func.coalesce(sa.func.sum(c.cost), 0.0).label("cost"),
        )
        .group_by(c.model, c.purpose)
        .order_by(c.model, c.purpose)
    )
    return [
        Usage(
            model=row.model,
            purpose=row.purpose,
            replies=row.replies,
            cut=int(row.length),
            filtered=int(row.content_filter),
            prompt_tokens=int(row.prompt_tokens),
            completion_tokens=int(row.completion_tokens),
            cost=float(row.cost),
        )
        for row in store.query(query)
    ]


def show(store: ResponseStore, key: str) -> StoredResponse:
    """The stored response of a key or of the start of one; UserError when none or several match."""
    found = store.find(key.strip().lower())
    if len(found) == 1:
        return found[0]
    if not found:
        raise UserError(
            f"response store {store.where}: no response has a key that starts with {key!r}",
            fix="keys are 64 hex digits; a trace's `response_key` is one",
        )
    some = ", ".join(stored.key[: len(key) + 6] for stored in found[:5])
    raise UserError(
        f"{len(found)} or more stored responses have keys that start with {key!r}: {some}, …", fix="give more of it"
    )


def export(store: ResponseStore, path: Path, *, purpose: str | None = None, model: str | None = None) -> int:
    """Writes responses to `path` (.jsonl or .parquet) in the order of their keys; how many. Memory stays bounded.

    UserError when nothing is of that purpose or model: an empty file would say that nothing was ever asked.
    """
    writers = {".jsonl": _write_jsonl, ".parquet": _write_parquet}
    if path.suffix not in writers:
        raise UserError(
            f"{path}: cannot export to {path.suffix or 'a file without a suffix'}", fix="use .jsonl or .parquet"
        )
    path.parent.mkdir(parents=True, exist_ok=True)
    beside = path.with_name(f".{path.name}.part")
    try:
        rows = writers[path.suffix](beside, (record(stored) for stored in store.rows(purpose=purpose, model=model)))
        if not rows and (purpose or model):
            _refuse_nothing(store, purpose, model)
        beside.replace(path)
    finally:
        beside.unlink(missing_ok=True)
    return rows


def _refuse_nothing(store: ResponseStore, purpose: str | None, model: str | None) -> None:
    asked = " and ".join(f"{name} {value!r}" for name, value in (("model", model), ("purpose", purpose)) if value)
    column = RESPONSES.c.model if model else RESPONSES.c.purpose
    there = ", ".join(row[0] for row in store.query(sa.select(column).distinct().order_by(column).limit(20)))
    raise UserError(f"response store {store.where}: no reply is of {asked}", fix=f"there are: {there or 'none'}")


def record(stored: StoredResponse) -> dict[str, Any]:
    """A stored response as one flat row; `request` and `raw_reply` are JSON text."""
    reply = stored.reply
    return {
        "key": stored.key,
        "model": stored.model,
        "revision": stored.revision,
        "endpoint": stored.endpoint,
        "sample_index": stored.sample_index,
        "purpose": stored.purpose,
        "created_at": stored.created_at,
        "finish_reason": reply.finish_reason,
        "prompt_tokens": reply.prompt_tokens,
        "completion_tokens": reply.completion_tokens,
        "seconds": reply.seconds,
        "cost": reply.cost,
        "reasoning": reply.reasoning,
        "text": reply.text,
        "request": stored.request.decode("utf-8", "replace"),
        "raw_reply": reply.payload.decode("utf-8", "replace"),
    }


def _write_jsonl(path: Path, records: Iterable[dict[str, Any]]) -> int:
    rows = 0
    with path.open("w", encoding="utf-8", errors="replace") as file:
        for row in records:
            file.write(json.dumps(row, ensure_ascii=False) + "\n")
            rows += 1
    return rows


def _write_parquet(path: Path, records: Iterator[dict[str, Any]]) -> int:
    import pyarrow as pa
    import pyarrow.parquet as pq

    numbers = {"sample_index": pa.int64(), "prompt_tokens": pa.int64(), "completion_tokens": pa.int64()}
    numbers |= {"seconds": pa.float64(), "cost": pa.float64()}
    names = ["key", "model", "revision", "endpoint", "sample_index", "purpose", "created_at", "finish_reason"]
    names += ["prompt_tokens", "completion_tokens", "seconds", "cost", "reasoning", "text", "request", "raw_reply"]
    schema = pa.schema([(name, numbers.get(name, pa.string())) for name in names])
    rows = 0
    with pq.ParquetWriter(path, schema, compression="zstd") as writer:
        for part in chunks(records, _PART):
            writer.write_table(pa.Table.from_pylist(part, schema=schema))
            rows += len(part)
    return rows
