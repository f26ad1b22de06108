"""A ladder: the questions of a smaller rung are among those of a larger one, whatever the steps before the last cut."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given, settings

from ot_assets.curation.mixing import SourceRows, mix
from ot_assets.curation.selection import select
from ot_assets.registry.specs.recipe import RecipeSpec
from schemas.ids import question_id
from tests.curation.rows import questions
from tests.factories import a_recipe

SCORE = {"kind": "answer_length", "teacher": "t"}
Question = tuple[str, str, int]


def texts(first: int, count: int) -> list[str]:
    return [f"What is {i} + {i}?" if i % 5 else f"See the figure: {i}." for i in range(first, first + count)]


def asked(spec: RecipeSpec, sizes: dict[str, int]) -> set[Question]:
    """Mixes and selects as the assets do; sources overlap, so that there is something to deduplicate."""
    frames = {key: questions(texts(3 * i, size), key) for i, (key, size) in enumerate(sizes.items())}
    sources = {key: SourceRows(key, frame.select("question_id", "source_row")) for key, frame in frames.items()}
    scores = {
        key: frame.select("question_id").with_columns(
            pl.Series("answer_length.t", [float(len(text) * i % 7) for i, text in enumerate(frame["question"])])
        )
        for key, frame in frames.items()
    }
    found: set[Question] = set()
    for name, part in spec.exact_parts.items():
        draws = mix(name, part, sources, spec.part_seed(name)).draws.drop("row")
        pool = draws.join(
            pl.concat(frames.values()).drop("source_row"), on=["source", "question_id"], maintain_order="left"
        )
        left = select(part, pool, scores, spec.part_seed(name), name=name).frame
        found |= set(left.select("source", "question_id", "copy").rows())
    return found


STEPS = st.lists(
    st.sampled_from(
        [
            {"kind": "dedup", "method": "exact"},
            {"kind": "clean", "figures": True},
            {"kind": "threshold", "score": SCORE, "at_least": 1.0},
            {"kind": "band", "score": SCORE, "high": 0.9},
        ]
    ),
    max_size=3,
)
LAST = st.sampled_from(
    [
        [],
        [{"kind": "random"}],
        [{"kind": "top", "score": SCORE}],
        [{"kind": "bottom", "score": SCORE}],
        [{"kind": "stratified"}],
        [{"kind": "stratified", "quotas": "equal"}],
        [{"kind": "stratified", "score": SCORE}],
    ]
)
MIXES = st.sampled_from(
    [
        {},
        {"rows": 40},
        {"rows": 60, "fill": "repeat"},
        {"rows": 30, "temperature": 2.0},
        {"top": 1},
        {"sources": [{"source": "a", "rows": 20}, {"source": "b", "rows": "all"}]},
    ]
)


@settings(max_examples=80, deadline=None)
@given(
    sizes=st.tuples(st.integers(5, 40), st.integers(5, 40)),
    mixed=MIXES,
    steps=STEPS,
    last=LAST,
    small=st.integers(2, 30),
    more=st.integers(0, 30),
    answers=st.integers(1, 2),
)
def test_a_smaller_rung_is_a_subset(
    sizes: tuple[int, int],
    mixed: dict[str, Any],
    steps: list[dict[str, Any]],
    last: list[dict[str, Any]],
    small: int,
    more: int,
    answers: int,
) -> None:
    part = {"domain": "math", "sources": [{"source": "a"}, {"source": "b"}], **mixed, "select": [*steps, *last]}
    if mixed.get("rows", 99) * answers < small + more or (mixed.get("sources") and small + more > 20):
        small, more = 2, 1

    def rung(rows: int) -> set[Question]:
        spec = a_recipe("r", [], ["t"], parts={"p": part}, rows=rows, answers_per_question=answers)
        return asked(spec, dict(zip("ab", sizes, strict=True)))

    few, many = rung(small), rung(small + more)
    assert few <= many
    assert len(few) <= small // answers


@settings(max_examples=30, deadline=None)
@given(small=st.integers(10, 40), more=st.integers(0, 40), ratio=st.integers(1, 5))
def test_every_part_of_a_rung_is_a_subset(small: int, more: int, ratio: int) -> None:
    parts = {
        key: {"domain": "math", "sources": [{"source": key}], "ratio": weight}
        for key, weight in (("a", ratio), ("b", 1))
    }

    def rung(rows: int) -> set[Question]:
        return asked(a_recipe("r", [], ["t"], parts=parts, rows=rows), {"a": 60, "b": 60})

    assert rung(small) <= rung(small + more)


def rows_drawn(rows: int, steps: Sequence[dict[str, Any]]) -> set[Question]:
    part = {"domain": "math", "sources": [{"source": "a"}, {"source": "b"}], "rows": rows, "select": list(steps)}
    return asked(a_recipe("r", [], ["t"], parts={"p": part}), {"a": 60, "b": 60})


@pytest.mark.parametrize("small", [6, 20, 50])
def test_fewer_rows_of_a_part_are_a_subset_where_steps_look_at_rows_one_by_one(small: int) -> None:
    for steps in ([], [{"kind": "clean", "figures": True}], [{"kind": "threshold", "score": SCORE, "at_least": 2.0}]):
        assert rows_drawn(small, steps) <= rows_drawn(80, steps)


def test_a_step_that_keeps_a_number_of_fewer_drawn_rows_is_no_ladder() -> None:
    """Why a ladder is a matter of the recipe's `rows` and not of the parts': the ten best of fewer rows are others."""
    best = [{"kind": "top", "score": SCORE, "rows": 10}]
    assert not rows_drawn(12, best) <= rows_drawn(80, best)


def test_the_figures_are_questions_of_the_sources() -> None:
    spec = a_recipe("r", [], ["t"], parts={"p": {"domain": "math", "sources": [{"source": "a"}], "rows": 7}}, rows=3)
    found = asked(spec, {"a": 9})
    assert {name for _, name, _ in found} <= {question_id(text) for text in texts(0, 9)}
    assert len(found) == 3
