from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from ot_assets.sourcing.read import read_source
from resources.errors import UserError
from schemas.ids import question_id
from tests.sourcing.helpers import CHOICE, MATH, context, files_spec, read_all, rules, write_jsonl


def test_rows_without_text_too_long_and_repeated_go_to_the_ledger(tmp_path: Path) -> None:
    rows = [
        {"question": "What is 1 + 1?", "answer": "2"},
        {"question": "", "answer": "2"},
        {"question": " \n\t ", "answer": "2"},
        {"question": None, "answer": "2"},
        {"answer": "2"},
        {"question": "x" * 1_000_001, "answer": "2"},
        {"question": "x" * 1_000_000, "answer": "2"},
        {"question": "What  is\n1 + 1?", "answer": "3"},
        {"question": "Ｗhat is 1 + 1?", "answer": "2"},
    ]
    write_jsonl(tmp_path / "a.jsonl", rows)
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    assert rules(batch) == {
        **{f"a.jsonl:{i}": "no_text" for i in (1, 2, 3, 4)},
        "a.jsonl:5": "too_long",
        "a.jsonl:7": "duplicate_row",
        "a.jsonl:8": "duplicate_row",  # the same after NFKC
    }
    lost = batch.rejected.filter(rule="duplicate_row")["lost_to"].unique().to_list()
    assert lost == [question_id("What is 1 + 1?")] == [batch.frame["question_id"][0]]
    assert batch.rejected.filter(rule="too_long")["figure"].to_list() == [1_000_001.0]
    assert batch.frame["source"].unique().to_list() == ["tiny"]


def test_a_question_that_its_options_make_too_long_is_too_long(tmp_path: Path) -> None:
    write_jsonl(
        tmp_path / "a.jsonl",
        [
            {"question": "x" * 95, "options": ["a", "b"], "answer": "A"},
            {"question": "y", "options": ["a", "b"], "answer": "A"},
        ],
    )
    batch = read_all(files_spec("a.jsonl", **CHOICE), context(tmp_path, max_chars=100))
    assert rules(batch) == {"a.jsonl:0": "too_long"}


def test_a_gold_that_its_own_verifier_rejects_is_kept_without_a_verifier_and_noted(tmp_path: Path) -> None:
    golds = ["12", r"\frac{", "1; 2 apples", None, "", r"\frac{1}{2}"]
    write_jsonl(tmp_path / "a.jsonl", [{"question": f"q{i}", "answer": gold} for i, gold in enumerate(golds)])
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path, workers=1))
    assert batch.frame["verifier"].to_list() == ["math", "none", "none", "none", "none", "math"]
    assert batch.frame["gold"].to_list() == ["12", r"\frac{", "1; 2 apples", None, None, r"\frac{1}{2}"]
    assert batch.notes == {"gold_unverifiable": 2, "gold_missing": 2}
    assert any("a.jsonl:2" in line and "several answers" in line for line in batch.examples)


def test_a_gold_that_hangs_its_verifier_stops_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ot_assets.sourcing import read

    monkeypatch.setattr(read, "_GOLD_SECONDS", 1.0)
    write_jsonl(
        tmp_path / "a.jsonl",
        [{"question": "q0", "answer": "(" * 5000 + "x" + ")" * 5000}, {"question": "q1", "answer": "x+1"}],
    )
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path, workers=1))
    assert batch.frame["verifier"].to_list() == ["none", "math"]


def test_math_golds_are_taken_out_of_boxes_and_gsm8k_solutions(tmp_path: Path) -> None:
    golds = [r"So we get $\boxed{\frac{1}{2}}$.", "2 + 3 = 5\n#### 5", 7, 7.5, ["8"]]
    write_jsonl(tmp_path / "a.jsonl", [{"question": f"q{i}", "answer": gold} for i, gold in enumerate(golds)])
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    assert batch.frame["gold"].to_list() == [r"\frac{1}{2}", "5", "7", "7.5", "8"]
    assert batch.frame["verifier"].unique().to_list() == ["math"]


def test_choice_rows(tmp_path: Path) -> None:
    rows: list[dict[str, Any]] = [
        {"question": "Fog?", "options": "A. a marsh\nB. a tundra", "answer": "B. a tundra"},
        {"question": "Fog again?", "options": ["a marsh", "a tundra"], "answer": "C"},
        {"question": "Without?", "options": ["a marsh"], "answer": "A"},
        {"question": "No gold?", "options": ["a marsh", "a tundra"], "answer": None},
    ]
    write_jsonl(tmp_path / "a.jsonl", rows)
    batch = read_all(files_spec("a.jsonl", **CHOICE), context(tmp_path))
    assert rules(batch) == {"a.jsonl:1": "gold_not_in_options", "a.jsonl:2": "bad_row"}
    first, last = batch.frame.to_dicts()
    assert first["question"] == "Fog?\n\nA. a marsh\nB. a tundra"
    assert (first["gold"], first["verifier"]) == ("B", "choice")
    assert json.loads(first["verifier_args"]) == {"options": {"A": "a marsh", "B": "a tundra"}}
    assert (last["gold"], last["verifier"]) == (None, "none")
    assert batch.notes == {"gold_missing": 1}


def test_options_in_columns_of_their_own_with_the_right_one_among_them_are_shuffled(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "right": f"r{i}", "wrong 1": "a", "wrong 2": "b", "wrong 3": "c"} for i in range(60)]
    write_jsonl(tmp_path / "a.jsonl", rows)
    columns = {
        "question": "question",
        "gold": "right",
        "gold_is": "text",
        "options": ["right", "wrong 1", "wrong 2", "wrong 3"],
    }
    batch = read_all(files_spec("a.jsonl", columns=columns, verifier="choice"), context(tmp_path))
    assert set(batch.frame["gold"]) == set("ABCD")
    for row in batch.frame.to_dicts():
        assert json.loads(row["verifier_args"])["options"][row["gold"]].startswith("r")


def test_choices_that_stand_in_the_question_are_found_there(tmp_path: Path) -> None:
    question = "What is true?\n\nAnswer Choices:\nA. This\nB. That"
    write_jsonl(tmp_path / "a.jsonl", [{"question": question, "answer": "B"}, {"question": "Hm?", "answer": "C"}])
    columns = {"question": "question", "gold": "answer"}
    batch = read_all(files_spec("a.jsonl", columns=columns, verifier="choice"), context(tmp_path))
    assert batch.frame["question"].to_list() == [question, "Hm?"]
    assert batch.frame["gold"].to_list() == ["B", "C"]
    assert json.loads(batch.frame["verifier_args"][0])["options"] == {"A": "This", "B": "That"}


@pytest.mark.parametrize(
    "turns",
    [
        [{"from": "system", "value": "s"}, {"from": "human", "value": "Why?"}, {"from": "gpt", "value": "Because."}],
        [
            {"role": "user", "content": "Why?"},
            {"role": "assistant", "content": "Because."},
            {"role": "user", "content": "x"},
        ],
        [{"role": "user", "content": [{"type": "text", "text": "Why?"}]}, {"role": "assistant", "content": "Because."}],
    ],
)
def test_chats_give_their_first_turns(tmp_path: Path, turns: list[Any]) -> None:
    write_jsonl(
        tmp_path / "a.jsonl", [{"chat": turns}, {"chat": turns[-1:] if turns[-1].get("role") != "user" else []}]
    )
    batch = read_all(files_spec("a.jsonl", columns={"question": "chat", "solution": "chat"}), context(tmp_path))
    assert batch.frame.select("question", "solution").rows() == [("Why?", "Because.")]
    assert rules(batch) == {"a.jsonl:1": "no_text"}


def test_templates_row_ids_and_licences_of_rows(tmp_path: Path) -> None:
    rows = [
        {"passage": "P.", "ask": "Q?", "id": "n-1", "lic": "apache-2.0"},
        {"passage": None, "ask": "R?", "id": 7, "lic": "ask the author"},
        {"passage": "S", "ask": "T?", "id": None, "lic": None},
    ]
    write_jsonl(tmp_path / "a.jsonl", rows)
    source = files_spec(
        "a.jsonl", columns={"row_id": "id", "licence": "lic"}, question_template="{passage} {ask} {{x}}"
    )
    batch = read_all(source, context(tmp_path))
    assert batch.frame["question"].to_list() == ["P. Q? {x}", "R? {x}", "S T? {x}"]
    assert batch.frame["source_row"].to_list() == ["a.jsonl:n-1", "a.jsonl:7", "a.jsonl:2"]
    assert batch.frame["licence"].to_list() == ["Apache-2.0", "other:ask the author", "MIT"]


def test_where_keeps_rows_and_counts_the_others_without_a_ledger(tmp_path: Path) -> None:
    rows = [{"question": f"q{i}", "kind": "ab"[i % 2], "level": i % 3, "ok": i < 5} for i in range(6)]
    write_jsonl(tmp_path / "a.jsonl", rows)
    batch = read_all(files_spec("a.jsonl", where={"kind": ["a"], "level": [0, 1, 2], "ok": True}), context(tmp_path))
    assert batch.frame["source_row"].to_list() == ["a.jsonl:0", "a.jsonl:2", "a.jsonl:4"]
    assert (batch.read, batch.not_selected) == (3, 3)
    (tmp_path / "a.csv").write_text("question,level,ok\nq0,0,True\nq1,1,False\n")
    in_csv = read_all(files_spec("a.csv", where={"level": 0, "ok": True}), context(tmp_path))
    assert in_csv.frame["question"].to_list() == ["q0"]


def test_a_where_value_that_no_row_has_is_an_error_that_shows_what_there_is(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"question": "q0", "kind": "olympiads"}, {"question": "q1", "kind": "amc"}])
    with pytest.raises(UserError, match=r"where\.kind: no row has 'olympiad'; values there: 'olympiads'"):
        read_all(files_spec("a.jsonl", where={"kind": ["amc", "olympiad"]}), context(tmp_path))
    with pytest.raises(UserError, match=r"no column 'knid', which where asks for; did you mean 'kind'"):
        read_all(files_spec("a.jsonl", where={"knid": "amc"}), context(tmp_path))


def test_an_empty_source_is_an_error(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_text("\n\n")
    with pytest.raises(UserError, match="tiny: the source has no rows"):
        read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    write_jsonl(tmp_path / "a.jsonl", [{"question": " "}, "not json"])
    with pytest.raises(
        UserError,
        match=r"none of the 2 rows is a question: no_text 1, unreadable 1 \(first: a\.jsonl:1: line 2: not JSON",
    ):
        read_all(files_spec("a.jsonl"), context(tmp_path))


def test_rows_come_in_batches_and_the_same_every_time(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [{"question": f"q{i % 40}", "answer": str(i)} for i in range(50)])
    source = files_spec("a.jsonl", **MATH)
    batches = list(read_source(source, context(tmp_path, batch_rows=7)))
    assert [batch.read for batch in batches] == [7] * 7 + [1]
    again = list(read_source(source, context(tmp_path, batch_rows=7)))
    assert all(a.frame.equals(b.frame) and a.rejected.equals(b.rejected) for a, b in zip(batches, again, strict=True))


def test_reading_stops_where_nobody_asks_for_more(tmp_path: Path) -> None:
    with (tmp_path / "a.jsonl").open("w") as stream:
        for i in range(20_000):
            stream.write(json.dumps({"question": f"q{i}", "answer": "1"}) + "\n")
        stream.write("this line is never read")
    batches = read_source(files_spec("a.jsonl", **MATH), context(tmp_path, batch_rows=10))
    assert len(next(batches).frame) == 10


def test_long_texts_make_small_batches(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ot_assets.sourcing import read

    monkeypatch.setattr(read, "_CHARS", 1000)
    write_jsonl(tmp_path / "a.jsonl", [{"question": f"{i}" * 400} for i in range(9)])
    batches = list(read_source(files_spec("a.jsonl"), context(tmp_path)))
    assert [batch.read for batch in batches] == [3, 3, 3]


VALUE = st.recursive(
    st.none()
    | st.booleans()
    | st.integers(-5, 5)
    | st.floats()
    | st.text(max_size=5)
    | st.sampled_from(["A", "B", "12", "1/2", "\ud83d", "q"]),
    lambda inner: (
        st.lists(inner, max_size=3)
        | st.dictionaries(st.sampled_from(["from", "value", "role", "text", "A"]), inner, max_size=3)
    ),
    max_leaves=5,
)
ROW = st.dictionaries(st.sampled_from(["question", "answer", "options", "solution"]), VALUE, max_size=4)
OPTIONS = {
    "columns": {"question": "question", "gold": "answer", "options": "options", "solution": "solution"},
    "verifier": "choice",
}


@settings(deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture], max_examples=60)
@given(st.lists(ROW | st.text(max_size=5), min_size=1, max_size=8), st.sampled_from([MATH, OPTIONS]))
def test_every_row_comes_out_or_into_the_ledger(tmp_path: Path, rows: list[Any], fields: dict[str, Any]) -> None:
    whole = {"question": "the first one", "answer": "A", "options": ["1", "2"], "solution": "s"}
    lines = [
        json.dumps(whole),
        *(
            json.dumps(row) if isinstance(row, dict) else row.replace("\n", " ").encode("utf-8", "replace").decode()
            for row in rows
        ),
    ]
    (tmp_path / "a.jsonl").write_text(
        "\n".join(line.replace("\r", " ") for line in lines), encoding="utf-8", newline="\n"
    )
    batch = read_all(files_spec("a.jsonl", **fields), context(tmp_path))
    assert batch.read == sum(bool(line.encode().strip()) for line in lines)
    places = [*batch.frame["source_row"], *batch.rejected["row_id"]]
    assert len(set(places)) == batch.read
