"""The step `dedup`: what goes, for whom, and what is said of it."""

from __future__ import annotations

import random
import re
from pathlib import Path
from typing import Any

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from ot_assets.curation.dedup import numbers
from ot_assets.curation.dedup.clusters import connected, star
from ot_assets.curation.dedup.found import Found
from ot_assets.curation.dedup.material import Material
from ot_assets.curation.dedup.readings import Readings
from ot_assets.curation.dedup.survivors import ranks
from ot_assets.curation.selection import Selection, select
from ot_assets.curation.steps.dedup import _best, _ranked
from ot_assets.registry.specs.recipe import Part
from resources.home import Home
from schemas import violations
from schemas.ledger import Ledger
from tests.curation.rows import pool

LONG = "A farmer in the valley has {} sheep and {} goats, and every spring he sells a few of them. How many are left?"


def part(sources: str = "ab", **fields: Any) -> Part:
    step = {"kind": "dedup", **fields}
    return Part.model_validate({"domain": "math", "sources": [{"source": key} for key in sources], "select": [step]})


def run(rows: list[tuple[str, str, int]], sources: str = "ab", home: Home | None = None, **fields: Any) -> Selection:
    return select(part(sources, **fields), pool(rows), {}, 0, name="math", home=home)


def kept(result: Selection) -> list[int]:
    return result.frame["row"].to_list()


def test_numbers_is_the_default_and_sees_through_formatting() -> None:
    rows = [
        ("a", LONG.format(12, 30), 0),
        ("a", LONG.format(12, 31), 0),
        ("b", LONG.format("twelve", 30).upper().replace(" ", "\n  ", 3), 0),
        ("b", LONG.format(12, 30).replace("few of them.", "few of those."), 0),
    ]
    result = run(rows)
    assert kept(result) == [0, 1]
    assert result.ledger["rule"].unique().to_list() == ["dedup.numbers"]
    assert result.ledger["lost_to"].to_list() == ["a/train:0", "a/train:0"]
    assert result.ledger["note"].to_list() == ["one of 3", "one of 3"]
    figures = result.ledger["figure"].to_list()
    assert figures[0] == 100.0
    assert 95 <= figures[1] < 100


def test_the_paper_s_rule_deletes_another_problem() -> None:
    rows = [("a", LONG.format(12, 30), 0), ("a", LONG.format(12, 31), 0)]
    assert len(kept(run(rows, method="fuzzy"))) == 1
    assert kept(run(rows, method="numbers")) == [0, 1]


@pytest.mark.parametrize("method", ["exact", "fuzzy", "numbers", "minhash"])
def test_copies_of_a_repeated_source_are_duplicates(method: str) -> None:
    rows = [("a", LONG.format(1, 2), 1), ("a", LONG.format(1, 2), 0), ("a", "Why is the sky blue at noon?", 0)]
    result = run(rows, method=method)
    assert kept(result) == [1, 2]
    assert result.ledger["note"].to_list() == ["one of 2, copy 1"]


@pytest.mark.parametrize("method", ["exact", "fuzzy", "numbers", "minhash"])
def test_inside_each_source_only(method: str) -> None:
    rows = [("a", LONG.format(1, 2), 0), ("b", LONG.format(1, 2), 0), ("b", LONG.format(1, 2), 1)]
    assert kept(run(rows, method=method, within="source")) == [0, 1]
    assert kept(run(rows, method=method, sources="ba")) == [1]


def test_none_keeps_all() -> None:
    rows = [("a", "same", 0), ("b", "same", 0)]
    result = run(rows, method="none")
    assert kept(result) == [0, 1]
    assert result.ledger.is_empty()


def test_star_keeps_both_ends_of_a_chain() -> None:
    text = "the quick brown fox jumps over the lazy dog and then it runs home to sleep in a warm bed of hay "
    rows = [("a", text, 0), ("b", text + "tonight", 0), ("b", text + "tonight again!!", 0)]
    star = run(rows, method="fuzzy", threshold=95.5)
    assert kept(star) == [0, 2]
    assert star.ledger["lost_to"].to_list() == ["a/train:0"]
    joined = run(rows, method="fuzzy", threshold=95.5, clusters="connected")
    assert kept(joined) == [0]
    figures = dict(joined.ledger.select("source_row", "figure").rows())
    assert figures["train:1"] >= 95.5 > figures["train:2"] > 90


def test_who_stays() -> None:
    rows = [
        ("a", LONG.format(1, 2), 0),
        ("a", LONG.format(1, 2).replace("of them", "of them there"), 0),
        ("b", LONG.format(1, 2) + " ", 0),
    ]
    assert kept(run(rows)) == [1]  # the longest of the first source
    assert kept(run(rows, sources="ba")) == [2]
    frame = pool(rows).with_columns(gold=pl.Series(["5", None, "5"]))
    assert select(part(), frame, {}, 0).frame["row"].to_list() == [0]
    assert select(part(), frame.with_columns(gold=pl.Series([" ", None, "5"])), {}, 0).frame["row"].to_list() == [1]


def test_clusters_are_told_row_by_row() -> None:
    rows = [
        ("a", LONG.format(1, 2), 0),
        ("b", LONG.format(1, 2), 0),
        ("b", "alone", 0),
        ("b", LONG.format(1, 2) + "?", 0),
    ]
    result = run(rows)
    table = result.tables["clusters"]
    assert table.columns == [
        "part",
        "step",
        "cluster",
        "size",
        "question_id",
        "source",
        "source_row",
        "copy",
        "survivor",
        "similarity",
    ]
    assert table["source_row"].to_list()[0] == "train:0"
    assert sorted(table["source_row"].to_list()) == ["train:0", "train:1", "train:3"]
    assert table["survivor"].to_list() == [True, False, False]
    assert table["cluster"].unique().to_list() == [1]
    assert result.funnel[0].figures["clusters"] == 1
    assert result.funnel[0].figures["largest"] == 3


WORDS = ["ape", "bear", "cat", "3", "4", "not", "minus", "-"]
ROWS = st.lists(
    st.tuples(
        st.sampled_from("ab"),
        st.lists(st.sampled_from(WORDS), min_size=1, max_size=6).map(
            lambda some: "the old tale of " * 4 + " ".join(some)
        ),
        st.integers(0, 1),
    ),
    max_size=14,
    unique=True,
)


@settings(max_examples=60, deadline=None)
@given(
    rows=ROWS,
    method=st.sampled_from(["exact", "fuzzy", "numbers", "minhash"]),
    clusters=st.sampled_from(["star", "connected"]),
    within=st.sampled_from(["part", "source"]),
    draw=st.randoms(use_true_random=False),
)
def test_the_order_of_rows_changes_nothing(
    rows: list[tuple[str, str, int]], method: str, clusters: str, within: str, draw: random.Random
) -> None:
    frame = pool(rows)
    shuffled = frame.sample(fraction=1, shuffle=True, seed=draw.randrange(1 << 30)) if rows else frame
    chosen = part(method=method, clusters=clusters, within=within)
    one, other = select(chosen, frame, {}, 0), select(chosen, shuffled, {}, 0)
    assert violations(Ledger, one.ledger) == []
    assert len(frame) == len(one.frame) + len(one.ledger)
    key = ["source", "source_row", "copy"]
    assert one.frame.select(key).sort(key).equals(other.frame.select(key).sort(key))
    by = ["source", "source_row", "note", "lost_to", "figure"]
    assert one.ledger.select(by).sort(by).equals(other.ledger.select(by).sort(by))
    staying = set(one.frame.select(pl.format("{}/{}", "source", "source_row")).to_series().to_list())
    assert set(one.ledger["lost_to"].to_list()) <= staying


def test_a_recipe_says_which_degrees_make_sense() -> None:
    for fields, words in (
        ({"threshold": 0}, "over 0 and at most 100, not 0: at 0 every row is the same"),
        ({"threshold": 100.5}, "over 0 and at most 100, not 100.5"),
        ({"threshold": -3}, "over 0 and at most 100, not -3"),
        ({"method": "exact", "threshold": 90}, "method: exact knows no degrees; leave threshold out"),
        ({"method": "embedding"}, "method: embedding needs model"),
        ({"model": "x"}, "model belongs to method: embedding, not method: numbers"),
    ):
        with pytest.raises(ValidationError, match=re.escape(words)):
            part(**fields)
    assert kept(run([("a", "Same  text", 0), ("b", "same text", 0)], threshold=100)) == [0]


def test_a_recipe_of_before_keeps_its_hash() -> None:
    said = {"kind": "dedup", "method": "exact"}
    assert part(method="exact").picked("select")["select"] == [said]
    assert part(method="fuzzy", threshold=90).picked("select")["select"] == [
        {"kind": "dedup", "method": "fuzzy", "threshold": 90.0}
    ]


def test_shipped_recipes_name_their_method() -> None:
    from ot_assets.registry import load_registry

    for recipe in load_registry().recipes.values():
        for name, one in recipe.parts.items():
            for step in one.select:
                assert step.kind != "dedup" or "method" in step.model_fields_set, (recipe.key, name)


@pytest.mark.parametrize("method", ["fuzzy", "numbers", "minhash"])
def test_hostile_texts(method: str) -> None:
    texts = [
        "word " * 200_000,
        "{" * 50_000 + "x" + "}" * 50_000,
        "\\frac{" * 2_000,
        "*" * 50_000,
        "(" * 20_000,
        "- " * 20_000,
        "٣ תפוחים \u202eיש",
        "???",
        "!!!",
        "\x00",
    ]
    frame = pool([("a", text, 0) for text in texts])
    result = select(part("a", method=method), frame, {}, 0)
    assert len(result.frame) + len(result.ledger) == len(texts)
    assert {"???", "!!!"} <= set(result.frame["question"].to_list())


def test_thousands_of_identical_rows() -> None:
    rows = pool([("a", "What is it, and why?", 0)])
    frame = pl.concat([rows] * 20_000).with_columns(copy=pl.int_range(pl.len(), dtype=pl.Int64))
    result = select(part("a"), frame, {}, 0)
    assert result.frame["copy"].to_list() == [0]
    assert result.ledger["note"][-1] == "one of 20000, copy 19999"


def test_texts_without_anything_are_the_same_and_nothing_breaks() -> None:
    frame = pool([("a", "x", 0), ("a", "y", 0), ("b", "z", 0)]).with_columns(question=pl.Series(["", "  ", None]))
    assert len(select(part(), frame, {}, 0).frame) == 1
    assert len(select(part(), frame.clear(), {}, 0).frame) == 0


def test_soft_signs_do_not_hide_each_other() -> None:
    body = "In this shop the till shows at the end of a long day the {} which is what the owner wants to know in the evening."
    rows = [("a", body.format(f"total {sign} count"), 0) for sign in ("-", "*")]
    rows.append(("b", body.format("total-count"), 0))
    rows.append(("b", body.format("total * count").replace("owner", "ownner"), 0))
    result = run(rows)
    assert kept(result) == [0, 1]
    assert sorted(result.ledger.select("source_row", "lost_to").rows()) == [
        ("train:2", "a/train:0"),
        ("train:3", "a/train:1"),
    ]


def test_texts_that_nothing_can_be_like_need_no_search_whatever_the_cache_holds(tmp_path: Path) -> None:
    home = Home(tmp_path)
    assert len(kept(run([("a", LONG.format(1, 2), 0), ("a", LONG.format(1, 2).upper() + " Why?", 0)], home=home))) >= 1
    apart = [("a", "What is 2+2?", 0), ("a", "What is 3+5?", 0)]
    assert kept(run(apart, home=home)) == kept(run(apart)) == [0, 1]


def test_a_cache_changes_nothing(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from ot_assets.curation.dedup import material

    monkeypatch.setattr(material, "_WITHOUT_CACHE", 2)
    rows = [("ab"[i >= 20], LONG.format(i % 7, i % 3) + "abc"[i % 3] + "!" * (i % 2), 0) for i in range(60)]
    rows = list({row[:2]: row for row in rows}.values())
    home = Home(tmp_path)
    first, cold = run([row for row in rows if row[0] == "a"], home=home), run(rows)
    (kept_readings,) = (tmp_path / "dedup" / "readings").iterdir()
    warm = run(rows, home=home)
    assert warm.frame.equals(cold.frame)
    assert warm.ledger.equals(cold.ledger)
    earlier = warm.frame.filter(pl.col("source") == "a")["question_id"].to_list()
    assert first.frame["question_id"].to_list() == earlier  # a source that comes later displaces no survivor
    kept_readings.write_bytes(b"no readings" * 1_000)
    assert run(rows, home=home).frame.equals(cold.frame)


@settings(max_examples=100, deadline=None)
@given(st.data())
def test_ranks_of_contested_rows_choose_as_ranks_of_all_rows_do(data: st.DataObject) -> None:
    """Only rows that may lose are ranked in full; the survivors are those that ranking all rows gives."""
    count = data.draw(st.integers(1, 12))
    names = data.draw(st.lists(st.integers(0, 5), min_size=count, max_size=count))
    node = np.unique(np.array(names), return_inverse=True)[1].astype(np.int64)
    nodes = int(node.max()) + 1
    possible = [(a, b) for a in range(nodes) for b in range(a + 1, nodes)]
    pairs = data.draw(st.lists(st.sampled_from(possible), unique=True)) if possible else []
    found = Found(
        np.array([a for a, _ in pairs], np.int64), np.array([b for _, b in pairs], np.int64), np.full(len(pairs), 96.0)
    )
    frame = pl.DataFrame(
        {
            "question_id": [f"q{data.draw(st.integers(0, 9))}" for _ in range(count)],
            "source": [data.draw(st.sampled_from(["one", "two"])) for _ in range(count)],
            "copy": list(range(count)),
        }
    )
    gold = pl.Series([data.draw(st.booleans()) for _ in range(count)], dtype=pl.Boolean)
    length = pl.Series([data.draw(st.integers(1, 3)) for _ in range(count)], dtype=pl.Int64)
    rows = np.zeros(nodes, np.int64)
    words = np.zeros((nodes, 2), np.uint64)
    material = Material(
        node,
        gold.to_numpy(),
        length.to_numpy(),
        words,
        rows,
        rows.astype(np.uint64),
        words,
        words,
        Readings(numbers.read, None),
        lambda nodes: [],
    )
    some, every = (
        _ranked(frame, ["two", "one"], material, found),
        ranks(frame, ["two", "one"], gold=gold, length=length),
    )
    assert sorted(some.tolist()) == list(range(count))
    order = np.lexsort((every, node))
    first = order[np.flatnonzero(np.diff(node[order], prepend=-1))]
    assert _best(node, some).tolist() == _best(node, every).tolist() == first.tolist()
    for clusters in (star, connected):
        assert clusters(some[first], *found).survivor.tolist() == clusters(every[first], *found).survivor.tolist()
