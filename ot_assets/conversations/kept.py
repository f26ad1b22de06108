"""Which messages may be taught: the spec's `kept`, the same for threads, pairs and prompts.

Belongs here: `kept_trees`, from the frames of `Messages` to trees in which every message that may not be taught says
why. Rules, the first that fits: `tree_state`, `deleted`, `not_accepted` (rejected, or not judged yet), `synthetic`,
`too_deep`, `label.NAME` (its mean is not below, or not above, what is asked), `detoxify.NAME`; and `below_dropped` for
all below such a message, with that message as `lost_to` and its rule as note. A message without a label, or without a
score, passes the rules on it. Contract: `Grown.nodes` hold all messages of the frames, dropped or not. Pure; fails with
ValueError where messages are not in the order of `conversation_trees`.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from typing import NamedTuple

import polars as pl

from ot_assets.conversations.forest import Drop, Grown, grown, whole_trees
from ot_assets.registry.specs.conversation import Kept
from schemas.ledger import Ledger

_NO_FIGURE = pl.lit(None, pl.Float64)
_NO_NOTE = pl.lit(None, pl.String)


def kept_trees(frames: Iterable[pl.DataFrame], kept: Kept) -> Iterator[list[Grown]]:
    """The trees of a stream of `Messages`, some whole ones at a time."""
    for frame in whole_trees(frames):
        yield grown(judged(frame, kept))


def judged(frame: pl.DataFrame, kept: Kept) -> pl.DataFrame:
    """The messages with the rule that drops each by itself (null: none), the figure that decided, and a note."""
    rule, figure, note = (pl.lit(None, dtype) for dtype in (pl.String, pl.Float64, pl.String))
    for one in reversed(list(_rules(kept))):
        fits = one.fits.fill_null(False)
        rule = pl.when(fits).then(pl.lit(one.name)).otherwise(rule)
        figure = pl.when(fits).then(one.figure).otherwise(figure)
        note = pl.when(fits).then(one.note).otherwise(note)
    return frame.with_columns(rule=rule, figure=figure, note=note)


def ledger_of(losses: Iterable[tuple[str, Drop]]) -> pl.DataFrame:
    """Ledger rows: the id of what was dropped, and why."""
    columns = Ledger.dtypes()
    said = {name: columns[name] for name in ("row_id", *Drop._fields)}
    frame = pl.DataFrame([(name, *why) for name, why in losses], schema=said, orient="row")
    return frame.select(
        pl.col(name) if name in said else pl.lit(None, dtype).alias(name) for name, dtype in columns.items()
    )


class _Rule(NamedTuple):
    """What drops a message: where it is true (null: it is not), and what the ledger says."""

    name: str
    fits: pl.Expr
    figure: pl.Expr = _NO_FIGURE
    note: pl.Expr = _NO_NOTE


def _rules(kept: Kept) -> Iterator[_Rule]:
    state, accepted, depth = pl.col("tree_state"), pl.col("review_result"), pl.col("depth").cast(pl.Float64)
    yield _Rule("tree_state", ~state.is_in(list(kept.states)), note=state)
    yield _Rule("deleted", pl.col("deleted"))
    reviews = pl.col("review_count").cast(pl.Float64)
    said = pl.when(accepted.is_null()).then(pl.lit("not judged yet")).otherwise(pl.lit("rejected"))
    yield _Rule("not_accepted", ~accepted.fill_null(False), reviews, said)
    if not kept.synthetic:
        yield _Rule("synthetic", pl.col("synthetic"), note=pl.col("model_name"))
    if kept.max_depth is not None:
        yield _Rule("too_deep", depth > kept.max_depth, depth, pl.lit(f"up to {kept.max_depth} is asked"))
    for name, limit in kept.labels_below.items():
        yield _bound(f"label.{name}", _value("labels", name), limit, below=True)
    for name, limit in kept.labels_above.items():
        yield _bound(f"label.{name}", _value("labels", name), limit, below=False)
    for name, limit in kept.detoxify_below.items():
        yield _bound(f"detoxify.{name}", _value("detoxify", name), limit, below=True)


def _bound(rule: str, value: pl.Expr, limit: float, *, below: bool) -> _Rule:
    fits = value >= limit if below else value <= limit
    return _Rule(rule, fits, value, pl.lit(f"{'below' if below else 'above'} {limit:g} is asked"))


def _value(column: str, name: str) -> pl.Expr:
    """The value of this name in a column of named values; null where there is none."""
    fields = pl.element().struct
    return pl.col(column).list.eval(fields.field("value").filter(fields.field("name") == name)).list.first()
