"""Quotas: whole numbers of rows for shares that are fractions.

Belongs here: one function. Contract: quotas sum to the rows, none is a whole row or more away from its exact share, and none
shrinks when the rows grow, so a smaller draw is part of a larger one. Rounding by largest remainder breaks the last rule
(the Alabama paradox); this is the quota method of Balinski and Young (1975), which keeps all three. Pure; raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import lcm

_FINEST = 1_000_000


def apportion(rows: int, shares: Sequence[float]) -> list[int]:
    """Rows of each share; shares need not sum to exactly 1. Among equals the earlier share gets the row.

    Whole rounds, in which every share comes out even, are dealt at once; only the rest is dealt row by row.
    """
    exact = [Fraction(share).limit_denominator(_FINEST) for share in shares]
    exact = [share / sum(exact) for share in exact]
    together = lcm(*(share.denominator for share in exact))
    weights = [int(share * together) for share in exact]
    rounds = rows // together
    quotas = [rounds * weight for weight in weights]
    for dealt in range(rounds * together + 1, rows + 1):
        quotas[_next(dealt, together, weights, quotas)] += 1
    return quotas


def _next(dealt: int, together: int, weights: Sequence[int], quotas: Sequence[int]) -> int:
    """Who gets the row number `dealt`: of those below their share of it, the one with most weight a row."""
    below = [i for i, weight in enumerate(weights) if quotas[i] * together < dealt * weight]
    return max(below, key=lambda i: (weights[i] / (quotas[i] + 1), -i))
