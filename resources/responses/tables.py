"""The tables of the response store, the same for SQLite and PostgreSQL.

Contract: columns are only ever added, always nullable, and `FORMAT` grows when older code could no longer write the
table rightly. A store of a newer format is refused and left as it is; nothing here ever drops or rewrites a row.
"""

from __future__ import annotations

import sqlalchemy as sa

FORMAT = 1

METADATA = sa.MetaData()

RESPONSES = sa.Table(
    "responses",
    METADATA,
    sa.Column("key", sa.String(64), primary_key=True, comment="sha256 of the canonical request"),
    sa.Column("model", sa.Text, nullable=False),
    sa.Column("revision", sa.Text, nullable=False),
    sa.Column("endpoint", sa.Text, nullable=False),
    sa.Column("sample_index", sa.Integer, nullable=False),
    sa.Column("purpose", sa.Text, nullable=False, comment="a free label: what the reply was first bought for"),
    sa.Column("finish_reason", sa.Text, nullable=False),
    sa.Column("prompt_tokens", sa.Integer),
    sa.Column("completion_tokens", sa.Integer),
    sa.Column("cost", sa.Float(53), comment="USD"),
    sa.Column("seconds", sa.Float(53), comment="time of the call"),
    sa.Column("created_at", sa.String(32), nullable=False, comment="UTC, ISO 8601"),
    # The payloads come last: SQLite reads a row from its start, so the columns above cost no page of a payload.
    sa.Column("request", sa.LargeBinary, nullable=False, comment="zstd of the canonical request"),
    sa.Column("reply", sa.LargeBinary, nullable=False, comment="zstd of the reply as it came"),
    # Covers `stats`: it never touches the payloads, however many gigabytes they are.
    sa.Index(
        "responses_by_model_purpose",
        "model",
        "purpose",
        "finish_reason",
        "prompt_tokens",
        "completion_tokens",
        "cost",
    ),
)

INFO = sa.Table(
    "response_store_info",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
