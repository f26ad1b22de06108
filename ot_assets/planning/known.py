"""Lengths of replies that are stored, for estimates.

Contract: reads the response store only. For a call it looks, in this order, at replies under the same label, then at those
of the same teacher for the same stage over all sources; fewer than `estimates.FEW` replies count as none. Replies whose
endpoint stated no token counts are left out. The replies that came first are no random draw of a source; a pilot is.
"""

from __future__ import annotations

import math
from collections.abc import Iterable, Sequence

import sqlalchemy as sa

from ot_assets.planning.estimates import FEW, Calls, Lengths
from ot_assets.spending.purposes import Purpose
from ot_assets.spending.stored import busy_hours, spent_by_purpose
from resources.responses.store import ResponseStore
from resources.responses.tables import RESPONSES


class Stored:
    """Lengths from a response store; `pilot` names the labels that were asked just now."""

    def __init__(self, store: ResponseStore, pilot: Iterable[str] = ()) -> None:
        self._store, self._pilot = store, frozenset(pilot)
        self._purposes = [one.purpose for one in spent_by_purpose(store)]
        self._found: dict[tuple[str, ...], Lengths | None] = {}

    def lengths(self, call: Calls) -> Lengths | None:
        """Lengths of the replies nearest to what a call will bring, or None when there are too few."""
        for purposes in self._candidates(Purpose.read(call.purpose)):
            if purposes and (found := self._measure(tuple(purposes))) is not None:
                return found
        return None

    def _candidates(self, wanted: Purpose) -> Iterable[list[str]]:
        yield [one.text for one in self._purposes if one == wanted]
        alike = [one for one in self._purposes if one.kind == wanted.kind]
        if wanted.kind in ("score", "baseline_scores"):
            yield [one.text for one in alike if one.keys == wanted.keys]
        elif wanted.kind == "eval_responses":
            yield [one.text for one in alike if one.keys == wanted.keys]
            yield [one.text for one in alike if one.rest == wanted.rest]
        elif wanted.teacher is not None:
            yield [one.text for one in alike if one.teacher == wanted.teacher]

    def _measure(self, purposes: tuple[str, ...]) -> Lengths | None:
        if purposes not in self._found:
            self._found[purposes] = self._read(purposes)
        return self._found[purposes]

    def _read(self, purposes: tuple[str, ...]) -> Lengths | None:
        c = RESPONSES.c
        square = sa.cast(c.prompt_tokens, sa.Float) * c.prompt_tokens
        query = (
            sa.select(
                c.completion_tokens,
                sa.func.count().label("replies"),
                sa.func.sum(c.prompt_tokens).label("prompt"),
                sa.func.sum(square).label("square"),
            )
            .where(c.purpose.in_(purposes), c.completion_tokens.is_not(None), c.prompt_tokens.is_not(None))
            .group_by(c.completion_tokens)
            .order_by(c.completion_tokens)
        )
        rows = [
            (row.completion_tokens, row.replies, float(row.prompt), float(row.square))
            for row in self._store.query(query)
        ]
        replies = sum(row[1] for row in rows)
        if replies < FEW:
            return None
        tokens = sum(length * count for length, count, _, _ in rows)
        mean, sd = _moments(replies, tokens, sum(count * length**2 for length, count, _, _ in rows))
        prompt_mean, prompt_sd = _moments(replies, sum(row[2] for row in rows), sum(row[3] for row in rows))
        p10, p50, p90 = (_quantile(rows, replies, share) for share in (0.1, 0.5, 0.9))
        hours = busy_hours(self._store, purposes)
        pace = tokens / hours / 3600 if hours > 0 else None
        pilot = bool(self._pilot) and set(purposes) <= self._pilot
        return Lengths(replies, prompt_mean, prompt_sd, mean, sd, p10, p50, p90, pace, pilot)


def _moments(count: int, total: float, squares: float) -> tuple[float, float]:
    mean = total / count
    return mean, math.sqrt(max(squares - count * mean**2, 0.0) / max(count - 1, 1))


def _quantile(rows: Sequence[tuple[int, int, float, float]], replies: int, share: float) -> int:
    """The smallest length that at least this share of the replies do not pass."""
    seen = 0
    for length, count, _, _ in rows:
        seen += count
        if seen >= share * replies:
            return length
    return rows[-1][0]
