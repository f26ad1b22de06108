"""What the response store says was spent: replies, tokens and money by purpose, and the hours in which models were busy.

Contract: reads only, memory bounded by the number of different purposes. Hours are the union of the times in which at
least one reply was on its way, from the replies' own times; so they survive a kill, and waiting between runs is not in
them. UserErrors of the store pass through.
"""

from __future__ import annotations

import datetime as dt
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import sqlalchemy as sa

from ot_assets.spending.purposes import Purpose
from resources.home import Home
from resources.responses.store import ResponseStore
from resources.responses.tables import RESPONSES

_PAGE = 20_000


@dataclass(frozen=True, slots=True)
class Spent:
    """Replies of one model for one purpose. `usd` is over the priced ones; the others' tokens stand apart."""

    purpose: Purpose
    model: str
    replies: int
    cut: int
    prompt_tokens: int
    completion_tokens: int
    usd: float
    unpriced: int
    unpriced_prompt: int
    unpriced_completion: int

    @property
    def model_key(self) -> str:
        """Key of the model; `student` for a student."""
        return self.model.partition(":")[0]

    @property
    def tokens(self) -> int:
        """Prompt and completion tokens."""
        return self.prompt_tokens + self.completion_tokens


def store_if_there(home: Home) -> ResponseStore | None:
    """The response store, or None when there is no file yet."""
    prefix = "sqlite:///"
    if home.responses.startswith(prefix):
        from pathlib import Path

        if not Path(home.responses.removeprefix(prefix)).exists():
            return None
    return ResponseStore(home.responses, create=False)


def spent_by_purpose(store: ResponseStore) -> list[Spent]:
    """Everything that is stored, by purpose and model."""
    c = RESPONSES.c

    def total(column: sa.ColumnElement[int] | sa.Column[int]) -> sa.ColumnElement[int]:
        return sa.func.coalesce(sa.func.sum(column), 0)

    def where(condition: sa.ColumnElement[bool], column: sa.Column[int] | int) -> sa.ColumnElement[int]:
        return total(sa.case((condition, column), else_=0))

    free = c.cost.is_(None)
    query = (
        sa.select(
            c.purpose,
            c.model,
            sa.func.count().label("replies"),
            where(c.finish_reason == "length", 1).label("cut"),
            total(c.prompt_tokens).label("prompt"),
            total(c.completion_tokens).label("completion"),
            sa.func.coalesce(sa.func.sum(c.cost), 0.0).label("usd"),
            where(free, 1).label("unpriced"),
            where(free, c.prompt_tokens).label("unpriced_prompt"),
            where(free, c.completion_tokens).label("unpriced_completion"),
        )
        .group_by(c.model, c.purpose)
        .order_by(c.model, c.purpose)
    )
    return [
        Spent(
            Purpose.read(row.purpose),
            row.model,
            row.replies,
            int(row.cut),
            int(row.prompt),
            int(row.completion),
            float(row.usd),
            int(row.unpriced),
            int(row.unpriced_prompt or 0),
            int(row.unpriced_completion or 0),
        )
        for row in store.query(query)
    ]


def busy_hours(store: ResponseStore, purposes: Iterable[str]) -> float:
    """Hours in which at least one stored reply of these purposes was on its way."""
    wanted = sorted(set(purposes))
    if not wanted:
        return 0.0
    c = RESPONSES.c
    query = sa.select(c.key, c.created_at, c.seconds).where(c.purpose.in_(wanted)).order_by(c.key).limit(_PAGE)
    spans: list[tuple[float, float]] = []
    last = ""
    while page := store.query(query.where(c.key > last)):
        spans = merged([*spans, *(_span(row.created_at, row.seconds) for row in page)])
        last = page[-1].key
    return sum(end - start for start, end in spans) / 3600


def merged(spans: Sequence[tuple[float, float]]) -> list[tuple[float, float]]:
    """The same time in spans that do not touch, sorted."""
    found: list[tuple[float, float]] = []
    for start, end in sorted(spans):
        if found and start <= found[-1][1]:
            found[-1] = (found[-1][0], max(found[-1][1], end))
        else:
            found.append((start, end))
    return found


def _span(created_at: str, seconds: float | None) -> tuple[float, float]:
    end = dt.datetime.fromisoformat(created_at).timestamp()
    return end - max(seconds or 0.0, 0.0), end
