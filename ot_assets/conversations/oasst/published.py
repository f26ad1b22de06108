"""A message as Open-Assistant publishes it: its fields, and the one shape that all else here knows.

Belongs here: the 18 columns of the hub's OASST1 and OASST2 and their types, and `plain`, which brings a message of any
published form to the fields of an imported tree (`importing`): `emojis` {name: count}, `labels` {name: {value, count}},
`detoxify` {name: value}. The hub holds these as a struct of lists, lines of JSON as objects, and what was written by other
libraries as a list of structs. Nulls and NaN are absent, whole numbers that a table made floats are whole again; whatever
else is wrong stays as it is, for `importing` to refuse. Source: Open-Assistant, `oasst-data/oasst_data/schemas.py` and
`reader.py`, the data sets' cards.
"""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime
from typing import Any

from ot_assets.conversations.events import Refused

COLUMNS = (
    "message_id", "parent_id", "user_id", "created_date", "text", "role", "lang", "review_count", "review_result",
    "deleted", "rank", "synthetic", "model_name", "detoxify", "message_tree_id", "tree_state", "emojis", "labels",
)  # fmt: skip
"""The hub's, in their order."""
DETOXIFY = ("toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit")
"""The scores that the hub's struct holds."""
OF_TREE = ("message_tree_id", "tree_state")
"""Columns of a flat message that say of its tree."""
FIELDS = tuple(name for name in COLUMNS if name not in OF_TREE)
"""What a message of an imported tree may hold."""
_NAMED: Mapping[str, tuple[str, ...]] = {"emojis": ("count",), "detoxify": ("value",), "labels": ("value", "count")}

Row = dict[str, Any]


def arrow_schema() -> Any:
    """The hub's columns and types."""
    import pyarrow as pa

    kinds = {
        **dict.fromkeys(COLUMNS, pa.string()),
        **dict.fromkeys(("review_count", "rank"), pa.int32()),
        **dict.fromkeys(("review_result", "deleted", "synthetic"), pa.bool_()),
        "detoxify": pa.struct([(name, pa.float64()) for name in DETOXIFY]),
        "emojis": pa.struct([("name", pa.list_(pa.string())), ("count", pa.list_(pa.int32()))]),
        "labels": pa.struct(
            [("name", pa.list_(pa.string())), ("value", pa.list_(pa.float64())), ("count", pa.list_(pa.int32()))]
        ),
    }
    return pa.schema([(name, kinds[name]) for name in COLUMNS])


def plain(said: Mapping[str, Any]) -> Row:
    """A published message in the fields of an imported tree. Raises `Refused` for lists that do not belong together."""
    row = {name: value for name in FIELDS if (value := _value(said.get(name))) is not None}
    for name in ("review_count", "rank"):
        if isinstance(value := row.get(name), float) and value.is_integer():
            row[name] = int(value)
    for name, parts in _NAMED.items():
        if name in row:
            row[name] = _named(name, row[name], parts)
            if row[name] in ({}, []):
                del row[name]
    if isinstance(scores := row.get("detoxify"), dict):
        row["detoxify"] = {name: scores[name] for name in sorted(scores, key=place_of_score)}
    return row


def place_of_score(name: str) -> tuple[int, str]:
    """Where a score stands among others: as in the hub's struct, unknown ones behind by name."""
    return DETOXIFY.index(name) if name in DETOXIFY else len(DETOXIFY), name


def _value(value: Any) -> Any:
    if isinstance(value, float) and value != value:
        return None
    return value.isoformat() if isinstance(value, datetime) else value


def _named(field: str, given: Any, parts: tuple[str, ...]) -> Any:
    """Name -> value, or name -> {part: value}, of any of the three shapes."""
    if isinstance(given, Mapping) and isinstance(given.get("name"), list):
        columns = [given["name"], *(given.get(part) for part in parts)]
        if not all(isinstance(one, list) and len(one) == len(given["name"]) for one in columns):
            raise Refused("bad_tree", f"{field} holds lists of different lengths")
        given = [dict(zip(("name", *parts), one, strict=True)) for one in zip(*columns, strict=True)]
    if isinstance(given, list) and all(isinstance(one, Mapping) and isinstance(one.get("name"), str) for one in given):
        given = {one["name"]: one.get(parts[0]) if len(parts) == 1 else one for one in given}
    if not isinstance(given, Mapping):
        return given
    if len(parts) == 1:
        return {name: value for name, value in given.items() if _value(value) is not None}
    found: Row = {}
    for name, one in given.items():
        if isinstance(one, Mapping):
            one = {part: value for part in parts if (value := _value(one.get(part))) is not None}
            if parts[0] not in one:  # a mean over nobody
                continue
        if one is not None:
            found[name] = one
    return found
