"""Topics and the terms that they are made of."""

from __future__ import annotations

from collections.abc import Sequence
from random import Random

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.conversations.rows import TreeRows
from ot_assets.conversations.terms import Terms, terms_of
from ot_assets.conversations.topics import FEWEST, Topics, embedded_topics, topics
from tests.conversations.hand import Hand

COMMON = [
    "the",
    "of",
    "and",
    "to",
    "in",
    "is",
    "that",
    "it",
    "for",
    "with",
    "as",
    "was",
    "on",
    "are",
    "by",
    "this",
    "be",
    "at",
    "from",
]
THEMES = {
    "kitchen": ["oven", "bread", "flour", "butter", "recipe", "bake", "sugar", "dough", "cake", "pan"],
    "space": ["planet", "orbit", "rocket", "star", "galaxy", "moon", "telescope", "comet", "gravity", "astronaut"],
    "code": ["python", "function", "compile", "variable", "loop", "array", "debug", "class", "pointer", "syntax"],
}
CHINESE = {
    "food": ["面包", "黄油", "烤箱", "食谱"],
    "stars": ["行星", "火箭", "银河", "月亮"],
    "garden": ["花园", "种子", "雨水", "泥土"],
}


def themed(many: int = 150, *, seed: int = 1) -> tuple[TreeRows, list[str]]:
    """Trees of one theme each, in words that others use too."""
    draws, hand, themes = Random(seed), Hand(), []
    for number in range(many):
        theme = draws.choice(list(THEMES))
        themes.append(theme)
        words = draws.choices(COMMON, k=30) + draws.choices(THEMES[theme], k=12)
        draws.shuffle(words)
        hand.tree(f"t{number:03}", "ann", text=" ".join(words[:20]))
        hand.reply(f"r{number:03}", f"t{number:03}", "bob", text=" ".join(words[20:]))
    return hand.rows(checked=False), themes


def counted(*texts: str, at_least: int = 1, at_most: float = 1.0) -> tuple[dict[str, int], Terms]:
    found = terms_of(pl.Series(texts, dtype=pl.String), at_least=at_least, at_most=at_most, vocabulary=1000)
    sums = np.asarray(found.counts.sum(axis=0)).ravel().tolist()
    return dict(zip(found.names, sums, strict=True)), found


def test_words_keep_their_marks_and_lose_their_case():
    found, terms = counted("Naïve naïve हिन्दी भाषा, x 3 foo_bar! שָׁלוֹם")
    assert found == {"naïve": 2, "हिन्दी": 1, "भाषा": 1, "foo": 1, "bar": 1, "שָׁלוֹם": 1}
    assert terms.note == ""


def test_scripts_without_spaces_are_counted_by_neighbouring_letters_and_that_is_said():
    found, terms = counted("你好世界 hello")
    assert found == {"你好": 1, "好世": 1, "世界": 1, "hello": 1}
    assert "pairs of characters (75%)" in terms.note
    found, terms = counted("ภาษาไทย")
    assert "ภาษ" in found and "words" not in found and "runs of three letters (100%)" in terms.note
    found, terms = counted("コンピュータを使う")
    assert found == {"コンピュータ": 1} and terms.note == ""


def test_rare_and_common_terms_are_left_out():
    texts = ["alpha beta", "alpha gamma", "alpha beta", "alpha delta"]
    assert counted(*texts, at_least=2, at_most=0.5)[0] == {"beta": 2}


@given(st.lists(st.text(max_size=40), max_size=8))
@settings(max_examples=50, deadline=None)
def test_any_text_can_be_counted(texts: list[str]):
    found, terms = counted(*texts)
    assert terms.counts.shape == (len(texts), len(terms.names))
    assert terms.names == sorted(terms.names) and all(count >= 1 for count in found.values())


def of(found: Topics, themes: Sequence[str]) -> list[str]:
    """The theme of each topic, by its words; which must all be of one."""
    named = []
    for topic in found.topics:
        matches = [theme for theme, words in THEMES.items() if set(topic.words[:6]) <= set(words)]
        assert len(matches) == 1, topic
        assert {themes[int(tree[1:])] for tree in topic.examples} == {matches[0]}
        assert topic.documents == themes.count(matches[0])
        named.append(matches[0])
    return named


def test_topics_are_the_themes_that_were_written_about():
    rows, themes = themed()
    found = topics(rows, at_most=3)
    assert (found.method, found.documents, found.note) == ("lda", 150, "")
    assert sorted(of(found, themes)) == sorted(THEMES)
    assert sum(topic.share for topic in found.topics) == pytest.approx(1)
    assert [topic.number for topic in found.topics] == [0, 1, 2]
    assert topics(rows, at_most=3) == found


def test_embeddings_give_the_same_themes():
    rows, _ = themed()

    def embed(texts: Sequence[str]) -> np.ndarray:
        vectors = np.array([[sum(text.split().count(w) for w in words) for words in THEMES.values()] for text in texts])
        return (vectors / np.maximum(np.linalg.norm(vectors, axis=1, keepdims=True), 1e-9)).astype(np.float32)

    found = embedded_topics(rows, embed, at_most=3)
    assert found.method == "k-means" and len(found.topics) == 3
    assert sum(topic.share for topic in found.topics) == pytest.approx(1)
    assert {theme for topic in found.topics for theme, words in THEMES.items() if topic.words[0] in words} == set(
        THEMES
    )
    assert embedded_topics(rows, embed, at_most=3) == found


def test_chinese_topics_are_pairs_of_characters():
    draws, hand = Random(2), Hand()
    for number in range(80):
        words = CHINESE[draws.choice(list(CHINESE))]
        hand.tree(f"t{number}", "ann", text="，".join(draws.choices(words, k=12)), language="zh")
    found = topics(hand.rows(checked=False), language="zh", at_most=3)
    assert "no spaces between words" in found.note
    assert {frozenset(topic.words[:4]) for topic in found.topics} == {frozenset(words) for words in CHINESE.values()}
    assert topics(hand.rows(checked=False), language="en").topics == ()


def test_deleted_messages_are_not_read_and_too_few_trees_give_no_topics():
    rows, _ = themed(FEWEST - 1)
    found = topics(rows)
    assert found.topics == () and "too few" in found.note
    hand = Hand()
    for number in range(FEWEST):
        hand.tree(f"t{number}", "ann", text="alpha beta", deleted=number % 2 == 0)
    assert topics(hand.rows(checked=False)).documents == FEWEST // 2


def test_conversations_that_say_nothing_different_have_no_topics():
    hand = Hand()
    for number in range(40):
        hand.tree(f"t{number}", "ann", text="alpha beta gamma !?")
    found = topics(hand.rows(checked=False))
    assert found.topics == () and found.note


def test_of_very_many_terms_a_sample_is_taken_and_that_is_said(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr("ot_assets.conversations.topics._TOKENS", 600)
    rows, _ = themed()
    found = topics(rows, at_most=3)
    assert "sample of" in found.note and len(found.topics) == 3
    assert topics(rows, at_most=3) == found


def test_trees_without_any_term_are_of_no_topic():
    rows, _ = themed(60)
    hand = Hand()
    for number in range(10):
        hand.tree(f"x{number}", "ann", text="!!!")
    both = TreeRows(
        pl.concat([rows.messages, hand.rows().messages]), rows.trees, rows.history, rows.ballots, rows.labels
    )
    found = topics(both, at_most=3)
    assert sum(topic.documents for topic in found.topics) == 60
    assert sum(topic.share for topic in found.topics) == pytest.approx(1)
