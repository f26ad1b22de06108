"""Recipes on other recipes: what is taken over, what is replaced, and bases that cannot be."""

from __future__ import annotations

from typing import Any

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ot_assets.registry.inherit import merged
from tests.registry.house import RECIPE, House


def test_a_recipe_says_only_what_differs(house: House) -> None:
    house.write("recipes/second.yaml", "description: Other.\nbase: first\nparts: {math: {rows: 50}}\nseed: 7\n")
    house.write("recipes/a-third.yaml", "description: A third.\nbase: second\nrows: 20\n")
    found = house.load().recipes
    first, second, third = found["first"], found["second"], found["a-third"]
    assert second.description == "Other."
    assert second.parts["math"].rows == 50
    assert second.parts["math"].sources == first.parts["math"].sources
    assert second.student == first.student
    assert (third.seed, third.rows, third.parts) == (7, 20, second.parts)


def test_null_takes_a_field_away(house: House) -> None:
    house.write("recipes/second.yaml", "description: Other.\nbase: first\nchoose_on: null\nbenchmarks: null\n")
    assert house.load().recipes["second"].benchmarks == ()


def test_a_description_is_not_taken_over(house: House) -> None:
    house.write("recipes/second.yaml", "base: first\n")
    assert "description: is missing" in str(house.only())


@pytest.mark.parametrize(
    ("files", "said"),
    [
        ({"second": "base: frist\n"}, "second.yaml:2: base: no recipe 'frist'; did you mean 'first'?"),
        ({"second": "base: second\n"}, "base: 'second' is based on 'second' itself"),
    ],
)
def test_bases_that_cannot_be(house: House, files: dict[str, str], said: str) -> None:
    for key, text in files.items():
        house.write(f"recipes/{key}.yaml", f"description: x\n{text}")
    assert any(said in str(problem) for problem in house.problems())


def test_a_circle_is_named_and_ends(house: House) -> None:
    house.write("recipes/one.yaml", RECIPE + "base: two\n")
    house.write("recipes/two.yaml", RECIPE + "base: one\n")
    said = [str(problem) for problem in house.problems()]
    assert any("'two' is based on 'one' itself" in line for line in said)


def test_what_is_wrong_after_merging_is_said_of_the_file_that_changed_it(house: House) -> None:
    house.write("recipes/second.yaml", "description: x\nbase: first\nparts: {math: {rows: many}}\n")
    problem = house.only()
    assert problem.file.name == "second.yaml"
    assert problem.field == "parts.math.rows"


def test_a_mapping_of_another_kind_replaces_and_of_the_same_kind_merges() -> None:
    base = {"answer_filter": {"kind": "longest", "keep": 8}}
    assert merged(base, {"answer_filter": {"kind": "none"}}) == {"answer_filter": {"kind": "none"}}
    assert merged(base, {"answer_filter": {"kind": "longest", "rows": 5}})["answer_filter"] == {
        "kind": "longest",
        "keep": 8,
        "rows": 5,
    }
    assert merged({"select": [1, 2]}, {"select": [3]}) == {"select": [3]}


JSON = st.recursive(
    st.none() | st.integers(0, 3) | st.sampled_from(["x", "y"]),
    lambda inner: st.lists(inner, max_size=2) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=8,
)


@given(base=st.dictionaries(st.sampled_from("abc"), JSON), own=st.dictionaries(st.sampled_from("abc"), JSON))
def test_merging(base: dict[str, Any], own: dict[str, Any]) -> None:
    before = repr((base, own))
    found = merged(base, own)
    assert repr((base, own)) == before, "neither is changed"
    assert merged(base, {}) == base
    for name, value in own.items():
        if value is None and name in base:
            assert name not in found
        elif not isinstance(value, dict) or not isinstance(base.get(name), dict):
            assert found[name] == value
    assert {name: base[name] for name in base if name not in own} == {
        name: found[name] for name in found if name not in own
    }
