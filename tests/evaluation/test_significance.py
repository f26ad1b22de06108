"""The sign-flip test against brute force, and Holm's correction against its definition."""

from __future__ import annotations

from itertools import product

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.evaluation import significance
from ot_assets.evaluation.significance import holm, sign_flip

QUESTION = st.integers(1, 4).flatmap(lambda k: st.tuples(st.integers(0, k), st.just(k)))
"""(right, of) of one model on one question."""
PAIRS = st.lists(st.tuples(QUESTION, QUESTION), min_size=1, max_size=9)


def columns(pairs):
    return [np.array([p[i][j] for p in pairs], dtype=np.int64) for i in (0, 1) for j in (0, 1)]


def brute_force(pairs) -> float:
    """Every pattern of signs, in exact whole numbers over 12 (repeats are 1..4)."""
    steps = [ra * 12 // ka - rb * 12 // kb for (ra, ka), (rb, kb) in pairs]
    observed = abs(sum(steps))
    patterns = list(product((1, -1), repeat=len(steps)))
    return sum(abs(sum(s * d for s, d in zip(signs, steps, strict=True))) >= observed for signs in patterns) / len(
        patterns
    )


@given(PAIRS)
def test_p_is_the_share_of_all_patterns(pairs):
    test = sign_flip(*columns(pairs))
    assert test.method == "exact"
    assert test.p == pytest.approx(brute_force(pairs), abs=1e-12)


@given(PAIRS)
@settings(max_examples=30)
def test_listing_and_adding_agree(pairs):
    steps, slack = significance._whole(*columns(pairs))
    sizes, observed = np.abs(steps[steps != 0]), abs(int(steps.sum()))
    assert slack == 0
    if observed:
        added = significance._by_adding(sizes, int(sizes.sum()), observed)
        assert significance._by_listing(sizes, observed) == pytest.approx(added, abs=1e-12)


@given(PAIRS)
@settings(max_examples=30)
def test_swapping_the_models_changes_nothing(pairs):
    ra, ka, rb, kb = columns(pairs)
    assert sign_flip(ra, ka, rb, kb) == sign_flip(rb, kb, ra, ka)


def test_no_difference_has_p_one():
    same = np.array([1, 0, 2]), np.array([2, 2, 2])
    assert sign_flip(*same, *same).p == 1.0


def test_hundreds_of_questions_stay_exact_and_above_zero():
    ones, zeros = np.ones(3000, dtype=np.int64), np.zeros(3000, dtype=np.int64)
    assert 0 < sign_flip(ones[:400], ones[:400], zeros[:400], ones[:400]).p == pytest.approx(2.0**-399)
    assert 0 < sign_flip(ones, ones, zeros, ones).p < 1e-300


def test_ragged_repeats_of_few_questions_are_listed_and_of_many_drawn():
    generator = np.random.default_rng(3)
    of = generator.choice([7, 11, 13, 16, 9, 5], size=(2, 60))
    right = generator.binomial(of, [[0.7], [0.5]])
    few = sign_flip(right[0, :15], of[0, :15], right[1, :15], of[1, :15])
    many = sign_flip(right[0], of[0], right[1], of[1])
    assert (few.method, many.method) == ("exact", "drawn")
    assert many == sign_flip(right[0], of[0], right[1], of[1])  # the seed is fixed
    assert many.p >= 1 / (significance.DRAWS + 1)


def test_drawn_p_agrees_with_the_exact_one():
    generator = np.random.default_rng(5)
    steps = generator.integers(-6, 9, size=40)
    sizes, observed = np.abs(steps[steps != 0]), abs(int(steps.sum()))
    exact = significance._by_adding(sizes, int(sizes.sum()), observed)
    drawn = significance._by_drawing(sizes, observed)
    assert drawn == pytest.approx(exact, abs=5 * np.sqrt(exact * (1 - exact) / significance.DRAWS))


def test_a_huge_common_denominator_does_not_overflow():
    of = np.array([97, 89, 83, 79, 73, 71, 67, 61], dtype=np.int64)
    zero = np.zeros(8, dtype=np.int64)
    assert sign_flip(of, of, zero, of).p == pytest.approx(2 / 2**8)
    assert sign_flip(of // 2, of, of // 2, of).p == 1.0


def test_without_questions_there_is_no_test():
    nothing = np.array([], dtype=np.int64)
    with pytest.raises(ValueError, match="at least one question"):
        sign_flip(nothing, nothing, nothing, nothing)


PS = st.lists(st.floats(0, 1), max_size=12)


@given(PS)
def test_holm_is_monotone_bounded_and_never_below_p(ps):
    adjusted = holm(ps)
    assert all(p <= q <= 1 for p, q in zip(ps, adjusted, strict=True))
    ordered = [q for _, q in sorted(zip(ps, adjusted, strict=True))]
    assert ordered == sorted(ordered)
    assert all(q <= min(1, p * len(ps)) + 1e-12 for p, q in zip(ps, adjusted, strict=True))  # never beyond Bonferroni


@given(PS, st.floats(0.001, 0.5))
def test_holm_rejects_what_stepping_down_rejects(ps, alpha):
    rejected = set()
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        if ps[index] * (len(ps) - rank) > alpha:
            break
        rejected.add(index)
    assert {i for i, q in enumerate(holm(ps)) if q <= alpha} == rejected


def test_holm_by_hand():
    assert holm([0.01, 0.04, 0.03]) == pytest.approx((0.03, 0.06, 0.06))
    assert holm([]) == ()
    with pytest.raises(ValueError, match=r"0\.\.1"):
        holm([1.2])
