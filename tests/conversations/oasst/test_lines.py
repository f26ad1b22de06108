"""Published trees as events, everything else with its reason."""

from __future__ import annotations

import hashlib
from pathlib import Path
from typing import Any

import pytest

from ot_assets.conversations.collecting import collect
from ot_assets.conversations.events import LONGEST_TEXT, parse, to_line
from ot_assets.conversations.importing import tree_of
from ot_assets.conversations.logs import Line
from ot_assets.conversations.oasst.filtering import Wanted
from ot_assets.conversations.oasst.lines import event_id, published_lines, wanted
from ot_assets.registry.specs.conversation import ConversationSpec, Import
from ot_assets.registry.specs.crowd import CrowdSettings
from resources.errors import UserError
from tests.conversations.oasst.files import (
    ALL,
    flat,
    folded,
    lines,
    message,
    parquet,
    read_lines,
    refused,
    small,
    tree,
)

READY = Wanted()


def spec(language: str = "en", *imports: Any) -> ConversationSpec:
    said = {"description": "tests", "licence": "Apache-2.0", "house_log": False}
    return ConversationSpec(key=language.lower(), language=language, imports=imports, **said)


def imported(folder: Path, *imports: Any, language: str = "en") -> list[Line]:
    return list(published_lines(spec(language, *imports), folder))


def sha(file: Path) -> str:
    return hashlib.sha256(file.read_bytes()).hexdigest()


def test_a_tree_is_one_event_that_the_log_itself_could_hold(tmp_path: Path):
    (line,) = read_lines(lines(tmp_path / "t.jsonl.gz", [tree(*small())]))
    event = line.event
    assert event is not None and (line.log, line.row, line.event_id) == ("t.jsonl.gz", "1", event.event_id)
    assert (event.kind, event.tree_id, event.language, event.user_id) == ("tree_imported", "p", "en", None)
    assert parse(to_line(event)) == event
    rows, out = folded([line])
    assert out == [] and rows["message_id"].to_list() == ["p", "pa", "paq", "pb", "pc"]
    assert rows["rank"].to_list() == [None, 0, None, 1, 2]
    assert set(rows["event_id"]) == {event.event_id}


def test_ids_are_of_the_files_bytes_and_the_tree(tmp_path: Path):
    one = lines(tmp_path / "one.jsonl", [tree(*small()), tree(*small("q"))])
    two = lines(tmp_path / "two.jsonl", [tree(*small("q"))])
    names = [line.event_id for line in imported(tmp_path, Import(files=["*.jsonl"]))]
    assert names == [event_id(sha(one), "p"), event_id(sha(one), "q"), event_id(sha(two), "q")]
    assert len(set(names)) == 3
    assert names == [line.event_id for line in imported(tmp_path, Import(files=["*.jsonl"]))]


def test_events_come_by_the_time_of_their_newest_message(tmp_path: Path):
    late, early, timeless = small("p"), small("q"), small("r")
    late[3]["created_date"] = "2023-11-05T10:24:44.484910+00:00"
    early[4]["created_date"] = "2023-01-16T21:24:26.211711+01:00"
    for row in [*early[:4], *timeless]:
        row["created_date"] = None
    found = read_lines(lines(tmp_path / "t.jsonl", [tree(*late), tree(*early), tree(*timeless)]))
    assert [(line.row, line.event.at) for line in found if line.event] == [
        ("3", 0), ("2", 1673900666212), ("1", 1699179884485),
    ]  # fmt: skip
    rows, out = folded(found)
    assert out == [] and rows["created_at"].null_count() == 0


def test_the_published_forms_give_the_same_trees(tmp_path: Path):
    messages = flat(small(), "p")
    forms = [
        read_lines(lines(tmp_path / "t.jsonl", [tree(*small())])),
        read_lines(lines(tmp_path / "m.jsonl.gz", messages)),
        read_lines(parquet(tmp_path / "h.parquet", messages)),
    ]
    ordered = [[{**m} for m in line.event.tree["messages"]] for (line,) in forms if line.event and line.event.tree]
    assert ordered[0] == ordered[1] == ordered[2]


def test_languages_of_a_spec_and_of_an_import(tmp_path: Path):
    tags = ["pt-BR", "pt", "uk-UA", "en"]
    lines(tmp_path / "t.jsonl", [tree(*small(name, lang=tag)) for name, tag in zip("pqrs", tags, strict=True)])

    def taken(language: str, **fields: Any) -> list[str]:
        found = imported(tmp_path, Import(files=["t.jsonl"], **fields), language=language)
        return [line.event.language for line in found if line.event]

    assert taken("pt-BR") == ["pt-BR"]
    assert taken("pt") == ["pt-BR", "pt"]
    assert taken("uk") == ["uk-UA"]
    assert taken("pt", languages=["pt-br"]) == ["pt-BR"]
    assert len(imported(tmp_path, Import(files=["t.jsonl"]), language="de")) == 4


def test_a_messages_own_language_is_kept_where_it_is_not_the_trees(tmp_path: Path):
    rows = small(lang="pt-br")
    rows[1]["lang"], rows[2]["lang"], rows[3]["lang"] = "pt_BR", "pt", None
    (line,) = read_lines(lines(tmp_path / "t.jsonl", [tree(*rows)]))
    assert line.event is not None
    made, _, _ = tree_of(line.event, CrowdSettings())
    kept = {name: (one.imported or {}).get("lang") for name, one in made.messages.items()}
    assert kept == {"p": None, "pa": None, "pb": "pt", "pc": None, "paq": "en"}


def test_files_that_are_called_ready_are_filtered_again(tmp_path: Path):
    """OASST2's own holds deleted messages and open reviews in trees that are ready for export."""
    gone = small("q", deleted=True)
    part = [*small("r"), message("raqb", "raq")]
    part[1]["deleted"] = True
    part[3]["review_result"] = None
    model = small("s")
    model[2] |= {"synthetic": True, "model_name": "oasst-sft-0_3000,max_new_tokens=400 (..)"}
    file = lines(
        tmp_path / "t.jsonl",
        [tree(*small()), tree(*gone), tree(*part), tree(*model), tree(*small("t"), state="growing")],
    )
    found = read_lines(file, READY)
    assert refused(found) == [
        ("q", "deleted"),
        ("ra", "deleted"),
        ("raq", "parent_dropped"),
        ("raqb", "parent_dropped"),
        ("rc", "not_accepted"),
        ("s", "synthetic"),
        ("t", "other_state"),
    ]
    rows, _ = folded(found)
    assert rows["message_id"].to_list() == ["p", "pa", "paq", "pb", "pc", "r", "rb"]
    assert rows.filter(tree_id="r")["rank"].to_list() == [None, 0]
    assert refused(read_lines(file)) == []


BAD: dict[str, tuple[list[dict[str, Any]], str]] = {
    "no root": ([message("pa", "p")], "no_root"),
    "two roots": ([message("p"), message("q")], "two_roots"),
    "cycle": ([message("p"), message("xa", "xb"), message("xb", "xa")], "cycle"),
    "twice": ([message("p"), message("p")], "known_message"),
    "roles": ([message("p"), message("pa", "p", role="prompter")], "mixed_roles"),
    "assistant first": ([message("p", role="assistant")], "mixed_roles"),
    "no role": ([message("p", role=None)], "bad_tree"),
    "unknown role": ([message("p", role="system")], "bad_tree"),
    "no text": ([message("p", text=" \n")], "blank_text"),
    "text of a kind": ([message("p", text=["a"])], "bad_tree"),
    "long": ([message("p", text="x" * (LONGEST_TEXT + 1))], "text_too_long"),
    "half a pair": ([message("p", text="\ud800")], "bad_tree"),
    "nul": ([message("p", text="a\0b")], "bad_tree"),
    "rank gap": ([message("p"), message("pa", "p", rank=0), message("pb", "p", rank=2)], "rank_gap"),
    "rank twice": ([message("p"), message("pa", "p", rank=0), message("pb", "p", rank=0)], "rank_twice"),
    "rank of a kind": ([message("p"), message("pa", "p", rank="0")], "bad_tree"),
    "rank half": ([message("p"), message("pa", "p", rank=0.5)], "bad_tree"),
    "label": ([message("p", labels={"quality": {"value": 1.5, "count": 1}})], "label_out_of_range"),
    "label of a kind": ([message("p", labels={"quality": 1.0})], "label_out_of_range"),
    "label count": ([message("p", labels={"quality": {"value": 1.0, "count": 0}})], "bad_tree"),
    "unknown label": ([message("p", labels={"beauty": {"value": 1.0, "count": 1}})], "unknown_label"),
    "emoji": ([message("p", emojis={"+1": -1})], "bad_tree"),
    "huge emoji": ([message("p", emojis={"+1": 2**40})], "bad_tree"),
    "detoxify": ([message("p", detoxify={"threat": "low"})], "bad_tree"),
    "time": ([message("p", created_date="yesterday")], "bad_tree"),
    "time without zone": ([message("p", created_date="2023-02-05T14:23:01")], "bad_tree"),
    "time of a kind": ([message("p", created_date=5)], "bad_tree"),
    "reviews": ([message("p", review_count=-1)], "bad_tree"),
    "user": ([message("p", user_id="a\nb")], "bad_tree"),
    "long id": ([message("p"), message("a" * 202, "p")], "bad_tree"),
    "language": ([message("p"), message("pa", "p", lang="english language")], "bad_tree"),
    "no language": ([message("p", lang=None)], "bad_language"),
}


@pytest.mark.parametrize("form", ["messages", "trees"])
def test_what_is_no_tree_goes_to_the_ledger_and_the_rest_goes_on(tmp_path: Path, form: str):
    bad, names = [], []
    for number, (why, (rows, _)) in enumerate(BAD.items()):
        if form == "trees" and why in ("no root", "two roots", "cycle"):  # which a nested line cannot be
            continue
        renamed = {row["message_id"]: f"{number}-{row['message_id']}" for row in rows}
        rows = [
            {
                **row,
                "message_id": renamed[row["message_id"]],
                "parent_id": renamed.get(row["parent_id"], row["parent_id"]),
            }
            for row in rows
        ]
        names.append((f"{number}-p", why))
        if form == "trees":
            root = {**rows[0], "replies": rows[1:]}
            if why == "twice":
                root["replies"] = [{**rows[1], "parent_id": rows[0]["message_id"]}]
            bad.append({"message_tree_id": f"{number}-p", "tree_state": "ready_for_export", "prompt": root})
        else:
            bad += flat(rows, f"{number}-p")
    good = [tree(*small()), tree(*small("q"))]
    found = read_lines(lines(tmp_path / "x.jsonl", [good[0], *bad, good[1]]))
    assert refused(found) == [(name, BAD[why][1]) for name, why in names]
    assert [line.event.tree_id for line in found if line.event] == ["p", "q"]
    notes = [line.refused.note for line in found if line.refused]
    assert all(0 < len(note) <= 500 and "Text of" not in note for note in notes)


def test_html_and_long_texts_are_texts(tmp_path: Path):
    html = "<script>alert(1)</script>\u2028\n\r\n\t&amp; \U0001f600"
    rows = [message("p", text=html), message("pa", "p", text="ж" * LONGEST_TEXT)]
    made, _ = folded(read_lines(lines(tmp_path / "t.jsonl", [tree(*rows)])))
    assert made["text"].to_list() == [html, "ж" * LONGEST_TEXT]


def test_a_tree_that_stands_twice_in_a_file_comes_once(tmp_path: Path):
    file = lines(tmp_path / "t.jsonl", [tree(*small()), tree(*small("q")), tree(*small(text="another"))])
    found = read_lines(file)
    assert refused(found) == [("p", "repeated")]
    assert [line.event.tree_id for line in found if line.event] == ["p", "q"]


def test_names_that_no_table_could_hold_are_told_by_their_place(tmp_path: Path):
    bad = [
        {"message_tree_id": "\ud800", "tree_state": "growing", "prompt": None},
        {"message_tree_id": "x" * 1_000_000, "tree_state": "\udfff", "prompt": message("x")},
        {**message("\ud800"), "parent_id": "\udfff", "message_tree_id": "\ud801"},
    ]
    found = read_lines(lines(tmp_path / "t.jsonl", bad))
    assert [line.event_id for line in found] == [None, None, None]
    got = collect(found, "en")
    assert got.ledger["row_id"].to_list() == ["t.jsonl:1", "t.jsonl:2", "t.jsonl:3"]


def test_everything_is_an_event_or_a_row_of_the_ledger(tmp_path: Path):
    part = small("r")
    part[1]["deleted"] = True
    trees = [tree(*part), tree(*small()), tree(*small("q", lang="de")), "{", tree(*small("s"))]
    lines(tmp_path / "t.jsonl.gz", trees)
    found = imported(tmp_path, Import(files=["*.gz"]))
    got = collect(found, "en")
    assert got.events["tree_id"].to_list() == ["r", "p", "s"]
    assert got.lines == len(got.events) + len(got.ledger) == len(found)
    assert got.rules == {"deleted": 1, "not_a_tree": 1, "other_language": 1, "parent_dropped": 1}
    assert got.ledger.select("row_id", "source", "source_row").row(0) == ("ra", "t.jsonl.gz", "1")


def test_a_torn_file_does_not_stop_the_next(tmp_path: Path):
    whole = lines(tmp_path / "a.jsonl.gz", [tree(*small(f"{number:03d}")) for number in range(50)])
    whole.write_bytes(whole.read_bytes()[:-300])
    lines(tmp_path / "b.jsonl.gz", [tree(*small())])
    found = imported(tmp_path, Import(files=["*.gz"]))
    assert [rule for _, rule in refused(found)] == ["torn_file"]
    assert [line.event.tree_id for line in found if line.event][-1] == "p"


def test_a_file_must_be_the_stated_one_before_anything_is_read(tmp_path: Path):
    (tmp_path / "data").mkdir()
    one = lines(tmp_path / "data" / "a.jsonl", [tree(*small())])
    two = lines(tmp_path / "data" / "b.jsonl", [tree(*small("q"))])
    files = ["data/*.jsonl"]
    right = {"data/a.jsonl": sha(one), "b.jsonl": sha(two)}
    assert len(imported(tmp_path, Import(files=files, sha256=right))) == 2
    with pytest.raises(UserError, match=rf"en: data/b\.jsonl has sha256 {sha(two)}, but {sha(one)} is stated"):
        published_lines(spec("en", Import(files=files), Import(files=files, sha256={"b.jsonl": sha(one)})), tmp_path)
    with pytest.raises(
        UserError, match=r"imports\.sha256 names c\.jsonl, but imports\.files finds data/a\.jsonl, data/b"
    ):
        published_lines(spec("en", Import(files=files, sha256={"c.jsonl": sha(one)})), tmp_path)


def test_files_that_are_not_there_or_say_nothing_by_their_name(tmp_path: Path):
    with pytest.raises(UserError, match=r"no file matches 'x\.jsonl'"):
        published_lines(spec("en", Import(files=["x.jsonl"])), tmp_path)
    for name in ("a.json", "a.csv.gz", "a.parquet.gz", "a"):
        (tmp_path / name).write_text("{}")
        with pytest.raises(UserError, match="the suffix does not say what it is"):
            published_lines(spec("en", Import(files=[name])), tmp_path)
        (tmp_path / name).unlink()


def test_an_import_says_what_is_wanted():
    told = wanted(Import(files=["x"], states=["growing"], languages=["pt-br"], ranks="renumber", deleted=True), "en")
    assert told == Wanted(states=("growing",), languages=("pt-BR",), deleted=True, ranks="renumber")
    assert wanted(Import(files=["x"]), "pt-BR") == Wanted(languages=("pt-BR",))


def test_trees_of_every_state_come_to_be_in_it(tmp_path: Path):
    states = [
        "ready_for_export",
        "aborted_low_grade",
        "halted_by_moderator",
        "scoring_failed",
        "backlog_ranking",
        "growing",
    ]
    names = "pqrstuv"
    every = [tree(*small(name), state=state) for name, state in zip(names, states, strict=False)]
    made, out = folded(read_lines(lines(tmp_path / "t.jsonl", every)))
    assert out == []
    assert dict(made.select("tree_id", "tree_state").iter_rows()) == dict(zip(names, states, strict=False))


def test_the_same_tree_of_two_files_counts_once(tmp_path: Path):
    lines(tmp_path / "a.jsonl", [tree(*small())])
    lines(tmp_path / "b.jsonl", [tree(*small()), tree(*small("q"))])
    rows, out = folded(imported(tmp_path, Import(files=["*.jsonl"])))
    assert [one.rule for one in out] == ["known_message"]
    assert rows["tree_id"].unique().sort().to_list() == ["p", "q"]


def test_events_keep_their_ids_under_another_filter(tmp_path: Path):
    file = lines(tmp_path / "t.jsonl", [tree(*small())])
    assert [line.event_id for line in read_lines(file, READY)] == [line.event_id for line in read_lines(file, ALL)]
