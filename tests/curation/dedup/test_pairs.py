"""The search for near copies against comparing every pair."""

from __future__ import annotations

import random
import string
import sys
from pathlib import Path

import numpy as np
import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from rapidfuzz import fuzz

from ot_assets.curation.dedup import pairs_search
from ot_assets.curation.dedup.pairs import similar_pairs

sys.path.insert(0, str(Path(__file__).parents[3] / "benchmarks"))
from questions_made import planted, questions, word_problems

Result = dict[tuple[int, int], float]


def brute(texts: list[str], threshold: float, groups: list[int] | None = None) -> Result:
    """By definition: all pairs of different texts that stand first, and each later one with the first."""
    groups = groups or [0] * len(texts)
    first: dict[tuple[str, int], int] = {}
    found = {}
    for place, name in enumerate(zip(texts, groups, strict=True)):
        if first.setdefault(name, place) != place:
            found[first[name], place] = 100.0
    places = sorted(first.values())
    for at, one in enumerate(places):
        for two in places[at + 1 :]:
            if groups[one] == groups[two] and (ratio := fuzz.ratio(texts[one], texts[two])) >= threshold:
                found[one, two] = ratio
    return found


def result(texts: list[str], threshold: float, **options: object) -> Result:
    pairs = similar_pairs(texts, threshold, **options)  # type: ignore[arg-type]
    assert (pairs.left < pairs.right).all()
    listed = list(zip(pairs.left.tolist(), pairs.right.tolist(), strict=True))
    assert listed == sorted(set(listed))
    return dict(zip(listed, pairs.similarity.tolist(), strict=True))


@pytest.fixture(autouse=True)
def no_shortcut(monkeypatch: pytest.MonkeyPatch):
    """Small sets would be compared outright; here they go the way of large ones."""
    monkeypatch.setattr(pairs_search, "FEW", 0)


def near(draw: random.Random, text: str, edits: int, letters: str) -> str:
    made = list(text)
    for _ in range(edits):
        place = draw.randrange(len(made) + 1)
        if draw.random() < 0.5:
            made.insert(place, draw.choice(letters))
        elif made:
            del made[min(place, len(made) - 1)]
    return "".join(made)


def families(seed: int, count: int, longest: int, letters: str) -> list[str]:
    """Texts and changed copies of them, a few edits to many, of all lengths."""
    draw = random.Random(seed)
    made: list[str] = []
    while len(made) < count:
        text = "".join(draw.choices(letters, k=int(longest ** draw.random())))
        made.append(text)
        for _ in range(draw.randrange(4)):
            made.append(near(draw, draw.choice(made[-3:]), draw.randrange(max(2, len(text) // 7)), letters))
    draw.shuffle(made)
    return made


@given(
    texts=st.lists(st.text(alphabet="ab", max_size=30), max_size=25),
    threshold=st.one_of(st.integers(1, 100), st.floats(0.01, 100)),
)
@settings(deadline=None, max_examples=100)
def test_tiny_alphabets_where_everything_is_near_everything(texts: list[str], threshold: float):
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_search, "FEW", 0)
        assert result(texts, threshold) == brute(texts, threshold)


@given(
    texts=st.lists(st.text(max_size=12), max_size=25),
    seed=st.integers(0, 2**32),
    threshold=st.sampled_from([50, 80, 88.8, 90, 95, 97.5, 99, 100]),
)
@settings(deadline=None, max_examples=100)
def test_any_code_points(texts: list[str], seed: int, threshold: float):
    draw = random.Random(seed)
    letters = "".join(texts) or "x"
    texts = texts + [near(draw, text * 9, draw.randrange(12), letters) for text in texts for _ in range(2)]
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_search, "FEW", 0)
        assert result(texts, threshold) == brute(texts, threshold)


@given(seed=st.integers(0, 2**32), threshold=st.sampled_from([85, 90, 93, 95, 96.5, 98, 99.5]))
@example(seed=397087, threshold=93)
@settings(deadline=None, max_examples=40)
def test_long_and_short_ones_with_edits_in_all_places(seed: int, threshold: float):
    texts = families(seed, 60, 900, random.Random(seed).choice(["ab", "abcd", string.ascii_lowercase, "aé€😀𝕏 "]))
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(pairs_search, "FEW", 0)
        assert result(texts, threshold) == brute(texts, threshold)


@pytest.mark.parametrize("threshold", [90, 95, 98])
def test_edits_spread_as_evenly_as_can_be(threshold: float):
    """One edit in each stretch leaves the fewest pieces whole; exactly as many edits as the threshold allows, and two more."""
    draw = random.Random(threshold)
    letters = string.ascii_letters + string.digits
    texts = []
    for size in (40, 100, 200, 333, 511, 512, 513, 1000, 2000):
        text = "".join(draw.choices(letters, k=size))
        for beyond in (0, 1, 2):
            pairs = int((100 - threshold) / 100 * size) + beyond
            places = [(2 * k + 1) * size // (2 * pairs) for k in range(pairs)]
            dropped = set(places[::2])
            doubled = set(places[1::2])
            texts.append("".join("" if k in dropped else c + "#" * (k in doubled) for k, c in enumerate(text)))
            changed = {(2 * k + 1) * size // (2 * pairs) for k in range(pairs)}
            texts.append("".join("#" if k in changed else c for k, c in enumerate(text)))
        texts.append(text)
    want = brute(texts, threshold)
    assert result(texts, threshold) == want
    assert sum(similarity < threshold + 0.5 for similarity in want.values()) >= 9  # some stand right at the threshold


@pytest.mark.parametrize("threshold", range(50, 100))
def test_a_ratio_of_exactly_the_threshold_counts(threshold: int):
    """A cut-off of 93 given to rapidfuzz itself loses a ratio of exactly 93."""
    draw = random.Random(threshold)
    common = "".join(draw.choices("abcdef", k=threshold))
    texts = [common + "x" * (100 - threshold), common + "y" * (100 - threshold)]
    ratio = fuzz.ratio(*texts)
    assert ratio == pytest.approx(threshold)
    assert result(texts, ratio) == {(0, 1): ratio}
    assert result(texts, threshold) == brute(texts, threshold)


@pytest.mark.parametrize("threshold", [88, 95])
def test_made_questions(threshold: float):
    texts = list(questions(600, seed=3, copies=0.4))
    want = brute(texts, threshold)
    assert len(want) > 100
    assert result(texts, threshold) == want


def test_texts_from_templates():
    texts = list(word_problems(400, templates=2))
    want = brute(texts, 95)
    assert len(want) > 5_000
    assert result(texts, 95) == want


def test_a_shared_beginning_does_not_make_texts_alike():
    texts = ["Write a Python function that reads from standard input and prints the answer to standard output. " * 2 + text
             for text in questions(300, seed=5)]  # fmt: skip
    assert result(texts, 95) == brute(texts, 95)


def test_every_kind_of_planted_copy_is_found_where_its_ratio_says_so():
    made = list(planted(300, seed=1))
    texts = [text for original, copy, _ in made for text in (original, copy)]
    assert result(texts, 90) == brute(texts, 90)


def test_groups_keep_texts_apart():
    draw = random.Random(2)
    texts = list(questions(300, seed=4, copies=0.5)) * 2
    groups = [draw.choice([0, 7, 2**64 - 1]) for _ in texts]
    want = brute(texts, 95, groups)
    assert 0 < len(want) < len(brute(texts, 95))
    assert result(texts, 95, groups=groups) == want
    assert result(texts, 95, groups=np.array(groups, np.uint64)) == want


def test_nothing_one_text_and_empty_ones():
    assert result([], 95) == result(["a"], 95) == {}
    assert result(["", "", "a", ""], 50) == {(0, 1): 100, (0, 3): 100}


def test_at_100_texts_are_equal():
    assert result(["b", "a", "a ", "a", "b", "a"], 100) == {(0, 4): 100, (1, 3): 100, (1, 5): 100}


def test_many_identical_rows_give_one_pair_each():
    pairs = similar_pairs(["the same question"] * 200_000 + ["the same question!"], 90)
    assert len(pairs) == 200_000
    assert set(pairs.left.tolist()) == {0}
    assert (pairs.similarity[:-1] == 100).all() and pairs.similarity[-1] < 100


def test_a_huge_text_beside_small_ones():
    draw = random.Random(0)
    huge = "".join(draw.choices(string.ascii_lowercase + " ", k=70_000)) * 40
    other = "".join(draw.choices(string.ascii_uppercase, k=len(huge)))
    near_huge = huge[:1_000_000] + "x" + huge[1_000_001:]
    long = huge[:60_000]
    texts = [huge, "short text", other, long, near_huge, "short texts", long[:-500], *questions(50)]
    want = {(0, 4), (1, 5), (3, 6)}
    found = result(texts, 95)
    assert {pair for pair in found if max(pair) < 7} == want
    assert found[3, 6] == fuzz.ratio(long, long[:-500])


def test_the_outright_way_gives_the_same(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pairs_search, "FEW", 10**9)
    texts = families(9, 200, 300, "abcd")
    assert result(texts, 80) == brute(texts, 80)


@pytest.mark.parametrize("threshold", [0, -1, 100.1, float("nan")])
def test_no_such_threshold(threshold: float):
    with pytest.raises(ValueError, match="percentage above 0"):
        similar_pairs(["a"], threshold)


def test_lists_of_unlike_length():
    with pytest.raises(ValueError, match="2 texts, but 1 keys"):
        similar_pairs(["a", "b"], 95, keys=["k"])
    with pytest.raises(ValueError, match="2 texts, but 3 groups"):
        similar_pairs(["a", "b"], 95, groups=[1, 2, 3])


def test_threads_and_progress_change_nothing(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pairs_search, "_CHARACTERS", 5_000)
    texts = list(questions(400, seed=8, copies=0.4))
    seen: list[tuple[int, int]] = []
    one = result(texts, 95, workers=1, progress=lambda done, total: seen.append((done, total)))
    assert one == result(texts, 95, workers=4) == brute(texts, 95)
    assert seen == sorted(seen) and seen[-1][0] == seen[-1][1] and len(seen) > 5


def test_a_small_block_of_candidates_is_continued(monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setattr(pairs_search, "_ROWS", 1)
    texts = families(11, 200, 200, "ab")
    assert result(texts, 90) == brute(texts, 90)
