"""Files as Open-Assistant publishes them, written without our own code; and the way from lines to rows of messages."""

from __future__ import annotations

import gzip
import json
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import Any

import fsspec
import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq

from ot_assets.conversations.events import Refused
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.logs import Line
from ot_assets.conversations.oasst.filtering import Wanted
from ot_assets.conversations.oasst.lines import file_lines
from ot_assets.conversations.rows import tree_rows
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.crowd import CrowdSettings
from ot_assets.sourcing.places import Place
from schemas.base import violations
from schemas.conversations import Messages

Json = dict[str, Any]

ALL = Wanted(states=None, synthetic=True, deleted=True, unreviewed=True)
"""Nothing is filtered."""

HUB = pa.schema(
    [
        ("message_id", pa.string()),
        ("parent_id", pa.string()),
        ("user_id", pa.string()),
        ("created_date", pa.string()),
        ("text", pa.string()),
        ("role", pa.string()),
        ("lang", pa.string()),
        ("review_count", pa.int32()),
        ("review_result", pa.bool_()),
        ("deleted", pa.bool_()),
        ("rank", pa.int32()),
        ("synthetic", pa.bool_()),
        ("model_name", pa.string()),
        (
            "detoxify",
            pa.struct(
                [
                    ("toxicity", pa.float64()),
                    ("severe_toxicity", pa.float64()),
                    ("obscene", pa.float64()),
                    ("identity_attack", pa.float64()),
                    ("insult", pa.float64()),
                    ("threat", pa.float64()),
                    ("sexual_explicit", pa.float64()),
                ]
            ),
        ),
        ("message_tree_id", pa.string()),
        ("tree_state", pa.string()),
        ("emojis", pa.struct([("name", pa.list_(pa.string())), ("count", pa.list_(pa.int32()))])),
        (
            "labels",
            pa.struct(
                [("name", pa.list_(pa.string())), ("value", pa.list_(pa.float64())), ("count", pa.list_(pa.int32()))]
            ),
        ),
    ]
)
"""The columns of the hub's OASST1 and OASST2, as their cards name them."""

LABELS = {"spam": (0.0, 3), "lang_mismatch": (0.0, 3), "quality": (0.4166666666666667, 3), "violence": (0.25, 1)}


def message(name: str, parent: str | None = None, **given: Any) -> Json:
    """A message of a tree line, every published field in it; roles alternate by the length of the name: p, pa, pab ..."""
    said: Json = {
        "message_id": name,
        "parent_id": parent,
        "user_id": f"user-{name}",
        "created_date": f"2023-02-05T14:23:{len(name):02d}.983374+00:00",
        "text": f"Text of {name}",
        "role": "prompter" if len(name) % 2 else "assistant",
        "lang": "en",
        "review_count": 3,
        "review_result": True,
        "deleted": False,
        "rank": None,
        "synthetic": False,
        "model_name": None,
        "emojis": {"+1": 2, "_skip_reply": 1},
        "replies": [],
        "labels": {label: {"value": value, "count": count} for label, (value, count) in LABELS.items()},
        "detoxify": None,
    }
    return {**said, **given}


def tree(*messages: Json, state: str | None = "ready_for_export") -> Json:
    """A tree line of messages that name their parents."""
    nodes = {one["message_id"]: {**one, "replies": []} for one in messages}
    for one in messages:
        if one["parent_id"] in nodes:
            nodes[one["parent_id"]]["replies"].append(nodes[one["message_id"]])
    root = messages[0]["message_id"]
    return {"message_tree_id": root, "tree_state": state, "prompt": nodes[root]}


def small(name: str = "p", **of_prompt: Any) -> list[Json]:
    """A prompt with three ranked replies and a question to the best."""
    return [
        message(name, **of_prompt),
        message(f"{name}a", name, rank=0),
        message(f"{name}b", name, rank=1),
        message(f"{name}c", name, rank=2),
        message(f"{name}aq", f"{name}a"),
    ]


def flat(messages: Iterable[Json], tree_id: str, state: str = "ready_for_export") -> list[Json]:
    """The messages of a tree as lines of their own."""
    return [
        {name: value for name, value in one.items() if name != "replies"}
        | {"message_tree_id": tree_id, "tree_state": state}
        for one in messages
    ]


def lines(to: Path, said: Iterable[Json | str]) -> Path:
    """Lines of JSON, or what stands for one; packed by the name."""
    text = "".join((one if isinstance(one, str) else json.dumps(one)) + "\n" for one in said).encode()
    to.write_bytes(gzip.compress(text) if to.suffix == ".gz" else text)
    return to


def parquet(to: Path, rows: Sequence[Json]) -> Path:
    """Flat messages in the hub's columns."""
    made = []
    for row in rows:
        emojis, labels = row["emojis"], row["labels"]
        lists: Json = {
            "emojis": emojis and {"name": [*emojis], "count": [*emojis.values()]},
            "labels": labels
            and {
                "name": [*labels],
                "value": [one["value"] for one in labels.values()],
                "count": [one["count"] for one in labels.values()],
            },
        }
        made.append({**row, **lists})
    pq.write_table(pa.Table.from_pylist(made, schema=HUB), to, row_group_size=3)
    return to


def place(file: Path) -> Place:
    return Place(fsspec.filesystem("file"), str(file), file.name)


def read_lines(file: Path, wanted: Wanted = ALL, digest: str = "0" * 64) -> list[Line]:
    return list(file_lines(place(file), digest, wanted))


def refused(found: Iterable[Line]) -> list[tuple[str | None, str]]:
    """What is refused, and by which rule."""
    return [(one.event_id, one.refused.rule) for one in found if one.refused is not None]


def folded(found: Iterable[Line], **settings: Any) -> tuple[pl.DataFrame, list[Refused]]:
    """The rows of messages of all events, and what the fold did not take."""
    shelf = Shelf(CrowdSettings(**settings))
    fold = Fold("en", shelf)
    out = [fold.apply(one.event) for one in sorted(found, key=_at) if one.event is not None]
    frames = [rows.messages for rows in tree_rows(shelf.trees())]
    rows: pl.DataFrame = pl.concat([Messages.empty(), *frames])
    assert violations(Messages, rows) == []
    return rows, [one for one in out if one is not None]


def _at(line: Line) -> int:
    return line.event.at if line.event else 0
