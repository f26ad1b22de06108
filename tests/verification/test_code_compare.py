from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.verification.code_compare import example_differs, text_differs, value_differs
from ot_assets.verification.code_program import program_in
from ot_assets.verification.code_tests import Comparison, Example
from resources.sandbox.inside.values import encode

JSON = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner) | st.dictionaries(st.text().filter(lambda key: key != "$"), inner),
    max_leaves=8,
)
EXACT = Comparison()


@pytest.mark.parametrize(
    ("expected", "got", "how", "same"),
    [
        ([1, 2], (1, 2), {}, True),
        ([1, 2], (1, 2), {"types": "exact"}, False),
        ((1, 2), (1, 2), {"types": "exact"}, True),
        (2, 2.0, {}, True),
        (2, 2.0, {"types": "exact"}, False),
        (1, True, {}, False),
        (0, False, {}, False),
        (0, None, {}, False),
        ("1", 1, {}, False),
        (0.1 + 0.2, 0.3, {}, False),
        (0.1 + 0.2, 0.3, {"float_tolerance": 1e-9}, True),
        (1e9, 1e9 + 1, {"float_tolerance": 1e-6}, True),
        (3, 4, {"float_tolerance": 10}, False),
        (float("nan"), float("nan"), {}, True),
        (float("inf"), float("-inf"), {"float_tolerance": 1}, False),
        ([1, 2, 2], [2, 1, 2], {}, False),
        ([1, 2, 2], [2, 1, 2], {"ordered": False}, True),
        ([1, 2, 2], [2, 1, 1], {"ordered": False}, False),
        ([1.0, 2.0], [2.0000001, 1], {"ordered": False, "float_tolerance": 1e-3}, True),
        ([[1, 2]], [[2, 1]], {"ordered": False}, False),
        ({1, 2}, {2, 1}, {}, True),
        ([1, 2], {1, 2}, {}, False),
        ({"a": 1, "b": 2}, {"b": 2, "a": 1}, {}, True),
        ({"a": 1}, {"a": 1, "b": None}, {}, False),
        ({1: "x", (2,): "y"}, {(2,): "y", 1: "x"}, {}, True),
        (2**80, 2**80, {}, True),
        (2**80, 2**80 + 1, {}, False),
        (b"x", "x", {}, False),
    ],
)
def test_values_are_compared_as_the_task_says(expected: Any, got: Any, how: dict[str, Any], same: bool) -> None:
    assert (value_differs(encode(expected), encode(got), Comparison(**how)) == "") is same


def test_an_expected_number_beyond_64_bits_may_be_written_plainly() -> None:
    assert value_differs(2**80, encode(2**80), EXACT) == ""
    assert "expected" in value_differs(2**80, encode(2**80 + 1), EXACT)


@settings(max_examples=50)
@given(JSON, JSON)
def test_a_value_equals_itself_and_only_what_python_calls_equal(one: Any, other: Any) -> None:
    assert value_differs(encode(one), encode(one), EXACT) == ""
    if value_differs(encode(one), encode(other), EXACT) == "":
        assert one == other


HOSTILE = st.recursive(
    st.none()
    | st.integers()
    | st.text()
    | st.sampled_from(["int", "set", "dict", "fraction", "tuple", "0x" + "f" * 50, "1e99999"]),
    lambda inner: st.lists(inner) | st.dictionaries(st.sampled_from(["$", "v", "k", "type", "repr"]), inner),
    max_leaves=8,
)


@settings(max_examples=100)
@given(HOSTILE)
def test_no_value_from_inside_upsets_the_judge(got: Any) -> None:
    for how in (
        EXACT,
        Comparison(ordered=False),
        Comparison(ordered=False, float_tolerance=0.1),
        Comparison(types="exact"),
    ):
        assert value_differs(["right"], got, how)


def test_values_nested_beyond_measure_cannot_be_compared() -> None:
    deep: Any = []
    for _ in range(100_000):
        deep = [deep]
    assert value_differs([], deep, EXACT)
    for _ in range(100_000):  # taken apart by hand: its own end would go as deep
        deep = deep[0]


@pytest.mark.parametrize(
    ("expected", "got", "how", "same"),
    [
        ("a\nb\n", "a \nb\n\n", {}, True),
        ("a\nb", "a\r\nb\r\n", {}, True),
        ("a b", "a  b", {}, False),
        ("a b", " a b", {}, False),
        ("a b", "a \n b", {"whitespace": "tokens"}, True),
        ("a\n", "a", {"whitespace": "exact"}, False),
        ("a\n", "a\n", {"whitespace": "exact"}, True),
        ("A", "a", {}, False),
        ("1.0000001 x", "1 x", {"float_tolerance": 1e-3}, True),
        ("1.0000001 x", "1 x", {}, False),
        ("1.1 x", "1 x", {"float_tolerance": 1e-3}, False),
        ("0x10 x", "16 x", {"float_tolerance": 1e-3}, False),
        ("a\nb", "b\na", {}, False),
        ("a\nb", "b\na", {"ordered": False}, True),
        ("a\nb", "a", {}, False),
        ("", "", {}, True),
        ("", "x", {}, False),
    ],
)
def test_outputs_are_compared_as_the_task_says(expected: str, got: str, how: dict[str, Any], same: bool) -> None:
    assert (text_differs(expected, got, Comparison(**how)) == "") is same


@pytest.mark.parametrize(
    ("example", "said", "same"),
    [
        ({"want": "1\n"}, {"printed": "1\n"}, True),
        ({"want": "1\n"}, {"printed": 1}, False),
        ({"want": "1\n"}, {}, False),
        ({}, {"printed": ""}, True),
        ({}, {"printed": "x\n"}, False),
        ({}, {"printed": "", "error": "E", "message": "E: x\n"}, False),
        ({"raises": "E: x\n"}, {"printed": "", "error": "E", "message": "E: x\n"}, True),
        ({"raises": "E: x\n"}, {"printed": "", "error": "E", "message": "E: y\n"}, False),
        ({"raises": "E: x\n", "options": ("IGNORE_EXCEPTION_DETAIL",)}, {"message": "mod.E: y\n"}, True),
        ({"raises": "E: x\n"}, {"printed": ""}, False),
        ({"want": "a b\n", "options": ("NORMALIZE_WHITESPACE",)}, {"printed": "a\n   b\n"}, True),
        ({"want": "<BLANKLINE>\n"}, {"printed": "\n"}, True),
    ],
)
def test_examples_are_compared_as_doctest_does(example: dict[str, Any], said: dict[str, Any], same: bool) -> None:
    assert (example_differs(Example(source="", **example), said) == "") is same


@pytest.mark.parametrize(
    ("reply", "entry", "program"),
    [
        ("x = 1", None, "x = 1"),
        ("a\n```python\nx = 1\n```\nb\n```\nx = 2\n```\n", None, "x = 2"),
        ("```python\nx = 1\n```\n```text\nout\n```", None, "x = 1"),
        ("```Python\ndef f(): pass\n```\n```python\nf()\n```", "f", "def f(): pass"),
        ("```python\nclass S:\n    pass\n```\n```python\nS()\n```", "S.go", "class S:\n    pass"),
        ("```python\nfree()\n```\n```python\nfoo()\n```", "f", "foo()"),
        ("~~~~python\n```\nx\n```\n~~~~", None, "```\nx\n```"),
        ("```python\nx = '''\n````\n'''\n", None, "x = '''"),
        ("text\n```python\nx = 1\ny =", None, "x = 1\ny ="),
        ("   ```python\n   x = 1\n   ```", None, "   x = 1"),
        ("```python\n\n```", None, "```python\n\n```"),
        (" \n", None, None),
    ],
)
def test_the_program_in_a_reply(reply: str, entry: str | None, program: str | None) -> None:
    assert program_in(reply, "python", entry) == program


@settings(max_examples=100)
@given(st.text(alphabet="`~\n px", max_size=200), st.none() | st.just("f"))
def test_any_reply_has_a_program_unless_it_is_blank(reply: str, entry: str | None) -> None:
    assert (program_in(reply, "python", entry) is None) == (not reply.strip())
