"""What stands in the preview of a data set in the UI."""

from __future__ import annotations

import polars as pl

from ot_assets.materialized import preview_of
from resources.artifacts import Partition


def header(shown: str) -> list[str]:
    return [name.strip().replace("\\", "") for name in shown.splitlines()[0].strip("|").split("|")]


def test_ids_come_last_and_the_partitions_own_keys_are_left_out():
    rows = pl.LazyFrame(
        {"trace_id": ["t1"], "source": ["s"], "teacher": ["t"], "answer": ["42"], "source_row": ["s:1"]}
    )
    assert header(preview_of(rows, Partition({"source": "s", "teacher": "t"}))) == ["answer", "trace_id", "source_row"]


def test_held_out_scores_are_not_shown():
    rows = pl.LazyFrame({"benchmark": ["open", "secret"], "role": ["dev", "held_out"], "score": [0.25, 0.75]})
    shown = preview_of(rows, Partition())
    assert "open" in shown
    assert "secret" not in shown
    assert "0.75" not in shown
