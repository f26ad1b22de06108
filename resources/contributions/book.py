"""Tasks that were handed out and are not answered yet, so that a server that is started again knows them.

Belongs here: `TaskBook`, beside the event log in its database. Contract: a task is kept until it is closed or has expired;
losing the book loses no event, only pages that people have open. Fails as `EventLog`.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

import sqlalchemy as sa

from resources.contributions.log import EventLog
from resources.contributions.tables import TASKS


class TaskBook:
    """The open tasks of one language."""

    def __init__(self, log: EventLog, language: str) -> None:
        self._database = log.database
        self._language = language

    def keep(self, task: Mapping[str, Any]) -> None:
        """Notes a task: an object with `task_id`, `user_id` and `expires` (milliseconds) that JSON can hold."""
        row = {name: task[name] for name in ("task_id", "user_id", "expires")}
        row |= {"language": self._language, "line": json.dumps(task)}
        self._database.write(lambda connection: connection.execute(sa.insert(TASKS).values(row)).rowcount)

    def close(self, task_id: str) -> None:
        """Forgets a task, if it is there."""
        done = sa.delete(TASKS).where(TASKS.c.task_id == task_id)
        self._database.write(lambda connection: connection.execute(done).rowcount)

    def open(self, now: int) -> list[dict[str, Any]]:
        """The tasks that have not expired; forgets the others."""
        past = sa.delete(TASKS).where(TASKS.c.language == self._language, TASKS.c.expires <= now)
        self._database.write(lambda connection: connection.execute(past).rowcount)
        query = sa.select(TASKS.c.line).where(TASKS.c.language == self._language).order_by(TASKS.c.task_id)
        return [json.loads(row.line) for row in self._database.fetch(query)]
