"""Columns of a published pool, read for the rows that are asked for."""

from __future__ import annotations

from pathlib import Path

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.curation.steps.context import FrameTexts
from ot_assets.curation.steps.texts import ArtifactTexts
from resources.artifacts import ArtifactStore, Partition
from schemas import SCHEMAS
from tests.curation.rows import pool

ROWS = 40


@pytest.fixture(scope="module")
def frame() -> pl.DataFrame:
    return pool([("a", f"question {i} " + "é" * (i % 7), 0) for i in range(ROWS)])


@pytest.fixture(scope="module")
def texts(tmp_path_factory: pytest.TempPathFactory, frame: pl.DataFrame) -> ArtifactTexts:
    """The pool in a store, written in pieces of seven rows."""
    store = ArtifactStore(str(tmp_path_factory.mktemp("store")))
    at = Partition({"recipe": "r"})
    with store.publication(
        "mixed_pool", at, code_version="1", spec={}, run_id="1", schemas=SCHEMAS["mixed_pool"]
    ) as out:
        for piece in frame.iter_slices(7):
            out.write(piece)
        out.publish()
    found = store.current("mixed_pool", at)
    assert found is not None
    return ArtifactTexts(found)


@settings(max_examples=60, deadline=None)
@given(rows=st.lists(st.integers(0, ROWS - 1), max_size=30))
def test_rows_come_in_the_order_asked_and_as_often(texts: ArtifactTexts, frame: pl.DataFrame, rows: list[int]) -> None:
    picked = pl.DataFrame({"row": rows}, schema={"row": pl.Int64})
    columns = ["question", "gold", "verifier"]
    assert texts.read(picked, columns).equals(frame.select(columns)[rows])
    assert FrameTexts(frame).read(picked, columns).equals(frame.select(columns)[rows])


def test_a_row_past_the_end_is_an_error(texts: ArtifactTexts) -> None:
    with pytest.raises(ValueError, match="row 40 was asked for"):
        texts.read(pl.DataFrame({"row": [3, 40]}), ["question"])


def test_a_part_of_a_pool_in_memory_is_read_by_its_rows(frame: pl.DataFrame) -> None:
    some = frame.with_columns(pl.int_range(pl.len(), dtype=pl.Int64).alias("row"))[[5, 9, 30]]
    read = FrameTexts(some).read(pl.DataFrame({"row": [30, 5]}), ["question"])
    assert read.get_column("question").to_list() == frame.get_column("question")[[30, 5]].to_list()


def test_only_the_columns_asked_for_are_read(texts: ArtifactTexts, tmp_path: Path) -> None:
    assert texts.read(pl.DataFrame({"row": [0]}), ["gold"]).columns == ["gold"]
    assert texts.read(pl.DataFrame({"row": []}, schema={"row": pl.Int64}), ["gold"]).columns == ["gold"]
