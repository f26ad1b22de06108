"""The tables of the event log, the same for SQLite and PostgreSQL.

Contract: columns are only ever added, always nullable, and `FORMAT` grows when older code could no longer write the tables
rightly. Rows of `EVENTS` are never changed; only a purge takes some out. `seq` grows and is never used again, so that "after
seq" means the same for ever: `INFO` keeps the last one, and how often persons were purged.
"""

from __future__ import annotations

import sqlalchemy as sa

FORMAT = 1

METADATA = sa.MetaData()

_Number = sa.BigInteger().with_variant(sa.Integer, "sqlite")
"""SQLite keeps a table in the order of its key where that is an INTEGER."""

EVENTS = sa.Table(
    "crowd_events",
    METADATA,
    sa.Column("seq", _Number, primary_key=True, autoincrement=False),
    sa.Column("event_id", sa.Text, nullable=False, unique=True),
    sa.Column("family", sa.Text, nullable=False, comment="the language tag up to its first hyphen: pt of pt-BR"),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("at", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
    sa.Column("kind", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text),
    sa.Column("message_id", sa.Text),
    sa.Column("line", sa.Text, nullable=False, comment="the event as JSON, keys sorted"),
    sa.Index("crowd_events_by_family", "family", "seq"),
    sa.Index("crowd_events_by_user", "user_id"),
)

TASKS = sa.Table(
    "crowd_tasks",
    METADATA,
    sa.Column("task_id", sa.Text, primary_key=True),
    sa.Column("language", sa.Text, nullable=False),
    sa.Column("user_id", sa.Text, nullable=False),
    sa.Column("expires", sa.BigInteger, nullable=False, comment="milliseconds since 1970, UTC"),
    sa.Column("line", sa.Text, nullable=False, comment="the task as JSON"),
)

INFO = sa.Table(
    "crowd_info",
    METADATA,
    sa.Column("name", sa.String(64), primary_key=True),
    sa.Column("value", sa.Text, nullable=False),
)
