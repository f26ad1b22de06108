from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.verification.extraction import last_block, last_boxed, last_line, last_tagged, marked, plain, stated


@pytest.mark.parametrize(
    ("reply", "boxed"),
    [
        (r"\boxed{12}", "12"),
        (r"first \boxed{1}, then \boxed{2}.", "2"),
        (r"\boxed{\frac{1}{2}}", r"\frac{1}{2}"),
        (r"\boxed{\{1, 2\}}", r"\{1, 2\}"),
        (r"\boxed {7}", "7"),
        (r"\fbox{7}", "7"),
        (r"\boxed{3} and an empty one \boxed{ }", "3"),
        (r"\boxed{3} and one that was cut \boxed{4", "3"),
        (r"\boxed 5", "5"),
        ("no box", None),
        (r"\boxed{", None),
        ("", None),
    ],
)
def test_the_last_whole_box_counts(reply: str, boxed: str | None) -> None:
    assert last_boxed(reply) == boxed


def test_answer_tags_are_read_and_a_box_goes_before_them() -> None:
    assert last_tagged("<answer> 4 </answer> no, <ANSWER>\n5\n</ANSWER>") == "5"
    assert last_tagged("<answer></answer>") is None
    assert last_tagged("</answer><answer>") is None
    assert marked(r"\boxed{1} <answer>2</answer>") == "1"
    assert marked("<answer>2</answer>") == "2"


@pytest.mark.parametrize(
    ("reply", "texts"),
    [
        ("The answer is 5.", ["5."]),
        ("The answer is 5. No: the final answer is 6", ["6", "5. No: the final answer is 6"]),
        ("**Answer:** 12", ["12"]),
        ("**Answer**: **12**", ["12**"]),
        ("### Final Answer\n\nThe answer:\n\n12", ["12"]),
        ("So the answer would be 3", ["3"]),
        ("answer = 3", ["3"]),
        ("The answer is not 3", []),
        ("I will answer this.", []),
        ("the answer to this question is therefore 8", ["8"]),
        ("", []),
    ],
)
def test_announced_answers_come_last_first(reply: str, texts: list[str]) -> None:
    assert [s.text for s in stated(reply)] == texts


def test_last_lines_and_blocks() -> None:
    assert last_line("a\nb\n\n---\n") == "b"
    assert last_line(" \n") is None
    assert last_block("intro\n\n1 2\n3 4\n") == "1 2\n3 4"
    assert last_block("```\n1 2\n3 4\n```\nThat is it.") == "1 2\n3 4"
    assert last_block("") is None


@pytest.mark.parametrize(
    ("text", "bare"),
    [
        (r"$\text{(B)}$.", "(B)"),
        (r"\textbf{\text{yes}}", "yes"),
        ("**1234**", "1234"),
        ("9**9**9", "9**9**9"),
        (r"50\%", "50%"),
        (r"1{,}234", "1,234"),
        (r"\( x \)", "x"),
        (r"\text{never closed", "never closed"),
    ],
)
def test_plain_strips_markup_and_nothing_else(text: str, bare: str) -> None:
    assert plain(text) == bare


@given(st.text(alphabet=st.sampled_from("\\boxedtext{}<>answer/ \n*$`A1.:is"), max_size=400))
def test_nothing_raises_on_any_reply(reply: str) -> None:
    last_boxed(reply), last_tagged(reply), list(stated(reply)), last_line(reply), last_block(reply), plain(reply)


@given(st.text(alphabet=st.characters(blacklist_characters="{}\\", blacklist_categories=("Cs",)), min_size=1))
def test_a_box_gives_back_what_was_put_into_it(content: str) -> None:
    expected = content.strip() or None
    assert last_boxed(f"so we get \\boxed{{{content}}}, done") == expected


@pytest.mark.parametrize(
    "reply", [r"\boxed{" * 30_000, "<answer>" * 30_000, "<answer>" + " " * 100_000, "answer is" + "*" * 100_000]
)
def test_hostile_replies_take_no_time_to_speak_of(reply: str) -> None:
    assert marked(reply) is None
    list(stated(reply))
