"""Digests of many texts: those of hashlib, by the loop and by the compiled code."""

from __future__ import annotations

import hashlib
import random

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.curation import digests


def wanted(texts: list[str], size: int, prefix: bytes) -> list[bytes]:
    return [
        hashlib.blake2b(prefix + text.encode("utf-8", "surrogatepass"), digest_size=size).digest() for text in texts
    ]


def made(words: digests.Longs) -> list[bytes]:
    return [row.tobytes() for row in words]


@pytest.mark.parametrize("size", [8, 16])
def test_every_length_around_a_block(size: int, monkeypatch: pytest.MonkeyPatch) -> None:
    draw = random.Random(2)
    texts = ["".join(draw.choices("aé7\n", k=count)) for count in (*range(150), 255, 256, 257, 383, 384, 385, 5_000)]
    for prefix in (b"", b"x", b"y" * 127, b"z" * 128, b"w" * 300):
        want = wanted(texts, size, prefix)
        assert made(digests.of_texts(texts, size=size, prefix=prefix)) == want
        with monkeypatch.context() as patch:
            patch.setattr(digests, "COMPILED_FROM", 0)
            patch.setattr(digests, "_AT_ONCE", 40)
            assert made(digests.of_texts(texts, size=size, prefix=prefix)) == want
            assert made(digests.of_texts(pl.Series(texts), size=size, prefix=prefix)) == want


@given(texts=st.lists(st.text(max_size=40)), start=st.integers(0, 5))
def test_a_series_is_as_a_list(texts: list[str], start: int) -> None:
    texts = [text.encode("utf-8", "replace").decode() for text in texts]
    series = pl.concat([pl.Series(texts[:2], dtype=pl.String), pl.Series(texts[2:], dtype=pl.String)]).slice(start)
    assert made(digests.of_texts(series)) == wanted(texts[start:], 16, b"")


def test_a_null_is_as_an_empty_text_and_a_lone_surrogate_is_a_text() -> None:
    assert made(digests.of_texts(pl.Series([None, "a", None]))) == wanted(["", "a", ""], 16, b"")
    assert made(digests.of_texts(["\ud800", "a"])) == wanted(["\ud800", "a"], 16, b"")


def test_digests_of_digests_differ_by_either_and_by_their_order() -> None:
    some = digests.of_texts([str(number) for number in range(300)])
    pairs = [(one, other) for one in range(300) for other in range(300)]
    one, other = (np.array(side) for side in zip(*pairs, strict=True))
    both = digests.together(some[one], some[other])
    for word in range(2):
        assert len(np.unique(both[:, word])) == len(pairs)


@given(
    st.lists(st.tuples(st.integers(0, 3), st.integers(0, 3)), max_size=40),
    st.sampled_from([1, 2**62]),
)
def test_sorted_rows_are_those_of_a_stable_sort(pairs: list[tuple[int, int]], factor: int) -> None:
    words = np.array(pairs, np.uint64).reshape(-1, 2) * np.uint64(factor)
    order, begins = digests.sorted_rows(words)
    assert order.tolist() == np.lexsort((words[:, 1], words[:, 0])).tolist()
    ordered = [tuple(row) for row in words[order].tolist()]
    assert begins.tolist() == [place == 0 or ordered[place - 1] != row for place, row in enumerate(ordered)]


def test_a_million_equal_digests_keep_their_order() -> None:
    order, begins = digests.sorted_rows(np.ones((1_000_000, 2), np.uint64))
    assert np.array_equal(order, np.arange(1_000_000)) and begins.sum() == 1
