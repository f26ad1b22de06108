from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from ot_assets.sourcing.lines import read_lines
from resources.errors import UserError
from tests.sourcing.helpers import MATH, context, files_spec, read_all, rules, write_jsonl

ROWS = [{"question": f"What is {i} + 1?", "answer": str(i + 1), "extra": [i]} for i in range(5)]


def test_parquet_jsonl_csv_and_packed_files_give_the_same_questions(tmp_path: Path) -> None:
    frame = pl.DataFrame(ROWS)
    frame.write_parquet(tmp_path / "a.parquet")
    frame.drop("extra").write_csv(tmp_path / "a.csv")
    frame.drop("extra").write_csv(tmp_path / "a.tsv", separator="\t")
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    with gzip.open(tmp_path / "b.jsonl.gz", "wb") as stream:
        stream.write((tmp_path / "a.jsonl").read_bytes())
    asked = [row["question"] for row in ROWS]
    for name in ("a.parquet", "a.csv", "a.tsv", "a.jsonl", "b.jsonl.gz"):
        batch = read_all(files_spec(name, **MATH), context(tmp_path))
        assert batch.frame["question"].to_list() == asked
        assert batch.frame["gold"].to_list() == [row["answer"] for row in ROWS]
        assert batch.frame["source_row"].to_list() == [f"{name}:{i}" for i in range(5)]
        assert batch.frame["verifier"].unique().to_list() == ["math"]


def test_globs_are_read_by_name_each_file_once_and_name_no_machine_path(tmp_path: Path) -> None:
    (tmp_path / "part").mkdir()
    write_jsonl(tmp_path / "part" / "2.jsonl", ROWS[2:])
    write_jsonl(tmp_path / "part" / "1.jsonl", ROWS[:2])
    batch = read_all(files_spec("part/*.jsonl", "part/1.jsonl", **MATH), context(tmp_path))
    assert batch.frame["source_row"].to_list() == [
        "part/1.jsonl:0",
        "part/1.jsonl:1",
        *(f"part/2.jsonl:{i}" for i in range(3)),
    ]
    absolute = read_all(files_spec(str(tmp_path / "part" / "1.jsonl"), **MATH), context(tmp_path / "elsewhere"))
    assert absolute.frame["source_row"].to_list() == ["1.jsonl:0", "1.jsonl:1"]


def test_two_files_outside_the_folder_that_would_have_one_name_are_refused(tmp_path: Path) -> None:
    for folder in ("mine", "one", "two"):
        (tmp_path / folder).mkdir()
        write_jsonl(tmp_path / folder / "a.jsonl", ROWS)
    one, two = (str(tmp_path / folder / "*.jsonl") for folder in ("one", "two"))
    twice = read_all(files_spec(one, "../one/../one/a.jsonl", one, **MATH), context(tmp_path / "mine"))
    assert twice.frame["source_row"].to_list() == [f"../one/a.jsonl:{i}" for i in range(5)]
    with pytest.raises(
        UserError, match=r"tiny: .*/one/a\.jsonl and .*/two/a\.jsonl are both called a\.jsonl"
    ) as refused:
        read_all(files_spec(one, two, **MATH), context(tmp_path / "mine"))
    assert "rename one of them, or put them below the folder of the YAML" in refused.value.fix
    with pytest.raises(UserError, match="both called"):
        read_all(files_spec("a.jsonl", one, **MATH), context(tmp_path / "mine"))


def test_a_folder_whose_name_looks_like_a_glob(tmp_path: Path) -> None:
    (tmp_path / "mine [1]").mkdir()
    write_jsonl(tmp_path / "mine [1]" / "a.jsonl", ROWS)
    assert len(read_all(files_spec("*.jsonl", **MATH), context(tmp_path / "mine [1]")).frame) == 5


def test_an_fsspec_address_is_read(tmp_path: Path) -> None:
    import fsspec

    memory = fsspec.filesystem("memory")
    memory.pipe("/data/a.jsonl", b'{"question": "q", "answer": "1"}\n')
    batch = read_all(files_spec("memory://data/*.jsonl", **MATH), context(tmp_path))
    assert batch.frame["source_row"].to_list() == ["memory:///data/a.jsonl:0"]


def test_bad_lines_go_to_the_ledger_with_their_number(tmp_path: Path) -> None:
    lines: list[Any] = [
        ROWS[0], b'{"question": "cut', b'{"question": "\xff"}', "[1, 2]", "", b'{"question": "\\ud83d", "answer": "1"}',
        '{"question": ' + "9" * 5000 + "}", "{" * 5000, ROWS[1],
    ]  # fmt: skip
    write_jsonl(tmp_path / "a.jsonl", lines)
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    assert batch.read == 8  # the blank line is no row
    assert len(batch.frame) == 2
    assert rules(batch) == {f"a.jsonl:{i}": "unreadable" for i in (1, 2, 3, 5, 6, 7)}
    notes = dict(zip(batch.rejected["row_id"], batch.rejected["note"], strict=True))
    assert "line 2: not JSON" in notes["a.jsonl:1"]
    assert "line 3: not UTF-8 at byte 14" in notes["a.jsonl:2"]
    assert "line 4: a JSON list" in notes["a.jsonl:3"]
    assert "lone surrogate" in notes["a.jsonl:5"]
    assert batch.frame["source_row"].to_list() == ["a.jsonl:0", "a.jsonl:8"]


def test_a_line_without_end_does_not_fill_the_memory(tmp_path: Path) -> None:
    path = tmp_path / "a.jsonl"
    path.write_bytes(b'{"a": "' + b"x" * 5000 + b'"}\n' + b'{"a": 1}\n' + b"y" * 5000)
    with path.open("rb") as stream:
        rows = list(read_lines(stream, "a.jsonl", longest=1000))
    assert [row.values for row in rows] == [None, {"a": 1}, None]
    assert "longer than 1,000 bytes" in rows[0].problem


def test_a_byte_order_mark_is_no_part_of_the_first_column(tmp_path: Path) -> None:
    (tmp_path / "a.jsonl").write_bytes(b"\xef\xbb\xbf" + json.dumps(ROWS[0]).encode())
    (tmp_path / "a.csv").write_bytes(b"\xef\xbb\xbfquestion,answer\nq,1\n")
    for name in ("a.jsonl", "a.csv"):
        assert len(read_all(files_spec(name, **MATH), context(tmp_path)).frame) == 1


def test_csv_rows_that_do_not_fit_go_to_the_ledger(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_bytes(b'question,answer\n"two\nlines",1\nq2\nq3,1,2\n\n"q4\xff",3\n"q5"x,1\nq6,6\n')
    batch = read_all(files_spec("a.csv", **MATH), context(tmp_path))
    assert batch.frame["question"].to_list() == ["two\nlines", "q6"]
    assert batch.frame["source_row"].to_list() == ["a.csv:0", "a.csv:5"]
    notes = batch.rejected["note"].to_list()
    assert [note.split(": ", 1)[1][:8] for note in notes] == ["1 cells,", "3 cells,", "not UTF-", "',' expe"]


@pytest.mark.parametrize(
    ("name", "content", "message"),
    [
        ("a.csv", b"question,question\n1,2\n", r"a\.csv has two columns 'question'"),
        ("a.parquet", b"PAR1 not really", r"a\.parquet is no readable parquet file"),
        ("a.jsonl.gz", b"not packed", r"a\.jsonl\.gz cannot be read"),
        ("a.txt", b"hello", r"a\.txt: the suffix does not say what it is[\s\S]*origin\.format in tiny\.yaml"),
        ("a.json", b"[]", r"a\.json: the suffix"),
    ],
)
def test_a_file_that_is_not_what_it_should_be_is_named(tmp_path: Path, name: str, content: bytes, message: str) -> None:
    (tmp_path / name).write_bytes(content)
    with pytest.raises(UserError, match=message):
        read_all(files_spec(name, **MATH), context(tmp_path))


def test_a_stated_format_goes_before_the_suffix(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.txt", ROWS)
    source = files_spec("a.txt", **MATH)
    origin = source.origin.model_copy(update={"format": "jsonl"})
    assert len(read_all(source.model_copy(update={"origin": origin}), context(tmp_path)).frame) == 5


def test_a_glob_without_files_says_where_it_looked(tmp_path: Path) -> None:
    with pytest.raises(
        UserError, match=r"tiny: no file matches 'nothing/\*\.jsonl'[\s\S]*correct origin\.paths in tiny\.yaml"
    ):
        read_all(files_spec("nothing/*.jsonl", **MATH), context(tmp_path))


@pytest.mark.parametrize("name", ["a.parquet", "a.csv", "a.jsonl"])
def test_a_column_that_is_not_there_is_named_with_the_nearest(tmp_path: Path, name: str) -> None:
    pl.DataFrame(ROWS).write_parquet(tmp_path / "a.parquet")
    pl.DataFrame(ROWS).drop("extra").write_csv(tmp_path / "a.csv")
    write_jsonl(tmp_path / "a.jsonl", ROWS)
    source = files_spec(name, columns={"question": "questoin", "gold": "answer"}, verifier="math")
    with pytest.raises(
        UserError,
        match=r"no column 'questoin', which columns\.question asks for; did you mean 'question'\? Known: answer",
    ):
        read_all(source, context(tmp_path))


def test_every_file_must_have_the_columns(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "1.jsonl", ROWS)
    write_jsonl(tmp_path / "2.jsonl", [{"question": "without an answer"}])
    with pytest.raises(UserError, match=r"2\.jsonl has no column 'answer'"):
        read_all(files_spec("*.jsonl", **MATH), context(tmp_path))


def test_parquet_reads_only_the_columns_asked_for(tmp_path: Path) -> None:
    import pyarrow.parquet as pq

    pl.DataFrame(ROWS).write_parquet(tmp_path / "a.parquet")
    asked: list[list[str]] = []
    real = pq.ParquetFile.iter_batches

    def spied(self: Any, *args: Any, **more: Any) -> Any:
        asked.append(more["columns"])
        return real(self, *args, **more)

    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pq.ParquetFile, "iter_batches", spied)
        read_all(files_spec("a.parquet", **MATH), context(tmp_path))
    assert asked == [["answer", "question"]]
