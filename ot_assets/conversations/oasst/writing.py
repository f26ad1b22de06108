"""Folded trees as Open-Assistant publishes them: tree lines, flat messages as lines, or the hub's parquet.

Belongs here: `export`. Contract: rows of `schemas.Messages` go in, in any order; what `filtering.Wanted` wants comes out,
trees by the id that they are published with, messages depth-first, siblings by rank (the unranked last), time and published
id. The same rows and the same seed give the same bytes. Ranks count what is published, so they have no gaps. With a seed the
ids of messages (and so of trees) and persons are anonymous; ballots were merged before that, so no rank depends on which ids
come out. A published mean is over all label rows, free labels too; raw labels and ballots are tables of `conversation_trees`.
What is published can be imported, folded and published again without a seed, and is the same.
Times are published to the millisecond; an imported time's further digits are lost. The file is whole or not there.
Fails with UserError: an empty seed, a form and a suffix that do not belong together, a file that cannot be written.
"""

from __future__ import annotations

import gzip
import json
import os
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, replace
from hashlib import sha256
from itertools import groupby
from operator import itemgetter
from pathlib import Path
from typing import IO, Any, Literal

import polars as pl

from ot_assets.conversations.events import Refused
from ot_assets.conversations.oasst.filtering import Filtered, Wanted, filtered
from ot_assets.conversations.oasst.published import COLUMNS, DETOXIFY, FIELDS, Row, arrow_schema, place_of_score
from resources.errors import UserError

Form = Literal["trees", "messages", "parquet"]
SUFFIXES: Mapping[Form, tuple[str, ...]] = {
    "trees": (".jsonl", ".jsonl.gz"),
    "messages": (".jsonl", ".jsonl.gz"),
    "parquet": (".parquet",),
}
"""Form -> what its file may end with."""
READY = Wanted()
"""Accepted messages of trees that are ready, none of them synthetic or deleted."""
DEEPEST = 200
"""Replies under each other in a tree line; readers walk down such lines and give up at some depth."""

_ROWS = 2_000
_PARTS: Mapping[str, tuple[str, ...]] = {"emojis": ("name", "count"), "labels": ("name", "value", "count")}


@dataclass(frozen=True)
class Exported:
    """What was written, and what was left out."""

    file: Path
    trees: int
    messages: int
    trees_left_out: Mapping[str, int]
    """Rule -> trees, as in `filtering`, and `too_deep` where a tree line would nest too much."""
    messages_left_out: Mapping[str, int]
    """Rule -> messages of trees that were written."""


@dataclass(frozen=True)
class _Tree:
    """A tree as it is published."""

    tree_id: str
    state: str
    nodes: list[Row]


def export(
    messages: pl.DataFrame | pl.LazyFrame, to: Path, form: Form, *, wanted: Wanted = READY, seed: str | None = None
) -> Exported:
    """Writes what is wanted into a file. `seed` makes ids anonymous, and is to be kept secret; None leaves them as they are."""
    if not to.name.lower().endswith(SUFFIXES[form]):
        raise UserError(f"{to} is no name for {form}", fix=f"let it end with {' or '.join(SUFFIXES[form])}")
    if seed == "":
        raise UserError("the seed is empty, so that anybody could find ids again", fix="give a long secret, or no seed")
    counts = Counter[str](), Counter[str]()
    total = [0, 0]
    with _whole(to) as file, _WRITERS[form](file) as write:
        for tree in _trees(messages.lazy(), replace(wanted, ranks="renumber"), _Ids(seed), form, *counts):
            write(tree)
            total[0] += 1
            total[1] += len(tree.nodes)
    left_out = [dict(sorted(one.items())) for one in counts]
    return Exported(to, total[0], total[1], *left_out)


class _Ids:
    """Ids as they are published."""

    def __init__(self, seed: str | None) -> None:
        self._seed = seed
        self._known: dict[tuple[str, str], str] = {}

    def __call__(self, collection: str, name: str) -> str:
        if self._seed is None:
            return name
        if (found := self._known.get((collection, name))) is None:
            found = sha256(f"{collection}:{name}{self._seed}".encode()).hexdigest()
            self._known[collection, name] = found
        return found


def _trees(
    messages: pl.LazyFrame, wanted: Wanted, ids: _Ids, form: Form, trees: Counter[str], lost: Counter[str]
) -> Iterator[_Tree]:
    """The trees that are wanted, in their order; the others are counted."""
    frame = messages.select(_COLUMNS).collect()
    names = frame.get_column("tree_id").unique().to_list()
    order = pl.DataFrame(
        {"tree_id": names, "published": [ids("message", name) for name in names]},
        schema={"tree_id": pl.String, "published": pl.String},
    )
    frame = frame.join(order, on="tree_id", how="left").sort("published")
    for name, rows in groupby(frame.iter_rows(named=True), itemgetter("published")):
        tree = list(rows)
        state, siblings = tree[0]["tree_state"], sorted((_row(row, ids) for row in tree), key=_place)
        try:
            left = filtered(name, state, siblings, wanted)
            if form == "trees":
                _nests(left)
        except Refused as refused:
            trees[refused.rule] += 1
            continue
        lost.update(one.rule for one in left.lost)
        yield _Tree(name, state, [{field: row.get(field) for field in FIELDS} for row in left.rows])


_COLUMNS = (
    "message_id", "tree_id", "parent_id", "user_id", "created_at", "role", "language", "text", "tree_state",
    "review_count", "review_result", "deleted", "synthetic", "model_name", "rank", "emojis", "labels", "detoxify",
)  # fmt: skip


def _row(row: Mapping[str, Any], ids: _Ids) -> Row:
    """A row of `Messages` with the fields that are published."""
    parent = row["parent_id"]
    return {
        "message_id": ids("message", row["message_id"]),
        "parent_id": None if parent is None else ids("message", parent),
        "user_id": ids("user", row["user_id"]),
        "created_date": row["created_at"].isoformat(timespec="milliseconds"),
        "text": row["text"],
        "role": row["role"],
        "lang": row["language"],
        "review_count": row["review_count"],
        "review_result": row["review_result"],
        "deleted": row["deleted"],
        "rank": row["rank"],
        "synthetic": row["synthetic"],
        "model_name": row["model_name"],
        "detoxify": {
            one["name"]: one["value"] for one in sorted(row["detoxify"], key=lambda one: place_of_score(one["name"]))
        }
        or None,
        "emojis": {one["name"]: one["count"] for one in row["emojis"]} or None,
        "labels": {one["name"]: {"value": one["value"], "count": one["count"]} for one in row["labels"]} or None,
    }


def _place(row: Row) -> tuple[bool, int, str, str]:
    """Where a message stands among its siblings."""
    return row["rank"] is None, row["rank"] or 0, row["created_date"], row["message_id"]


def _nests(tree: Filtered) -> None:
    """Raises `Refused` for a tree whose line nobody could read."""
    depth: dict[str | None, int] = {None: -1}
    for row in tree.rows:
        depth[row["message_id"]] = depth[row["parent_id"]] + 1
    if (deepest := max(depth.values())) > DEEPEST:
        raise Refused("too_deep", f"{deepest} replies stand under each other, a tree line holds {DEEPEST}")


Write = Callable[[_Tree], None]


@contextmanager
def _tree_lines(file: IO[bytes]) -> Iterator[Write]:
    with _lines(file) as line:

        def write(tree: _Tree) -> None:
            nodes: dict[str | None, Row] = {}
            for row in tree.nodes:
                node = nodes[row["message_id"]] = {**row, "replies": []}
                if row["parent_id"] is not None:
                    nodes[row["parent_id"]]["replies"].append(node)
            line({"message_tree_id": tree.tree_id, "tree_state": tree.state, "prompt": nodes[tree.tree_id]})

        yield write


@contextmanager
def _message_lines(file: IO[bytes]) -> Iterator[Write]:
    with _lines(file) as line:

        def write(tree: _Tree) -> None:
            for row in tree.nodes:
                line(_flat(tree, row))

        yield write


@contextmanager
def _parquet(file: IO[bytes]) -> Iterator[Write]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    schema, rows = arrow_schema(), list[Row]()
    with pq.ParquetWriter(file, schema, compression="zstd") as parquet:

        def flush() -> None:
            parquet.write_table(pa.Table.from_pylist(rows, schema=schema))
            rows.clear()

        def write(tree: _Tree) -> None:
            rows.extend(_columns(_flat(tree, row)) for row in tree.nodes)
            if len(rows) >= _ROWS:
                flush()

        yield write
        flush()


_WRITERS: Mapping[Form, Any] = {"trees": _tree_lines, "messages": _message_lines, "parquet": _parquet}


def _flat(tree: _Tree, row: Row) -> Row:
    row = {**row, "message_tree_id": tree.tree_id, "tree_state": tree.state}
    return {name: row[name] for name in COLUMNS}


def _columns(row: Row) -> Row:
    """A flat message as the hub's table holds it: labels and emojis as a struct of lists."""
    found = dict(row)
    for name, parts in _PARTS.items():
        if (given := row[name]) is not None:
            pairs = [(one, *(said.values() if isinstance(said, dict) else (said,))) for one, said in given.items()]
            found[name] = dict(zip(parts, map(list, zip(*pairs, strict=True)), strict=True))
    scores = {name: (row["detoxify"] or {}).get(name) for name in DETOXIFY}
    found["detoxify"] = scores if any(score is not None for score in scores.values()) else None
    return found


@contextmanager
def _lines(file: IO[bytes]) -> Iterator[Callable[[Row], None]]:
    """Writes objects as lines; packed where the file's name says so."""
    packed: IO[bytes] = file
    if file.name.lower().endswith(".gz"):
        packed = gzip.GzipFile(filename="", mode="wb", fileobj=file, mtime=0)  # type: ignore[assignment]

    def line(said: Row) -> None:
        packed.write(json.dumps(said, ensure_ascii=False).encode() + b"\n")

    yield line
    if packed is not file:
        packed.close()


@contextmanager
def _whole(to: Path) -> Iterator[IO[bytes]]:
    """A file beside the target that takes its place once all is written."""
    beside = to.with_name(f".{os.getpid()}.{to.name}")
    try:
        with beside.open("wb") as file:
            yield file
        beside.replace(to)
    except OSError as error:
        raise UserError(f"{to} cannot be written: {error}", fix="free the folder, or name another one") from error
    finally:
        beside.unlink(missing_ok=True)
