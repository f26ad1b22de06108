"""Texts, pictures and summaries by themselves."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.report.charts import THIN, plot, stream
from ot_assets.report.funnel import Drop, Level
from ot_assets.report.histograms import histogram
from ot_assets.report.recall import _table
from ot_assets.report.summary import summary
from ot_assets.report.texts import LONG, SHORT, Piece, compared, shown, visible
from resources.artifacts.manifest import Manifest


def whole(pieces: tuple[Piece, ...]) -> str:
    return "".join(piece.text for piece in pieces)


@given(st.text(max_size=2 * LONG))
def test_a_text_is_shown_whole_up_to_its_cut(text: str):
    one = shown(text)
    assert whole(one.lead + one.rest) == visible(text[:LONG])
    assert one.left_out == max(0, len(text) - LONG)
    assert one.more == len(whole(one.rest))


@given(st.text(alphabet="ab \n12.", max_size=400), st.text(alphabet="ab \n12.", max_size=400))
def test_compared_texts_are_whole_and_what_is_unmarked_is_common(one: str, other: str):
    first, second = compared(one, other)
    assert (whole(first.lead + first.rest), whole(second.lead + second.rest)) == (one, other)
    if one == other:
        assert all(piece.mark == "" for piece in first.lead + first.rest) or not one
    pieces = [[p for p in text.lead + text.rest if p.mark != "differs"] for text in (first, second)]
    if any(p.mark == "same" for own in pieces for p in own):
        pieces = [[p for p in own if p.mark == "same"] for own in pieces]
    elif not any(p.mark for text in (first, second) for p in text.lead + text.rest) and one != other:
        return  # nothing is alike, and nothing is marked
    assert whole(tuple(pieces[0])) == whole(tuple(pieces[1]))


def test_a_ten_megabyte_text_is_cut_at_once():
    one = shown("x" * 10_000_000)
    assert len(whole(one.lead)) == SHORT
    assert one.left_out == 10_000_000 - LONG


@pytest.mark.parametrize("unseen", ["\x00", "\x1b", "\u202e", "\ufeff", "\x85"])
def test_what_nobody_sees_is_made_visible(unseen: str):
    text = visible(f"a{unseen}b")
    assert len(text) == 3 and unseen not in text


@given(st.lists(st.floats(allow_nan=True, allow_infinity=True, width=32), min_size=1))
def test_every_value_is_in_a_bin_or_counted_as_missing(values: list[float]):
    one = histogram("t", "u", {"all": np.array(values, dtype=np.float64)})
    finite = sum(bool(np.isfinite(value)) for value in values)
    if one is None:
        assert finite == 0
        return
    (series,) = one.series
    assert sum(series.counts) == series.rows == finite
    assert series.missing == len(values) - finite
    assert list(one.edges) == sorted(one.edges)
    drawn = plot(one)
    assert drawn.outlines[0].path.endswith("Z")


def test_the_stream_keeps_proportions_and_hides_nothing():
    levels = [
        Level("read", "a", 1_000, {"x": 900, "y": 100}),
        Level("kept", "b", 500, {"x": 500, "y": 0}, (Drop("rule", 500),)),
        Level("left", "c", 1, {"x": 1}, (Drop("other", 499),)),
    ]
    picture = stream(levels)
    assert picture is not None
    x, y, *_ = (block for block in picture.blocks if block.tone > 0)
    assert x.height == pytest.approx(9 * y.height)
    assert min(block.height for block in picture.blocks) == THIN
    assert [block.title for block in picture.blocks if block.tone < 0] == ["500 dropped", "499 dropped"]
    assert [drop.rule for column in picture.columns for _, drop in column.drops] == ["rule", "other"]
    assert stream(levels[:1]) is None


def test_many_sources_share_a_neutral_band():
    by_source = {f"s{n:02d}": 100 - n for n in range(20)}
    level = Level("read", "a", sum(by_source.values()), by_source)
    picture = stream([level, level])
    assert picture is not None
    assert picture.legend[-1] == ("13 more sources", 0)
    heights = sum(block.height for block in picture.blocks if block.x == picture.blocks[0].x)
    assert heights == pytest.approx(210)


def manifest(asset: str, **stats: object) -> Manifest:
    return Manifest(
        asset=asset, artifact_id="a", content_hash="c", created_at="", spec_hash="s", code_version="1",
        partition={"recipe": "mine"}, stats=stats,
    )  # fmt: skip


def test_the_summary_is_a_table_of_steps():
    steps = {"math": [{"step": "1. top | 5", "rows_in": 1_200, "rows_out": 5, "figures": {"cut": 0.5}}]}
    text = summary(manifest("filtered_set", funnel=steps))
    assert text is not None
    assert "| 1. top \\| 5 | 1,200 | 5 | 1,195 | cut 0.5 |" in text
    assert text.endswith("`ot report mine`")
    assert summary(manifest("filtered_set", funnel={"math": []})) is None
    assert summary(manifest("traces")) is None


def test_the_table_of_recall_has_a_row_a_method_and_the_false_positives_last():
    def found(kind: str, method: str, threshold: float | None, hits: int) -> dict[str, object]:
        return {
            "kind": kind,
            "method": method,
            "threshold": threshold,
            "tried": 50,
            "found": hits,
            "low": 0.1,
            "high": 0.95,
        }

    rows = [
        found(k, m, t, n)
        for m, t, n in (("as set", None, 50), ("ngram", 13.0, 25))
        for k in ("other items", "verbatim")
    ]
    table = _table(rows)
    assert table.columns == ("verbatim", "other items")
    assert [(row.method, row.threshold, row.as_set) for row in table.rows] == [
        ("as set", "", True),
        ("ngram", "13", False),
    ]
    assert table.rows[1].cells[0] == "50.0 (10–95)"
