"""Figures of the last version are remembered, and nothing that is wrong is believed."""

from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest

from ot_assets.quality import SuiteContext, run_suite

from .frames import questions

NOW, LAST = questions(60), questions(50, question=lambda i: f"Why, of all numbers, {i}?")
UNREADABLE = LAST.drop("question")
"""The last version as it would be if nobody looked at its texts."""


def ratio(home: Path, last: pl.DataFrame, **versions: str) -> float | None:
    context = SuiteContext(asset="mixed_pool", partition="recipe=demo", **versions)
    found = {f.name: f for f in run_suite("questions", NOW, last, context, home).findings}
    assert bool(found["length_ratio"].skipped) == (found["length_ratio"].observed is None)
    return found["length_ratio"].observed


def remember(home: Path) -> float:
    context = SuiteContext(asset="mixed_pool", partition="recipe=demo", version="one")
    run_suite("questions", LAST, None, context, home)
    measured = ratio(home / "elsewhere", LAST, version="two", previous="one")
    assert measured is not None and measured < 1
    return measured


def test_the_last_version_is_not_read_again(tmp_path: Path) -> None:
    want = remember(tmp_path)
    assert ratio(tmp_path, UNREADABLE, version="two", previous="one") == want
    # Now the second version is the one that is remembered.
    assert ratio(tmp_path, UNREADABLE, version="three", previous="two") == 1
    assert ratio(tmp_path, UNREADABLE, version="three", previous="one") is None


@pytest.mark.parametrize(
    "torn",
    [
        "",
        "{",
        "[]",
        "{}",
        '{"version": "one"}',
        '{"version": "one", "figures": [1]}',
        '{"version": "one", "figures": {"a": "b"}}',
    ],
)
def test_a_torn_file_is_measured_over(tmp_path: Path, torn: str) -> None:
    want = remember(tmp_path)
    (file,) = (tmp_path / "quality").rglob("*.json")
    file.write_text(torn)
    assert ratio(tmp_path, LAST, version="two", previous="one") == want
    assert ratio(tmp_path, UNREADABLE, version="three", previous="two") == 1


def test_a_folder_that_cannot_be_written_costs_time_only(tmp_path: Path) -> None:
    (tmp_path / "quality").write_text("in the way")
    want = remember(tmp_path / "other")
    assert ratio(tmp_path, LAST, version="two", previous="one") == want


def test_without_versions_nothing_is_kept(tmp_path: Path) -> None:
    assert ratio(tmp_path, LAST) is not None
    assert not (tmp_path / "quality").exists()
