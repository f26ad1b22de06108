"""Tree lines, flat messages and parquet as trees; and what is none."""

from __future__ import annotations

import gzip
import json
import random
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from ot_assets.conversations.oasst.published import COLUMNS, arrow_schema, plain
from ot_assets.conversations.oasst.reading import PublishedTree, Unreadable, read
from resources.errors import UserError
from tests.conversations.oasst.files import HUB, flat, lines, message, parquet, place, small, tree


def found(file: Path) -> list[PublishedTree]:
    every = list(read(place(file)))
    assert all(isinstance(one, PublishedTree) for one in every), every
    return [one for one in every if isinstance(one, PublishedTree)]


def problems(file: Path) -> list[tuple[int, str]]:
    return [(one.row, one.rule) for one in read(place(file)) if isinstance(one, Unreadable)]


def by_id(one: PublishedTree) -> dict[str, Any]:
    return {row["message_id"]: row for row in one.rows}


def test_the_columns_are_the_hubs():
    assert arrow_schema().equals(HUB)
    assert tuple(HUB.names) == COLUMNS


@pytest.mark.parametrize(
    "name", ["trees.jsonl", "trees.jsonl.gz", "messages.jsonl", "messages.jsonl.gz", "hub.parquet"]
)
def test_all_forms_hold_the_same_trees(tmp_path: Path, name: str):
    one, two = small("p"), small("q", lang="pt-BR", review_result=None, emojis=None, labels=None)
    two[1]["detoxify"] = {"toxicity": 0.01, "severe_toxicity": None, "obscene": 0.5}
    messages = [*flat(one, "p"), *flat(two, "q", "growing")]
    if name.startswith("trees"):
        file = lines(tmp_path / name, [tree(*one), tree(*two, state="growing")])
    elif name.startswith("messages"):
        file = lines(tmp_path / name, messages)
    else:
        file = parquet(tmp_path / name, messages)
    first, second = found(file)
    assert (first.tree_id, first.state, second.tree_id, second.state) == ("p", "ready_for_export", "q", "growing")
    for got, given in ((first, one), (second, two)):
        assert by_id(got) == {said["message_id"]: plain(said) for said in given}
    assert by_id(first)["pa"]["labels"]["quality"] == {"value": 0.4166666666666667, "count": 3}
    assert by_id(first)["pa"]["emojis"] == {"+1": 2, "_skip_reply": 1}
    assert by_id(second)["q"].keys().isdisjoint({"emojis", "labels", "review_result", "detoxify", "parent_id"})
    assert by_id(second)["qa"]["detoxify"] == {"toxicity": 0.01, "obscene": 0.5}


@pytest.mark.parametrize("form", ["jsonl", "parquet"])
def test_flat_messages_need_no_order(tmp_path: Path, form: str):
    trees = {f"{number:02d}x": small(f"{number:02d}x") for number in range(20)}
    rows = [row for name, messages in trees.items() for row in flat(messages, name)]
    random.Random(7).shuffle(rows)
    file = lines(tmp_path / "m.jsonl", rows) if form == "jsonl" else parquet(tmp_path / "m.parquet", rows)
    got = found(file)
    assert {one.tree_id: by_id(one).keys() for one in got} == {
        name: {row["message_id"] for row in messages} for name, messages in trees.items()
    }
    firsts = {
        one.tree_id: 1 + next(n for n, row in enumerate(rows) if row["message_tree_id"] == one.tree_id) for one in got
    }
    assert [one.row for one in got] == sorted(firsts.values()) == [firsts[one.tree_id] for one in got]


def test_messages_that_do_not_name_their_tree_are_grouped_by_the_way_up(tmp_path: Path):
    """The smallest message that the format's description allows."""
    least = [
        {"message_id": "paq", "parent_id": "pa", "text": "And why?", "role": "prompter", "lang": "en"},
        {"message_id": "pa", "parent_id": "p", "text": "Because.", "role": "assistant", "lang": "en"},
        {"message_id": "q", "text": "Another", "role": "prompter", "lang": "en"},
        {"message_id": "p", "text": "Why?", "role": "prompter", "lang": "en"},
        {"message_id": "x", "parent_id": "y", "text": "?", "role": "prompter", "lang": "en"},
        {"message_id": "y", "parent_id": "x", "text": "?", "role": "assistant", "lang": "en"},
        {"message_id": "q", "text": "Twice", "role": "prompter", "lang": "en"},
    ]
    got = {one.tree_id: [row["message_id"] for row in one.rows] for one in found(lines(tmp_path / "m.jsonl", least))}
    assert got == {"p": ["paq", "pa", "p"], "q": ["q", "q"], "x": ["x", "y"]}


def test_tree_lines_and_messages_may_stand_in_one_file(tmp_path: Path):
    file = lines(tmp_path / "m.jsonl", [*flat(small("q"), "q")[:2], tree(*small()), *flat(small("q"), "q")[2:]])
    assert [(one.tree_id, one.row, len(one.rows)) for one in found(file)] == [("p", 3, 5), ("q", 1, 5)]


def test_a_nested_reply_needs_no_parent_id_but_must_not_name_another(tmp_path: Path):
    whole, silent = tree(*small()), tree(*small("q"))
    del silent["prompt"]["replies"][0]["parent_id"]
    whole["prompt"]["replies"][0]["parent_id"] = "pc"
    every = list(read(place(lines(tmp_path / "t.jsonl", [whole, silent]))))
    assert isinstance(every[0], Unreadable) and every[0].rule == "bad_tree"
    assert "stands under p, but its parent_id is 'pc'" in every[0].note
    assert isinstance(every[1], PublishedTree) and by_id(every[1])["qa"]["parent_id"] == "q"


def test_a_line_that_is_no_tree_is_told_and_the_rest_goes_on(tmp_path: Path):
    thread = {"thread_id": "x", "thread": [message("x")]}
    bad = [
        "{not json",
        "[1, 2]",
        '"text"',
        thread,
        {"text": "nothing else"},
        {"message_tree_id": "x", "tree_state": "growing", "prompt": None},
        {"message_tree_id": 5, "prompt": message("x")},
        {"message_tree_id": "x", "prompt": "text"},
        {"message_tree_id": "x", "prompt": {**message("x"), "replies": {"a": 1}}},
        {"message_tree_id": "x", "prompt": {**message("x"), "replies": ["a"]}},
        {"message_tree_id": "x", "tree_state": 5, "prompt": message("x")},
        {"message_id": None, "text": "x"},
        {"message_id": "x", "message_tree_id": ["x"]},
        {"message_id": "x", "parent_id": 7},
        {**message("x"), "labels": {"name": ["spam", "pii"], "value": [0.0], "count": [1, 1]}},
        "[" * 100_000,
        '{"message_id": ' + "9" * 5_000 + "}",
    ]
    file = lines(tmp_path / "t.jsonl", [tree(*small()), *bad, "", tree(*small("q"))])
    every = list(read(place(file)))
    assert [one.tree_id for one in every if isinstance(one, PublishedTree)] == ["p", "q"]
    told = {one.row: one.rule for one in every if isinstance(one, Unreadable)}
    assert set(told) == set(range(2, 2 + len(bad)))
    assert [told[row] for row in (2, 3, 4, 5, 6, 7)] == ["not_a_tree"] * 5 + ["no_root"]
    assert {told[row] for row in range(8, 17)} == {"bad_tree"}
    assert (told[17], told[18]) == ("not_a_tree", "not_a_tree")


def test_trees_of_one_name_in_two_states_are_none(tmp_path: Path):
    rows = flat(small(), "p")
    rows[3]["tree_state"] = "growing"
    assert problems(lines(tmp_path / "m.jsonl", rows)) == [(1, "bad_tree")]


def test_a_torn_gzip_gives_the_tree_lines_before_the_tear(tmp_path: Path):
    whole = lines(
        tmp_path / "t.jsonl.gz",
        [tree(*small(f"{n:03d}", text=random.Random(n).randbytes(500).hex())) for n in range(99)],
    )
    whole.write_bytes(whole.read_bytes()[:-4_000])
    every = list(read(place(whole)))
    assert isinstance(every[-1], Unreadable) and every[-1].rule == "torn_file"
    assert 0 < len(every) - 1 < 99 and all(isinstance(one, PublishedTree) for one in every[:-1])
    assert every[-1].row == len(every)


@pytest.mark.parametrize("name", ["m.jsonl.gz", "m.parquet"])
def test_a_torn_file_of_messages_gives_none_since_any_tree_may_lack_some(tmp_path: Path, name: str):
    rows = [
        one
        for n in range(50)
        for one in flat(small(f"{n:03d}", text=random.Random(n).randbytes(500).hex()), f"{n:03d}")
    ]
    file = parquet(tmp_path / name, rows) if name.endswith("parquet") else lines(tmp_path / name, rows)
    file.write_bytes(file.read_bytes()[:-2_000])
    (told,) = read(place(file))
    assert isinstance(told, Unreadable) and told.rule == "torn_file"


def test_damage_in_the_middle_of_a_parquet_file_is_told(tmp_path: Path):
    rows = [one for n in range(50) for one in flat(small(f"{n:03d}"), f"{n:03d}")]
    file = parquet(tmp_path / "m.parquet", rows)
    raw = bytearray(file.read_bytes())
    for at in range(len(raw) // 3, len(raw) // 2):
        raw[at] ^= 0xFF
    file.write_bytes(bytes(raw))
    assert [rule for _, rule in problems(file)] == ["torn_file"]


def test_what_is_called_gz_and_is_not_is_told_and_what_is_and_is_not_called_so_is_read(tmp_path: Path):
    text = json.dumps(tree(*small())).encode()
    (tmp_path / "a.jsonl.gz").write_bytes(text)
    (tmp_path / "b.jsonl").write_bytes(gzip.compress(text))
    (tmp_path / "c.jsonl.gz").write_bytes(b"")
    assert problems(tmp_path / "a.jsonl.gz") == [(1, "torn_file")]
    assert [one.tree_id for one in found(tmp_path / "b.jsonl")] == ["p"]
    assert problems(tmp_path / "c.jsonl.gz") in ([], [(1, "torn_file")])


def test_a_cut_last_line_and_bytes_that_are_no_text_are_told(tmp_path: Path):
    text = json.dumps(tree(*small())).encode()
    (tmp_path / "a.jsonl").write_bytes(text + b"\n" + b'{"message_tree_id": "\xff"}\n' + text[:-30])
    assert problems(tmp_path / "a.jsonl") == [(2, "not_a_tree"), (3, "not_a_tree")]


def test_tables_that_others_made_of_the_hubs_are_read(tmp_path: Path):
    """As pandas and polars hand them on: ranks as floats, no model names, labels as a list of structs, times as times."""
    rows: list[dict[str, Any]] = [
        {
            "message_id": one["message_id"],
            "parent_id": one["parent_id"],
            "text": one["text"],
            "role": one["role"],
            "lang": "en",
            "created_date": datetime(2023, 2, 5, 14, 23, 1, tzinfo=UTC),
            "rank": float("nan") if one["rank"] is None else float(one["rank"]),
            "review_count": 3,
            "model_name": None,
            "message_tree_id": "p",
            "tree_state": "ready_for_export",
            "labels": [
                {"name": "spam", "value": 0.0, "count": 3},
                {"name": "humor", "value": float("nan"), "count": 0},
            ],
            "emojis": [{"name": "clap", "count": 1}],
            "index": 5,
        }
        for one in small()
    ]
    pq.write_table(pa.Table.from_pylist(rows), tmp_path / "m.parquet")
    (one,) = found(tmp_path / "m.parquet")
    assert [by_id(one)[name].get("rank") for name in ("p", "pa", "pb", "pc")] == [None, 0, 1, 2]
    assert by_id(one)["p"] == {
        "message_id": "p",
        "text": "Text of p",
        "role": "prompter",
        "lang": "en",
        "created_date": "2023-02-05T14:23:01+00:00",
        "review_count": 3,
        "labels": {"spam": {"value": 0.0, "count": 3}},
        "emojis": {"clap": 1},
    }


def test_a_table_of_something_else_is_told_once(tmp_path: Path):
    pq.write_table(pa.table({"text": ["a", "b"]}), tmp_path / "m.parquet")
    assert problems(tmp_path / "m.parquet") == [(0, "not_a_tree")]


def test_text_columns_with_broken_bytes_lose_these_rows_only(tmp_path: Path):
    names = pa.array(["p", "q"])
    texts = pa.Array.from_buffers(pa.string(), 2, pa.array([b"fine", b"\xff\xfe"]).buffers())
    table = pa.table(
        {"message_id": names, "text": texts, "role": pa.array(["prompter"] * 2), "lang": pa.array(["en"] * 2)}
    )
    pq.write_table(table, tmp_path / "m.parquet")
    assert problems(tmp_path / "m.parquet") == [(2, "not_a_tree")]


def test_a_file_that_is_gone_is_the_users_to_mend(tmp_path: Path):
    with pytest.raises(UserError, match=r"gone\.jsonl cannot be read"):
        list(read(place(tmp_path / "gone.jsonl")))
