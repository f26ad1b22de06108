"""Reasoning and answer of replies: round trip, and the forms that real models write."""

from __future__ import annotations

import hypothesis.strategies as st
import pytest
from hypothesis import given

from ot_assets.distillation.parsing import Parsed, join, parse, split
from ot_assets.registry.specs.base import Tags
from resources.generation.reply import Reply

THINK = Tags()
THOUGHT = Tags(open="<|begin_of_thought|>", close="<|end_of_thought|>")
CLEAN = st.text().map(str.strip).filter(lambda text: text and not any(t in text for t in ("<think>", "</think>")))


@given(reasoning=CLEAN, answer=CLEAN)
def test_round_trip(reasoning: str, answer: str) -> None:
    assert split(join(reasoning, answer, THINK), THINK) == Parsed(reasoning, answer, True)
    assert split(join(None, answer, THINK), THINK) == Parsed(None, answer, True)
    assert split(join(reasoning, None, THINK), THINK) == Parsed(reasoning, None, True)
    assert split(join(reasoning, None, THINK, closed=False), THINK, cut=True) == Parsed(reasoning, None, False)
    assert split(join(reasoning, answer, None), None) == Parsed(None, answer, True)
    prefilled = join(reasoning, answer, THINK).removeprefix("<think>")
    assert split(prefilled, THINK) == Parsed(reasoning, answer, True)


@given(text=st.lists(st.sampled_from(["<think>", "</think>", " ", "\n", "a", "b"])).map("".join), cut=st.booleans())
def test_total_and_loses_no_word(text: str, cut: bool) -> None:
    parsed = split(text, THINK, cut=cut)
    kept = (parsed.reasoning or "") + (parsed.answer or "")
    for letter in "ab":
        assert kept.count(letter) == text.count(letter)
    for part in (parsed.reasoning, parsed.answer):
        assert part is None or part == part.strip() != ""
    if not parsed.closed:
        assert parsed.answer is None


@pytest.mark.parametrize(
    ("text", "cut", "expected"),
    [
        ("<think>\na\n</think>\n\nb", False, Parsed("a", "b", True)),
        ("a\n</think>\n\nb", False, Parsed("a", "b", True)),  # QwQ, R1: the template opened it
        ("<think>a", True, Parsed("a", None, False)),
        ("<think>a", False, Parsed("a", None, False)),
        ("a b c", True, Parsed("a b c", None, False)),  # opened by the template, cut
        ("a b c", False, Parsed(None, "a b c", True)),
        ("<think></think>b", False, Parsed(None, "b", True)),
        ("<think>a</think>", False, Parsed("a", None, True)),
        ("<think>a</think>b</think>c", False, Parsed("a", "b</think>c", True)),  # the first close counts
        ("a</think>b<think>c", False, Parsed("a", "b<think>c", True)),
        ("Sure! <think>a</think> b", False, Parsed("a", "Sure!\n\nb", True)),
        ("", False, Parsed(None, None, True)),
        (" \n", True, Parsed(None, None, False)),
    ],
)
def test_forms(text: str, cut: bool, expected: Parsed) -> None:
    assert split(text, THINK, cut=cut) == expected


def test_tags_of_openthoughts_114k() -> None:
    """Two pairs of tags: the second opens with the close of the first, and ends the answer as a stop text."""
    text = "<|begin_of_thought|>\n\na\n\n<|end_of_thought|>\n\n<|begin_of_solution|>\n\nb\n\n"
    both = Tags(open="<|begin_of_thought|>", close="<|end_of_thought|>\n\n<|begin_of_solution|>")
    assert split(text, both) == Parsed("a", "b", True)
    assert split(text, THOUGHT) == Parsed("a", "<|begin_of_solution|>\n\nb", True)


def test_the_endpoints_own_field_is_used() -> None:
    def reply(text: str, finish: str = "stop") -> Reply:
        return Reply.make(text, reasoning=" a ", finish_reason=finish)  # type: ignore[arg-type]

    assert parse(reply("b"), THINK) == Parsed("a", "b", True)
    assert parse(reply("b </think> c"), THINK) == Parsed("a", "b </think> c", True)
    assert parse(reply("b"), None) == Parsed("a", "b", True)
    assert parse(reply("", "length"), THINK) == Parsed("a", None, False)
    assert parse(reply("", "stop"), THINK) == Parsed("a", None, True)
    assert parse(reply("half an answ", "length"), THINK) == Parsed("a", "half an answ", True)


def test_a_filtered_reply_is_cut() -> None:
    assert parse(Reply.make("a b", finish_reason="content_filter"), THINK) == Parsed("a b", None, False)
    assert parse(Reply.make("a b", finish_reason="length"), None) == Parsed(None, "a b", True)
