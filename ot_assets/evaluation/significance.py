"""Is a mean of paired differences more than chance, and how does a family of such questions change the answer?

Belongs here: the sign-flip test and Holm's correction, on plain numbers.

**Test.** If two models are equally good, then on each question either could have been the one that did better: the sign of each
per-question difference is a coin toss. The two-sided p is the share of all 2^n sign patterns whose mean lies at least as far
from 0 as the one observed. It needs no normality, and n may be small. Flipping signs leaves the sum of squares as it is, so
the t statistic grows with the absolute mean and gives the very same p: the test is studentised for free, hence also right for
large n when only the means are equal (Konietschke & Pauly 2014).

**Exactness.** Differences of shares are whole numbers over a common denominator, so the distribution of their signed sum is
found exactly, all 2^n patterns of it, by adding one question at a time. Only when repeats are so ragged that the common
denominator explodes are `DRAWS` patterns drawn (seed `SEED`), with p = (hits + 1) / (draws + 1), never 0 (Phipson & Smyth 2010,
"Permutation P-values should never be zero").

Fails: ValueError on a p outside 0..1 or without any difference.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from math import gcd, lcm
from typing import Literal

import numpy as np

from ot_assets.evaluation.outcomes import Ints

SEED = 20_241_100
"""Seed of the drawn sign patterns; the same data always give the same p."""
DRAWS = 99_999
"""Sign patterns drawn where the exact distribution is out of reach: p is then known to about 0.0014 near 0.05."""

_TINY = float(np.finfo(np.float64).tiny)
_MOST_CELLS = 2_000_000
_MOST_STEPS = 400_000_000
_MOST_ENUMERATED = 20
_MOST_DENOMINATOR = 2**31

Method = Literal["exact", "drawn"]


@dataclass(frozen=True)
class SignFlip:
    """Outcome of the test: `p` in (0, 1], and whether all patterns were counted or some drawn."""

    p: float
    method: Method


def sign_flip(right_a: Ints, of_a: Ints, right_b: Ints, of_b: Ints) -> SignFlip:
    """Two-sided paired sign-flip test of shares right_a/of_a against right_b/of_b, one entry a question; all `of` >= 1.

    p is 1 when all differences are 0, and never below 2 / 2^(questions that differ).
    """
    if not len(of_a):
        raise ValueError("sign_flip: at least one question is needed")
    steps, slack = _whole(right_a, of_a, right_b, of_b)
    observed = abs(int(steps.sum())) - slack
    sizes = np.abs(steps[steps != 0])
    if observed <= 0:
        return SignFlip(1.0, "exact")
    total, n = int(sizes.sum()), len(sizes)
    if total <= _MOST_CELLS and n * total <= _MOST_STEPS:
        return SignFlip(_by_adding(sizes, total, observed), "exact")
    if n <= _MOST_ENUMERATED:
        return SignFlip(_by_listing(sizes, observed), "exact")
    return SignFlip(_by_drawing(sizes, observed), "drawn")


def holm(ps: Sequence[float]) -> tuple[float, ...]:
    """Adjusted p values in the given order (Holm 1979, step-down): reject where they are <= alpha, and the chance of even one
    false rejection in the whole family stays <= alpha, however the tests depend on each other. Empty in, empty out.
    """
    if any(not 0 <= p <= 1 for p in ps):
        raise ValueError("holm: every p must lie in 0..1")
    adjusted = [1.0] * len(ps)
    highest = 0.0
    for rank, index in enumerate(sorted(range(len(ps)), key=lambda i: ps[i])):
        highest = max(highest, min(1.0, (len(ps) - rank) * ps[index]))
        adjusted[index] = highest
    return tuple(adjusted)


def _whole(right_a: Ints, of_a: Ints, right_b: Ints, of_b: Ints) -> tuple[Ints, int]:
    """The differences times their common denominator, and by how much a sum of them may be off (0 unless it is huge)."""
    common = lcm(*(int(k) for k in np.unique(np.concatenate([of_a, of_b]))))
    if common > _MOST_DENOMINATOR:
        shares = right_a / of_a - right_b / of_b
        return np.rint(shares * _MOST_DENOMINATOR).astype(np.int64), len(shares)
    steps = right_a * (common // of_a) - right_b * (common // of_b)
    shared = gcd(*(int(s) for s in np.unique(steps)))
    return steps // max(shared, 1), 0


def _by_adding(sizes: Ints, total: int, observed: int) -> float:
    """Exact: chances of T = the sum of the sizes that came out positive; the signed sum is 2 T - total."""
    chance = np.zeros(total + 1)
    chance[0] = 1.0
    reach = 0
    for size in (int(s) for s in sizes):
        half = chance[: reach + 1] / 2
        chance[: reach + 1] = half
        chance[size : size + reach + 1] += half
        reach += size
    at_most = (total - observed) // 2  # where 2 T - total <= -observed; the other tail is its mirror image
    return float(min(1.0, max(2 * chance[: at_most + 1].sum(), _TINY)))


def _by_listing(sizes: Ints, observed: int) -> float:
    """Exact: every pattern's sum, by doubling the list a question at a time."""
    sums = np.zeros(1, dtype=np.int64)
    for size in sizes:
        sums = np.concatenate([sums + size, sums - size])
    return float(np.mean(np.abs(sums) >= observed))


def _by_drawing(sizes: Ints, observed: int) -> float:
    generator = np.random.default_rng(SEED)
    hits, chunk = 0, max(1, 4_000_000 // len(sizes))
    for start in range(0, DRAWS, chunk):
        count = min(chunk, DRAWS - start)
        signs = generator.integers(0, 2, size=(count, len(sizes)), dtype=np.int8)
        # Positive part of the sum, from which the signed sum follows; float64 is exact below 2^53.
        positive = signs @ sizes.astype(np.float64)
        hits += int((np.abs(2 * positive - float(sizes.sum())) >= observed).sum())
    return (hits + 1) / (DRAWS + 1)
