"""Draws of a part: shares, filling, prefixes, and that no row goes missing."""

from __future__ import annotations

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.curation.mixing import DRAWS, NOT_DRAWN, MixResult, SourceRows, gather, mix
from ot_assets.registry.specs.recipe import Part
from resources.errors import UserError
from schemas import violations
from schemas.ledger import Ledger
from schemas.questions import MixedPool
from tests.curation.rows import questions


def source(key: str, rows: int, first: int = 0) -> SourceRows:
    frame = questions([f"question {i}" for i in range(first, first + rows)], key)
    return SourceRows(key, frame.select("question_id", "source_row"))


def part(rows: int | str, *sources: str, shares: list[float] | None = None, fill: str = "none") -> Part:
    draws = [{"source": key, **({"share": shares[i]} if shares else {})} for i, key in enumerate(sources)]
    return Part.model_validate({"domain": "math", "sources": draws, "rows": rows, "fill": fill})


def drawn(result: MixResult, key: str) -> list[tuple[str, int]]:
    return result.draws.filter(source=key).select("question_id", "copy").rows()


SHARES = st.sampled_from([None, [0.5, 0.3, 0.2], [0.45, 0.45, 0.1], [0.43, 0.39, 0.18], [0.3333333] * 3])


@settings(max_examples=150, deadline=None)
@given(
    sizes=st.tuples(*[st.integers(1, 30)] * 3),
    rows=st.one_of(st.just("all"), st.integers(1, 80)),
    shares=SHARES,
    fill=st.sampled_from(["none", "repeat"]),
    seed=st.integers(0, 5),
)
def test_no_row_goes_missing(
    sizes: tuple[int, int, int], rows: int | str, shares: list[float] | None, fill: str, seed: int
) -> None:
    pools = {key: source(key, size, 7 * i) for i, (key, size) in enumerate(zip("abc", sizes, strict=True))}
    spec = part(rows, "a", "b", "c", shares=None if rows == "all" else shares, fill=fill)
    result = mix("p", spec, pools, seed)
    assert result.rows_in == len(result.draws) + len(result.ledger)
    assert result.draws.schema == DRAWS
    assert violations(Ledger, result.ledger) == []
    assert set(result.ledger["rule"]) <= {NOT_DRAWN}
    assert result.draws.select("source", "question_id", "copy").is_unique().all()
    quotas = spec.quotas()
    for one in result.sources:
        ids = pools[one.source].ids["question_id"]
        mine = drawn(result, one.source)
        assert len(mine) == one.drawn
        assert one.wanted == (one.available if quotas is None else quotas[one.source])
        assert one.drawn == (one.wanted if fill == "repeat" else min(one.wanted, one.available))
        left = result.ledger.filter(source=one.source)["row_id"].to_list()
        assert sorted({name for name, _ in mine} | set(left)) == sorted(ids)
        assert not {name for name, _ in mine} & set(left)
        counts = [sum(name == other for other, _ in mine) for name in ids]
        assert max(counts) - min(counts) <= 1
    if fill == "repeat" and rows != "all":
        assert len(result.draws) == rows


@settings(max_examples=60, deadline=None)
@given(
    size=st.integers(1, 40), small=st.integers(1, 60), more=st.integers(0, 40), fill=st.sampled_from(["none", "repeat"])
)
def test_fewer_rows_are_among_more(size: int, small: int, more: int, fill: str) -> None:
    pools = {"a": source("a", size)}
    few = drawn(mix("p", part(small, "a", fill=fill), pools, 3), "a")
    many = drawn(mix("p", part(small + more, "a", fill=fill), pools, 3), "a")
    assert set(few) <= set(many)
    if len(few) % size and len(many) % size:  # drawn in order
        assert many[: len(few)] == few


@settings(max_examples=200, deadline=None)
@given(rows=st.integers(3, 400), shares=SHARES)
def test_one_row_more_takes_nothing_away(rows: int, shares: list[float] | None) -> None:
    """Quotas never shrink when the part grows."""
    before = part(rows, "a", "b", "c", shares=shares).quotas()
    after = part(rows + 1, "a", "b", "c", shares=shares).quotas()
    assert before is not None
    assert after is not None
    assert all(after[key] >= before[key] for key in before)


def test_another_source_does_not_reshuffle_the_first() -> None:
    pools = {"a": source("a", 50), "b": source("b", 50, 100), "c": source("c", 50, 200)}
    two = drawn(mix("p", part(30, "a", "b"), pools, 1), "a")
    three = drawn(mix("p", part(45, "a", "c", "b"), pools, 1), "a")
    assert two == three
    assert two != drawn(mix("p", part(30, "a", "b"), pools, 2), "a")


def test_order_of_the_rows_does_not_matter() -> None:
    rows = source("a", 40)
    turned = SourceRows("a", rows.ids.reverse())
    assert drawn(mix("p", part(9, "a"), {"a": rows}, 0), "a") == drawn(mix("p", part(9, "a"), {"a": turned}, 0), "a")


def test_small_sources() -> None:
    pools = {"small": source("small", 10), "big": source("big", 100, 1000)}
    short = mix("p", part(60, "small", "big"), pools, 0)
    assert [(one.drawn, one.short, one.copies) for one in short.sources] == [(10, 20, 0), (30, 0, 0)]
    filled = mix("p", part(50, "small", "big", fill="repeat"), pools, 0)
    assert [(one.drawn, one.short, one.copies) for one in filled.sources] == [(25, 0, 15), (25, 0, 0)]
    copies = filled.draws.filter(source="small")
    assert copies["copy"].to_list() == [0] * 10 + [1] * 10 + [2] * 5
    assert copies["question_id"][:5].equals(copies["question_id"][20:])


def test_a_question_of_two_sources_is_kept_in_both() -> None:
    pools = {"a": source("a", 5), "b": source("b", 5)}
    result = mix("p", part("all", "a", "b"), pools, 0)
    assert len(result.draws) == 10
    assert result.draws["question_id"].n_unique() == 5


def test_an_emptied_source_is_an_error_that_names_the_benchmark() -> None:
    pools = {"gsm": SourceRows("gsm", source("x", 1).ids.clear(), {"gsm8k": 1300, "math500": 19})}
    with pytest.raises(UserError, match=r"'gsm' has no questions left .* all 1,319 were screened out \(gsm8k: 1,300"):
        mix("p", part(10, "gsm"), pools, 0)
    with pytest.raises(UserError, match="'gsm' has no questions, so part 'p'"):
        mix("p", part(10, "gsm"), {"gsm": SourceRows("gsm", source("x", 1).ids.clear())}, 0)


@settings(max_examples=60, deadline=None)
@given(size=st.integers(1, 25), rows=st.integers(1, 60), batch=st.integers(1, 9))
def test_gather_reads_the_drawn_rows_batch_by_batch(size: int, rows: int, batch: int) -> None:
    frame = questions([f"question {i}" for i in range(size)], "a")
    result = mix(
        "math", part(rows, "a", fill="repeat"), {"a": SourceRows("a", frame.select("question_id", "source_row"))}, 5
    )
    pieces = list(gather(result.draws, frame.iter_slices(batch)))
    whole = pl.concat(pieces).select(MixedPool.dtypes().keys())
    assert violations(MixedPool, whole) == []
    assert all(len(piece) for piece in pieces)
    key = ["source", "question_id", "copy"]
    assert sorted(whole.select(key).rows()) == sorted(result.draws.select(key).rows())
    assert whole["source_row"].to_list() == sorted(
        whole["source_row"].to_list(), key=lambda row: int(row.split(":")[1])
    )
    texts = dict(frame.select("question_id", "question").iter_rows())
    assert all(texts[name] == text for name, text in whole.select("question_id", "question").iter_rows())


def test_gather_refuses_another_artifact() -> None:
    frame = questions([f"question {i}" for i in range(6)], "a")
    picks = mix("p", part("all", "a"), {"a": SourceRows("a", frame.select("question_id", "source_row"))}, 5).draws
    with pytest.raises(ValueError, match="another version"):
        list(gather(picks, [frame.reverse()]))
    with pytest.raises(ValueError, match="has 4 rows"):
        list(gather(picks, [frame.head(4)]))
