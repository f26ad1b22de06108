"""From an example or a question that people wrote back to the single events behind it.

Belongs here: the steps from a training row of a conversation (its source is `conversations-LANGUAGE`), or from a question of a
source of kind `conversation`, through `sft_threads` or `prompts` and `conversation_trees` to the events in `contributions`,
each with its log and row. Contract: the versions read are those that manifests recorded; what is lost or damaged is a step
with a reason. Raises nothing.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

import polars as pl

from ot_assets.distillation.thread_examples import SOURCE
from ot_assets.lineage.lookup import Unreadable, find_rows
from ot_assets.lineage.path import Step
from resources.artifacts import Artifact, ArtifactStore, Partition
from resources.errors import UserError

_THREAD = ("thread_id", "tree_id", "message_ids", "event_ids", "rank", "depth", "split", "licence")
_PROMPT = ("message_id", "tree_id", "event_id", "best_id", "split", "licence")
_MESSAGE = (
    *("message_id", "tree_id", "parent_id", "user_id", "event_id", "created_at", "role", "text", "review_count"),
    *("review_result", "decided_by", "rank", "ranking_count"),
)
_EVENT = ("event_id", "kind", "at", "user_id", "tree_id", "message_id", "parent_id", "text", "log", "log_row")
_MOST = 200


def is_thread(source: str | None) -> bool:
    """Whether an example's source is a conversation."""
    return source is not None and source.startswith(SOURCE)


def thread_steps(store: ArtifactStore, training: Artifact, source: str, message_id: str) -> Iterator[Step]:
    """Behind an example of a thread: the thread, its messages, their events."""
    at = Partition({"language": source.removeprefix(SOURCE)})
    fits = pl.col("message_ids").list.last() == message_id
    yield from _from(store, training, "sft_threads", at, fits, _THREAD, "message_ids", "event_ids")


def prompt_steps(store: ArtifactStore, sourced: Artifact, source_row: str) -> Iterator[Step]:
    """Behind a question that is a prompt of a conversation; nothing behind any other."""
    for one in sourced.manifest.inputs:
        if one.asset == "prompts":
            fits = pl.col("message_id") == source_row.partition(":")[2]
            at = Partition(one.partition)
            steps = list(_from(store, sourced, "prompts", at, fits, _PROMPT, "message_id", "event_id"))
            if steps and steps[0].place is not None:
                yield from steps
                return


def _from(
    store: ArtifactStore,
    below: Artifact,
    asset: str,
    at: Partition,
    fits: pl.Expr,
    columns: tuple[str, ...],
    messages: str,
    events: str,
) -> Iterator[Step]:
    first, made = _look(store, below, asset, at, fits, columns)
    yield from first
    if made is None or not first or first[0].place is None:
        return
    values = _whole(made, fits, (messages, events))
    names, came = _list(values.get(messages)), _list(values.get(events))
    steps, trees = _look(store, made, "conversation_trees", at, pl.col("message_id").is_in(names), _MESSAGE)
    yield from steps
    if trees is not None:
        steps, _ = _look(store, trees, "contributions", at, pl.col("event_id").is_in(came), _EVENT)
        yield from steps


def _look(
    store: ArtifactStore, below: Artifact, asset: str, at: Partition, fits: pl.Expr, columns: tuple[str, ...]
) -> tuple[list[Step], Artifact | None]:
    """The rows of the version that the artifact below was made from, a step each."""
    names = [one.artifact_id for one in below.manifest.inputs if one.asset == asset and Partition(one.partition) == at]
    if not names:
        return [Step(asset, at, None, reason=f"{below.manifest.asset} was made without it")], None
    try:
        made = store.get(asset, at, names[0])
        _, rows = find_rows(made, fits, columns, limit=_MOST)
    except (Unreadable, UserError, OSError) as error:
        return [Step(asset, at, names[0], reason=str(error).splitlines()[0])], None
    if not rows:
        return [Step(asset, at, names[0], reason="the row is not in this version")], made
    return [Step(asset, at, names[0], "", row.place, row.values, 1) for row in rows], made


def _whole(made: Artifact, fits: pl.Expr, columns: tuple[str, ...]) -> Mapping[str, Any]:
    _, rows = find_rows(made, fits, columns, limit=1, whole=True)
    return rows[0].values if rows else {}


def _list(value: Any) -> list[str]:
    if value is None:
        return []
    return [value] if isinstance(value, str) else list(value)
