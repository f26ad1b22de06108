"""Whatever stands in a published file: it is an event that the fold takes, or a reason; nothing stops."""

from __future__ import annotations

import gzip
import json
import tempfile
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.collecting import collect, events_of
from ot_assets.conversations.fold import Fold
from ot_assets.conversations.oasst.filtering import Wanted
from ot_assets.conversations.rows import tree_rows
from ot_assets.conversations.shelf import Shelf
from ot_assets.registry.specs.crowd import CrowdSettings
from schemas.base import violations
from schemas.conversations import Contributions, Messages
from schemas.ledger import Ledger
from tests.conversations.oasst.files import ALL, flat, lines, read_lines, small, tree

text = st.text(st.characters(exclude_categories=[]), max_size=12)
anything = st.recursive(
    st.one_of(
        st.none(),
        st.booleans(),
        st.integers(),
        st.floats(),
        text,
        st.sampled_from([-1, 2**70, 0.5, "p", "pa", "growing"]),
    ),
    lambda inner: st.one_of(
        st.lists(inner, max_size=3),
        st.dictionaries(
            st.one_of(text, st.sampled_from(["name", "value", "count", "spam", "+1", "message_id"])), inner, max_size=3
        ),
    ),
    max_leaves=6,
)


def checked(folder: Path, name: str, said: list[Any], wanted: Wanted) -> None:
    found = read_lines(lines(folder / name, [one if isinstance(one, str) else json.dumps(one) for one in said]), wanted)
    assert all((line.event is None) != (line.refused is None) for line in found)
    got = collect(found, "en")
    assert got.lines == len(found) == len(got.events) + len(got.ledger)
    assert violations(Contributions, got.events) == [] and violations(Ledger, got.ledger) == []
    assert got.ledger.filter(rule="out_of_order").is_empty()
    shelf = Shelf(CrowdSettings())
    fold = Fold("en", shelf)
    for event in events_of(got.events):
        refused = fold.apply(event)
        assert refused is None or refused.rule == "known_message"  # the trees of a file may share a message
    for rows in tree_rows(shelf.trees()):
        assert violations(Messages, rows.messages) == []


@given(
    st.lists(
        st.tuples(st.integers(0, 4), st.sampled_from(sorted(flat(small(), "p")[0])), anything), min_size=1, max_size=3
    ),
    st.sampled_from(["trees", "messages"]),
    st.booleans(),
)
@settings(deadline=None, max_examples=30)
def test_fields_of_any_kind(changes: list[tuple[int, str, Any]], form: str, everything: bool):
    rows = flat(small(), "p")
    for place, field, value in changes:
        rows[place][field] = value
    said: list[Any] = rows
    if form == "trees":
        nodes = [{**row, "replies": []} for row in rows]
        nodes[0]["replies"], nodes[1]["replies"] = nodes[1:4], nodes[4:]
        said = [{"message_tree_id": "p", "tree_state": "ready_for_export", "prompt": nodes[0]}]
    with tempfile.TemporaryDirectory() as folder:
        checked(Path(folder), "x.jsonl", [*said, tree(*small("q"))], ALL if everything else Wanted())


@given(
    st.lists(anything, max_size=4),
    st.lists(text.map(lambda one: one.replace("\n", "").encode("utf-8", "replace").decode()), max_size=3),
)
@settings(deadline=None, max_examples=20)
def test_lines_of_any_kind(values: list[Any], texts: list[str]):
    with tempfile.TemporaryDirectory() as folder:
        checked(Path(folder), "x.jsonl", [*values, *texts, tree(*small())], ALL)


@given(st.binary(max_size=40), st.integers(0, 10_000), st.sampled_from(["t.jsonl", "t.jsonl.gz", "t.parquet"]))
@settings(deadline=None, max_examples=20)
def test_bytes_of_any_kind(junk: bytes, at: int, name: str):
    with tempfile.TemporaryDirectory() as folder:
        file = lines(Path(folder) / "t.jsonl.gz", [tree(*small(f"{number:03d}")) for number in range(5)])
        raw = file.read_bytes() if name.endswith(".gz") else gzip.decompress(file.read_bytes())
        file = Path(folder) / name
        file.write_bytes(raw[: at % len(raw)] + junk + raw[at % len(raw) + len(junk) :])
        found = read_lines(file)
        assert found and all((line.event is None) != (line.refused is None) for line in found)


@pytest.mark.parametrize("size", [1, 3, 100])
def test_a_table_whose_columns_have_other_types(tmp_path: Path, size: int):
    frame = pl.DataFrame(
        {
            "message_id": [f"p{number}" for number in range(size)],
            "parent_id": pl.Series([None] * size, dtype=pl.Null),
            "text": [b"bytes"] * size,
            "rank": ["first"] * size,
            "labels": [3.5] * size,
            "created_date": pl.Series([0] * size, dtype=pl.Datetime("us")),
            "lang": ["en"] * size,
            "role": ["prompter"] * size,
        }
    )
    frame.write_parquet(tmp_path / "x.parquet")
    found = read_lines(tmp_path / "x.parquet")
    assert len(found) == size and {line.refused.rule for line in found if line.refused} == {"bad_tree"}
