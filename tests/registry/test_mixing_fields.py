"""What a recipe says of mixing and selection: rankings, shares, rows of training, steps; and what it is refused for."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings
from pydantic import ValidationError

from ot_assets.registry.specs.part import Part
from ot_assets.registry.specs.quotas import apportion, sized_shares
from ot_assets.registry.specs.recipe import RecipeSpec
from ot_assets.registry.specs.select import Random, Top
from tests.factories import a_recipe

LENGTH = {"kind": "answer_length", "teacher": "t"}


def part(*sources: str, **fields: Any) -> dict[str, Any]:
    return {"domain": "math", "sources": [{"source": key} for key in sources], **fields}


def recipe(parts: dict[str, dict[str, Any]], **fields: Any) -> RecipeSpec:
    return a_recipe("r", [], ["t"], parts=parts, **fields)


def refusal(parts: dict[str, dict[str, Any]], **fields: Any) -> str:
    with pytest.raises(ValidationError) as error:
        recipe(parts, **fields)
    return str(error.value)


def keys(spec: RecipeSpec, name: str = "p") -> list[str]:
    return [draw.source for draw in spec.exact_parts[name].sources]


def test_a_recipe_without_the_new_fields_keeps_its_hashes() -> None:
    """Computed before there were rankings, ratios, rows and cleaning."""
    math = {
        **part("a", "b", rows=1000, fill="repeat"),
        "sources": [{"source": "a", "share": 0.25}, {"source": "b", "share": 0.75}],
        "select": [
            {"kind": "top", "score": LENGTH, "rows": 800},
            {"kind": "dedup", "method": "exact"},
            {"kind": "random", "rows": 100},
            {"kind": "random", "rows": 50, "seed": 7},
        ],
    }
    parts = {"p": math, "q": {"domain": "code", "sources": [{"source": "c"}]}}
    spec = recipe(parts, answers_per_question=4)
    assert spec.slice_hash("mixed_pool") == "82c759e0b3dadd32bc6964cfc7b6ca24c456fffd7b5c149788797e2212181661"
    assert spec.slice_hash("filtered_set") == "aa2f18d685236bb9819e4b9a28503ca1b8bee96909708ddcfad9d1c75e4239dc"


def test_the_top_of_the_list_or_of_a_ranking() -> None:
    assert keys(recipe({"p": part("a", "b", "c", top=2)})) == ["a", "b"]
    assert keys(recipe({"p": part("a", "b", "c", top=2, ranking=["c", "x", "a", "b"])})) == ["c", "a"]
    named = recipe({"p": part("a", "b", "c", top=1, ranking="best")}, rankings={"best": ["b", "a", "c"]})
    assert keys(named) == ["b"]
    assert named.sources == ("b",), "the others are not read"
    assert named.scores_of("a") == ()


def test_a_source_below_the_top_changes_nothing() -> None:
    two, three = (recipe({"p": part(*sources, top=2, rows=10)}) for sources in (("a", "b"), ("a", "b", "c")))
    for asset in ("mixed_pool", "filtered_set"):
        assert two.slice_hash(asset) == three.slice_hash(asset)


@pytest.mark.parametrize(
    ("fields", "said"),
    [
        ({"top": 3}, "top: 3, but the part lists only 2 sources"),
        ({"top": 1, "ranking": ["a"]}, "ranking does not name b"),
        ({"ranking": ["a", "b"]}, "ranking is for top"),
        ({"top": 1, "ranking": "best"}, "part p: no ranking 'best' in rankings; there are: none"),
        ({"temperature": 2.0}, "temperature needs rows: a number"),
        ({"sources": [{"source": "a", "share": 0.5}, {"source": "b", "share": 0.4}], "rows": 9}, "sum to 1, not 0.9"),
        ({"sources": [{"source": "a", "share": 0.5}, {"source": "b", "share": 0.6}], "rows": 9}, "sum to 1, not 1.1"),
        ({"sources": [{"source": "a", "rows": 5}, {"source": "b"}]}, "either every source has rows or none has"),
        ({"sources": [{"source": "a", "rows": 5}, {"source": "b", "rows": "all"}], "rows": 9}, "the part says none"),
        (
            {"sources": [{"source": "a", "share": 0.5}, {"source": "b", "share": 0.5}], "rows": 9, "temperature": 2.0},
            "not by share and by temperature",
        ),
        (
            {"sources": [{"source": "a", "share": 0.5}, {"source": "b", "share": 0.5}], "rows": 9, "top": 1},
            "sources say no share",
        ),
        ({"select": [{"kind": "random"}, {"kind": "dedup"}]}, "step 1 says no rows: only the last step may"),
        ({"select": [{"kind": "random"}]}, "the last step of part p says no rows, and neither does the recipe"),
        ({"ratio": 2.0}, "part p has a ratio, but the recipe says no rows"),
        ({"rows": 5, "select": [{"kind": "stratified", "rows": 6}]}, "step 1 keeps 6 rows, but at most 5 reach it"),
        ({"select": [{"kind": "clean"}]}, "no rule is on; name at least one of no_gold, length"),
        ({"select": [{"kind": "clean", "length": {"min": 9, "max": 3}}]}, "min: 9 is more than max: 3"),
        ({"select": [{"kind": "clean", "figures": {"also": ["("]}}]}, "'(' is not a regular expression"),
        ({"select": [{"kind": "clean", "language": {"keep": ["zz"]}}]}, "'zz' is not a language that can be told"),
        ({"select": [{"kind": "band", "score": LENGTH, "low": 0.6, "high": 0.4}]}, "low: 0.6 must be less than high"),
        ({"select": [{"kind": "band", "score": LENGTH}]}, "a band from 0 to 1 is every row"),
        ({"select": [{"kind": "threshold", "score": LENGTH}]}, "needs at_least or at_most"),
        (
            {"select": [{"kind": "threshold", "score": LENGTH, "at_least": 2.0, "at_most": 1.0}]},
            "at_least: 2 is more than at_most: 1",
        ),
    ],
)
def test_what_a_part_is_refused_for(fields: dict[str, Any], said: str) -> None:
    assert said in refusal({"p": {**part("a", "b"), **fields}})


def test_rows_of_each_source() -> None:
    sources = [{"source": "a", "rows": 5}, {"source": "b", "rows": "all"}]
    assert Part.model_validate({"domain": "math", "sources": sources}).quotas() == {"a": 5, "b": None}


def test_temperature_goes_from_sizes_to_equal_shares() -> None:
    sizes = {"a": 1_000_000, "b": 10_000, "c": 100}

    def quotas(temperature: float) -> list[int]:
        one = Part.model_validate(part("a", "b", "c", rows=10_000, temperature=temperature))
        return [rows or 0 for rows in (one.quotas(sizes) or {}).values()]

    assert quotas(1) == [9_900, 99, 1]
    assert quotas(2) == [9_009, 901, 90]
    assert quotas(1_000) == [3_349, 3_333, 3_318]
    assert min(sized_shares(list(sizes.values()), 0.01)) == pytest.approx(1e-5, rel=0.01), "no source comes to nothing"


@settings(max_examples=50, deadline=None)
@given(
    sizes=st.lists(st.integers(1, 10**7), min_size=1, max_size=6),
    temperature=st.floats(0.05, 50),
    rows=st.integers(1, 20_000),
    more=st.integers(0, 2_000),
)
def test_shares_by_size(sizes: list[int], temperature: float, rows: int, more: int) -> None:
    shares = sized_shares(sizes, temperature)
    assert sum(shares) == pytest.approx(1)
    assert all(0 < share <= 1 for share in shares)
    assert [shares[i] for i in sorted(range(len(sizes)), key=sizes.__getitem__)] == sorted(shares)
    few, many = apportion(rows, shares), apportion(rows + more, shares)
    assert sum(few) == rows
    assert all(a <= b for a, b in zip(few, many, strict=True))


def test_training_rows_become_questions() -> None:
    """The paper's 31,600 rows at 16 answers are 1,975 questions."""
    one = recipe({"p": part("a")}, rows=31_600, answers_per_question=16)
    assert one.exact_parts["p"].select == (Random(kind="random", rows=1_975),)
    assert one.questions_asked == 1_975
    three = recipe(
        {name: part(name, ratio=ratio) for name, ratio in (("math", 850), ("code", 250), ("science", 100))},
        rows=1_200_000,
        answers_per_question=16,
    )
    assert {name: p.most for name, p in three.exact_parts.items()} == {"math": 53_125, "code": 15_625, "science": 6_250}


def test_a_part_may_have_its_own_answers() -> None:
    spec = recipe(
        {"p": part("a", ratio=1), "q": part("b", ratio=1, answers_per_question=1)}, rows=64, answers_per_question=16
    )
    assert {name: p.most for name, p in spec.exact_parts.items()} == {"p": 2, "q": 32}
    assert spec.most_answers == 16
    assert spec.slice_for("filtered_set")["answers"] == {"q": 1}


def test_without_ratios_parts_keep_the_proportion_they_come_to() -> None:
    parts = {"p": part("a", rows=300), "q": part("b", rows=900, select=[{"kind": "random", "rows": 100}])}
    spec = recipe(parts, rows=40)
    assert {name: p.most for name, p in spec.exact_parts.items()} == {"p": 30, "q": 10}


def test_a_last_step_without_rows_takes_the_parts_questions() -> None:
    steps = [{"kind": "dedup", "method": "exact"}, {"kind": "top", "score": LENGTH}]
    spec = recipe({"p": part("a", select=steps)}, rows=50)
    last = spec.exact_parts["p"].select[-1]
    assert isinstance(last, Top)
    assert last.rows == 50
    assert len(spec.exact_parts["p"].select) == 2


@pytest.mark.parametrize(
    ("parts", "rows", "said"),
    [
        ({"p": part("a"), "q": part("b")}, 10, "needs a ratio in every part (such as 850, 250, 100)"),
        ({"p": part("a", ratio=1), "q": part("b")}, 10, "either every part has a ratio or none has; q has none"),
        ({"p": part("a", rows=9)}, 10, "asks for 10 questions of part p, but its steps leave at most 9"),
        ({"p": part("a", ratio=1), "q": part("b", ratio=999)}, 100, "gives part p 0 rows (ratio 1), less than one"),
    ],
)
def test_rows_that_cannot_be(parts: dict[str, dict[str, Any]], rows: int, said: str) -> None:
    assert said in refusal(parts, rows=rows)


@settings(max_examples=50, deadline=None)
@given(
    ratios=st.lists(st.integers(1, 999), min_size=1, max_size=4),
    rows=st.integers(1_000, 100_000),
    more=st.integers(0, 5_000),
    answers=st.integers(1, 4),
)
def test_more_training_rows_never_ask_fewer_questions(ratios: list[int], rows: int, more: int, answers: int) -> None:
    parts = {f"p{i}": part(f"s{i}", ratio=ratio + 100) for i, ratio in enumerate(ratios)}
    few, many = (recipe(parts, rows=number, answers_per_question=answers).exact_parts for number in (rows, rows + more))
    assert all((few[name].most or 0) <= (many[name].most or 0) for name in parts)
    assert sum((one.most or 0) * answers for one in few.values()) <= rows
