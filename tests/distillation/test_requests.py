"""The union over recipes of what teachers are asked."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import polars as pl
from hypothesis import given, settings

from ot_assets.distillation.requests import ANY, Asking, requests_for, union
from schemas import violations
from schemas.distillation import TraceRequests
from schemas.ids import question_id
from tests.factories import a_recipe

IDS = [question_id(str(i)) for i in range(5)]


def asking(rows: list[int], k: int, teachers: list[str], others: Any = ()) -> Asking:
    recipe = a_recipe("r", ["a"], teachers, other_teachers=others)
    frame = pl.DataFrame(
        {"question_id": [IDS[i] for i in rows], "answers_per_question": [k] * len(rows)},
        schema={"question_id": pl.String, "answers_per_question": pl.Int64},
    )
    return Asking(recipe, frame)


ASKINGS = st.lists(
    st.builds(
        asking,
        st.lists(st.integers(0, 4), max_size=8),
        st.integers(1, 16),
        st.lists(st.sampled_from(["r1", "qwq", "phi"]), min_size=1, max_size=2, unique=True),
        st.one_of(st.just("any"), st.lists(st.sampled_from(["r1", "qwq", "phi"]), max_size=2)),
    ),
    max_size=5,
)


def definition(askings: list[Asking], teacher: str) -> dict[str, int]:
    """Most answers that any one recipe wants of this teacher."""
    most: dict[str, int] = {}
    for one in askings:
        if one.recipe.wants(teacher):
            for name in set(one.rows["question_id"]):
                answers = one.rows.filter(question_id=name)["answers_per_question"].sum()
                most[name] = max(most.get(name, 0), answers)
    return most


@settings(max_examples=150, deadline=None)
@given(askings=ASKINGS, shuffled=st.randoms())
def test_equals_the_definition_in_any_order(askings: list[Asking], shuffled: Any) -> None:
    frame = union(askings)
    assert violations(TraceRequests, frame) == []
    for teacher in ("r1", "qwq", "phi"):
        assert dict(requests_for(teacher, frame).iter_rows()) == definition(askings, teacher)
    turned = list(askings)
    shuffled.shuffle(turned)
    assert union(turned).equals(frame)
    assert union([*askings, *askings]).equals(frame)


@settings(max_examples=100, deadline=None)
@given(askings=ASKINGS, more=ASKINGS)
def test_what_asks_for_nothing_new_changes_nothing(askings: list[Asking], more: list[Asking]) -> None:
    everyone = ("r1", "qwq", "phi", "unheard-of")
    before = {teacher: definition(askings, teacher) for teacher in everyone}
    quiet = [
        one
        for one in more
        if all(
            count <= before[teacher].get(name, 0)
            for teacher in everyone
            for name, count in definition([one], teacher).items()
        )
    ]
    assert union([*askings, *quiet]).equals(union(askings))


def test_rows_of_teachers() -> None:
    frame = union([asking([0], 4, ["r1"], ["qwq"]), asking([0, 1], 2, ["phi"], "any")])
    assert sorted(frame.select("question_id", "teacher", "answers").rows()) == sorted(
        [(IDS[0], ANY, 2), (IDS[0], "qwq", 4), (IDS[0], "r1", 4), (IDS[1], ANY, 2)]
    )
    assert frame.rows() == frame.sort("question_id", "teacher").rows()


def test_a_row_that_any_covers_is_left_out() -> None:
    wide = asking([0], 16, ["r1"], "any")
    assert union([wide, asking([0], 16, ["qwq"])]).equals(union([wide]))


def test_a_repeated_question_is_asked_for_more_answers() -> None:
    assert dict(requests_for("r1", union([asking([0, 0, 0, 1], 4, ["r1"])])).iter_rows()) == {IDS[0]: 12, IDS[1]: 4}


def test_nobody_asks() -> None:
    assert union([]).equals(TraceRequests.empty())
    assert requests_for("r1", union([])).is_empty()
