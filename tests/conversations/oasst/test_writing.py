"""Folded trees as published files."""

from __future__ import annotations

import gzip
import hashlib
import json
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow.parquet as pq
import pytest

from ot_assets.conversations.oasst.filtering import Wanted
from ot_assets.conversations.oasst.loading import features
from ot_assets.conversations.oasst.published import COLUMNS
from ot_assets.conversations.oasst.writing import DEEPEST, Form, export
from resources.errors import UserError
from schemas.conversations import Messages
from tests.conversations.oasst.files import ALL, HUB, flat, folded, lines, message, read_lines, small, tree

FILES: dict[Form, str] = {"trees": "t.jsonl.gz", "messages": "m.jsonl.gz", "parquet": "h.parquet"}


def forest(folder: Path) -> pl.DataFrame:
    """Trees of several kinds, folded."""
    part = [*small("q", lang="pt-BR"), message("qaqb", "qaq", rank=0), message("qaqc", "qaq", rank=1)]
    part[2]["deleted"] = True
    part[6]["review_result"] = None
    part[0]["labels"] = part[0]["emojis"] = None
    part[0]["detoxify"] = {"toxicity": 0.00038280943408608437, "threat": 0.5}
    model = small("s")
    model[2] |= {"synthetic": True, "model_name": "m"}
    every = [tree(*small()), tree(*part), tree(*small("r"), state="halted_by_moderator"), tree(*model)]
    rows, out = folded(read_lines(lines(folder / "in.jsonl", every)))
    assert out == []
    return rows


def load(file: Path) -> list[dict[str, Any]]:
    raw = gzip.decompress(file.read_bytes()) if file.suffix == ".gz" else file.read_bytes()
    return [json.loads(line) for line in raw.decode().splitlines()]


def sha(said: str) -> str:
    return hashlib.sha256(said.encode()).hexdigest()


def test_a_tree_line(tmp_path: Path):
    rows = forest(tmp_path)
    got = export(rows, tmp_path / "t.jsonl", "trees")
    assert (got.trees, got.messages) == (2, 5 + 5)
    assert got.trees_left_out == {"other_state": 1, "synthetic": 1}
    assert got.messages_left_out == {"deleted": 1, "not_accepted": 1}
    one, two = load(tmp_path / "t.jsonl")
    assert (one["message_tree_id"], one["tree_state"]) == ("p", "ready_for_export")
    assert list(one) == ["message_tree_id", "tree_state", "prompt"]
    assert [reply["message_id"] for reply in one["prompt"]["replies"]] == ["pa", "pb", "pc"]
    reply = one["prompt"]["replies"][0]
    assert {name: value for name, value in reply.items() if name != "replies"} == {
        "message_id": "pa",
        "parent_id": "p",
        "user_id": "user-pa",
        "created_date": "2023-02-05T14:23:02.983+00:00",
        "text": "Text of pa",
        "role": "assistant",
        "lang": "en",
        "review_count": 3,
        "review_result": True,
        "deleted": False,
        "rank": 0,
        "synthetic": False,
        "model_name": None,
        "detoxify": None,
        "emojis": {"+1": 2, "_skip_reply": 1},
        "labels": {
            "spam": {"value": 0.0, "count": 3},
            "lang_mismatch": {"value": 0.0, "count": 3},
            "quality": {"value": 0.4166666666666667, "count": 3},
            "violence": {"value": 0.25, "count": 1},
        },
    }
    prompt = two["prompt"]
    assert (prompt["lang"], prompt["labels"], prompt["emojis"]) == ("pt-BR", None, None)
    assert prompt["detoxify"] == {"toxicity": 0.00038280943408608437, "threat": 0.5}
    assert [(one["message_id"], one["rank"]) for one in prompt["replies"]] == [("qa", 0), ("qc", 1)]
    assert [(one["message_id"], one["rank"]) for one in prompt["replies"][0]["replies"][0]["replies"]] == [("qaqb", 0)]


def test_the_hubs_table(tmp_path: Path):
    rows = forest(tmp_path)
    got = export(rows.lazy(), tmp_path / "h.parquet", "parquet", wanted=ALL)
    table = pq.read_table(tmp_path / "h.parquet")
    assert table.schema.equals(HUB) and tuple(table.column_names) == COLUMNS
    assert len(table) == len(rows) == got.messages
    first, second = table.slice(0, 1).to_pylist()[0], table.slice(5, 1).to_pylist()[0]
    assert first["emojis"] == {"name": ["+1", "_skip_reply"], "count": [2, 1]}
    assert first["labels"]["name"] == ["spam", "lang_mismatch", "quality", "violence"]
    assert (first["message_tree_id"], first["tree_state"], first["parent_id"]) == ("p", "ready_for_export", None)
    assert second["message_id"] == "q" and second["labels"] is None
    assert second["detoxify"]["threat"] == 0.5 and second["detoxify"]["insult"] is None


def test_flat_messages_have_the_same_columns(tmp_path: Path):
    export(forest(tmp_path), tmp_path / "m.jsonl.gz", "messages")
    said = load(tmp_path / "m.jsonl.gz")
    assert [row["message_id"] for row in said] == ["p", "pa", "paq", "pb", "pc", "q", "qa", "qaq", "qaqb", "qc"]
    assert all(tuple(row) == COLUMNS for row in said)


def test_what_is_wanted(tmp_path: Path):
    rows = forest(tmp_path)

    def ids(wanted: Wanted) -> set[str]:
        export(rows, tmp_path / "m.jsonl", "messages", wanted=wanted)
        return {row["message_id"] for row in load(tmp_path / "m.jsonl")}

    assert ids(ALL) == set(rows["message_id"])
    assert {name[0] for name in ids(Wanted(languages=("pt",)))} == {"q"}
    assert {name[0] for name in ids(Wanted(states=("halted_by_moderator",)))} == {"r"}
    assert {name[0] for name in ids(Wanted(synthetic=True))} == {"p", "q", "s"}
    assert ids(Wanted(max_depth=0)) == {"p", "q", "s"} and "qb" in ids(Wanted(deleted=True))
    assert "qaqc" in ids(Wanted(unreviewed=True)) and "qaqc" not in ids(Wanted())


def test_ids_are_made_anonymous_and_nothing_else_changes(tmp_path: Path):
    rows = forest(tmp_path)
    export(rows, tmp_path / "plain.jsonl", "messages")
    export(rows, tmp_path / "hidden.jsonl", "messages", seed="secret")
    plain, hidden = load(tmp_path / "plain.jsonl"), load(tmp_path / "hidden.jsonl")

    def hide(row: dict[str, Any]) -> dict[str, Any]:
        names = {
            name: row[name] and sha(f"message:{row[name]}secret")
            for name in ("message_id", "parent_id", "message_tree_id")
        }
        return {**row, **names, "user_id": sha(f"user:{row['user_id']}secret")}

    key = "message_id"
    assert sorted(hidden, key=lambda row: row[key]) == sorted(map(hide, plain), key=lambda row: row[key])
    assert [row["message_tree_id"] for row in hidden] == sorted(row["message_tree_id"] for row in hidden)
    text = (tmp_path / "hidden.jsonl").read_text()
    assert "user-" not in text and '"p"' not in text
    with pytest.raises(UserError, match="the seed is empty"):
        export(rows, tmp_path / "m.jsonl", "messages", seed="")


@pytest.mark.parametrize("form", FILES)
def test_the_same_rows_in_any_order_give_the_same_bytes(tmp_path: Path, form: Form):
    rows = forest(tmp_path)
    (tmp_path / "two").mkdir()
    one, two = tmp_path / FILES[form], tmp_path / "two" / f"other-{FILES[form]}"
    export(rows, one, form, seed="s")
    export(rows.sample(fraction=1, shuffle=True, seed=3), two, form, seed="s")
    assert one.read_bytes() == two.read_bytes()


@pytest.mark.parametrize("form", FILES)
def test_nothing_wanted_is_an_empty_file(tmp_path: Path, form: Form):
    got = export(Messages.empty(), tmp_path / FILES[form], form)
    assert (got.trees, got.messages) == (0, 0)
    assert read_lines(tmp_path / FILES[form]) == []


def test_a_name_that_does_not_fit_and_a_folder_that_is_not_there(tmp_path: Path):
    with pytest.raises(UserError, match=r"t\.parquet is no name for trees"):
        export(Messages.empty(), tmp_path / "t.parquet", "trees")
    with pytest.raises(UserError, match=r"t\.jsonl cannot be written"):
        export(Messages.empty(), tmp_path / "none" / "t.jsonl", "trees")


def test_a_file_is_whole_or_what_it_was(tmp_path: Path):
    rows, file = forest(tmp_path), tmp_path / "t.jsonl"
    file.write_text("before")
    broken = rows.with_columns(
        pl.lit(None, dtype=pl.List(pl.Struct({"name": pl.String, "count": pl.Int64}))).alias("emojis")
    )
    with pytest.raises(TypeError):
        export(broken, file, "trees")
    assert file.read_text() == "before"
    assert sorted(one.name for one in tmp_path.iterdir()) == ["in.jsonl", "t.jsonl"]


def chain(folder: Path, length: int) -> pl.DataFrame:
    rows = [message("m0", role="prompter")]
    for number in range(1, length):
        rows.append(message(f"m{number}", f"m{number - 1}", role=("prompter", "assistant")[number % 2]))
    made, out = folded(read_lines(lines(folder / "in.jsonl", flat(rows, "m0"))))
    assert out == [] and made["depth"].max() == length - 1
    return made


def test_a_chain_that_is_too_deep_for_a_line_can_still_be_a_table(tmp_path: Path):
    rows = chain(tmp_path, DEEPEST + 2)
    assert export(rows, tmp_path / "t.jsonl", "trees").trees_left_out == {"too_deep": 1}
    assert export(rows, tmp_path / "m.parquet", "parquet").messages == DEEPEST + 2


def test_the_deepest_line_that_is_written_can_be_read(tmp_path: Path):
    assert export(chain(tmp_path, DEEPEST + 1), tmp_path / "t.jsonl", "trees").trees == 1
    again, out = folded(read_lines(tmp_path / "t.jsonl"))
    assert out == [] and again["depth"].max() == DEEPEST


@pytest.fixture
def datasets(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Any:
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")
    import datasets

    datasets.disable_progress_bars()
    return datasets


@pytest.mark.parametrize("form", FILES)
def test_datasets_loads_it(tmp_path: Path, datasets: Any, form: Form):
    rows = forest(tmp_path)
    file = tmp_path / FILES[form]
    got = export(rows, file, form, wanted=ALL)
    kind = "parquet" if form == "parquet" else "json"
    loaded = datasets.load_dataset(kind, data_files=str(file), split="train", cache_dir=str(tmp_path / "cache"))
    assert len(loaded) == (got.trees if form == "trees" else got.messages)
    if form == "parquet":
        assert tuple(loaded.column_names) == COLUMNS
        assert loaded.features.arrow_schema.equals(HUB)
        assert loaded[0]["labels"]["name"] == ["spam", "lang_mismatch", "quality", "violence"]
    elif form == "messages":
        assert set(loaded.column_names) == set(COLUMNS)
        assert loaded[0]["text"] == "Text of p"
    else:
        assert loaded[0]["prompt"]["replies"][0]["replies"][0]["text"] == "Text of paq"


@pytest.mark.slow
@pytest.mark.parametrize("form", FILES)
def test_datasets_loads_lines_of_any_size_when_it_is_told_their_features(tmp_path: Path, datasets: Any, form: Form):
    """More than its first look of 10 MB takes in; scores, models and deeper replies come only at the end."""
    plain = [tree(message(f"{number:05d}", text="word " * 1_000)) for number in range(2_500)]
    late = [*small("zzz"), message("zzzaqb", "zzzaq", rank=0)]
    late[0] |= {"detoxify": {"toxicity": 0.25}, "model_name": "m", "emojis": {"skull": 1}}
    rows, _ = folded(read_lines(lines(tmp_path / "in.jsonl", [*plain, tree(*late)])))
    file = tmp_path / FILES[form]
    got = export(rows, file, form, wanted=ALL)
    kind, cache = "parquet" if form == "parquet" else "json", str(tmp_path / "cache")
    loaded = datasets.load_dataset(kind, data_files=str(file), split="train", cache_dir=cache, features=features(form))
    assert len(loaded) == (got.trees if form == "trees" else got.messages)
    last = loaded[len(loaded) - 1]
    if form == "trees":
        assert last["prompt"]["detoxify"]["toxicity"] == 0.25
        assert last["prompt"]["replies"][0]["replies"][0]["message_id"] == "zzzaq"
    else:
        (root,) = (row for row in loaded.select(range(len(loaded) - 10, len(loaded))) if row["message_id"] == "zzz")
        assert root["detoxify"]["toxicity"] == 0.25
