from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from resources.artifacts.chunks import Chunker, Limits, row_bytes
from resources.artifacts.tables import TableWriter
from resources.errors import UserError

ROWS = st.lists(
    st.tuples(st.text(max_size=30), st.none() | st.integers(-9, 9), st.lists(st.text(max_size=5), max_size=3)),
    max_size=60,
)
CUTS = st.lists(st.integers(0, 60), max_size=6)
SCHEMA = {"text": pl.String, "number": pl.Int64, "list": pl.List(pl.String)}


def frame(rows: list[tuple[str, int | None, list[str]]]) -> pl.DataFrame:
    return pl.DataFrame(rows, schema=SCHEMA, orient="row")


def pieces(whole: pl.DataFrame, cuts: list[int]) -> list[pl.DataFrame]:
    edges = [0, *sorted(min(cut, len(whole)) for cut in cuts), len(whole)]
    return [whole.slice(a, b - a) for a, b in pairwise(edges)]


def groups(frames: list[pl.DataFrame], limits: Limits) -> list[pl.DataFrame]:
    chunker = Chunker(limits)
    found = [group for each in frames for group in chunker.push(each)]
    rest = chunker.flush()
    return [*found, rest] if len(rest) else found


@given(ROWS, CUTS, st.integers(1, 20), st.integers(1, 200))
def test_groups_do_not_depend_on_how_rows_came(rows: list, cuts: list[int], most_rows: int, most_bytes: int) -> None:
    whole, limits = frame(rows), Limits(most_rows, most_bytes)
    at_once, in_pieces = groups([whole], limits), groups(pieces(whole, cuts), limits)
    assert [g.rows() for g in at_once] == [g.rows() for g in in_pieces]
    assert [row for g in at_once for row in g.rows()] == whole.rows()
    for group in at_once:
        assert len(group) <= most_rows
        assert int(row_bytes(group[:-1]).sum() or 0) < most_bytes  # only its last row may bring it over


@settings(max_examples=25, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(ROWS, CUTS)
def test_files_do_not_depend_on_how_rows_came(
    tmp_path_factory: pytest.TempPathFactory, rows: list, cuts: list[int]
) -> None:
    whole, hashes = frame(rows), []
    for frames in ([whole], pieces(whole, cuts)):
        writer = TableWriter(tmp_path_factory.mktemp("t"), "", None, Limits(7, 100))
        for each in frames:
            writer.write(each)
        hashes.append([file.sha256 for file in writer.close().files])
    assert hashes[0] == hashes[1]


def test_bytes_of_rows() -> None:
    rows = pl.DataFrame(
        {
            "text": ["é", None],
            "messages": [[{"role": "user", "content": "abc"}], None],
            "array": pl.Series([["a"], ["bcd"]], dtype=pl.Array(pl.String, 1)),
            "bytes": [b"12", b""],
            "number": [1, None],
        }
    )
    assert row_bytes(rows).to_list() == [2 + 7 + 1 + 2 + 8, 0 + 0 + 3 + 0 + 8]
    assert row_bytes(pl.DataFrame()).to_list() == []


def test_one_huge_row_is_a_group_of_its_own() -> None:
    rows = pl.DataFrame({"text": ["a", "b" * 10_000, "c"]})
    assert [len(g) for g in groups([rows], Limits(100, 50))] == [2, 1]


def test_many_tiny_frames_are_joined() -> None:
    tiny = [pl.DataFrame({"n": [n]}) for n in range(1000)]
    (group,) = groups(tiny, Limits(5000, 10**6))
    assert group["n"].to_list() == list(range(1000))


def test_later_frames_must_have_the_same_columns(tmp_path: Path) -> None:
    writer = TableWriter(tmp_path, "", None)
    writer.write(pl.DataFrame({"a": [1], "b": ["x"]}))
    writer.write(pl.DataFrame({"b": [None], "a": [2]}))
    with pytest.raises(UserError) as told:
        writer.write(pl.DataFrame({"a": ["1"], "c": [1]}))
    assert all(word in str(told.value) for word in ("b: missing", "c: unknown", "a: String, expected Int64"))
    info = writer.close()
    assert pl.read_parquet(tmp_path / info.files[0].path).rows() == [(1, "x"), (2, None)]


def test_a_column_takes_its_type_from_its_first_value(tmp_path: Path) -> None:
    hashes = []
    rows = pl.DataFrame({"a": [1, 2, 3], "note": [None, None, "x"]})
    for name, frames in (("one", [rows]), ("two", [rows[:2].cast({"note": pl.Null}), rows[2:]])):
        (tmp_path / name).mkdir()
        writer = TableWriter(tmp_path / name, "", None)
        for each in frames:
            writer.write(each)
        hashes.append(writer.close())
    assert hashes[0] == hashes[1] and hashes[0].columns["note"] == "String"
