"""Quotas: whole numbers of rows for shares that are fractions.

Belongs here: rounding, and the shares that sizes give. Contract: quotas sum to the rows, none is a whole row or more away from
its exact share, and none shrinks when the rows grow, so a smaller draw is part of a larger one. Rounding by largest remainder
breaks the last rule (the Alabama paradox); this is the quota method of Balinski and Young (1975), which keeps all three. Pure;
raises nothing.
"""

from __future__ import annotations

from collections.abc import Sequence
from fractions import Fraction
from math import exp, lcm, log

_FINEST = 1_000_000
_SIZED = 100_000


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


def sized_shares(sizes: Sequence[int], temperature: float) -> list[float]:
    """Shares by size: ``n ** (1 / temperature)``, summing to one. Sizes are positive; more than 0 is asked of the temperature.

    The temperature-scaled mixing of T5 (Raffel et al. 2020, section 3.5.2) without its limit on sizes; with
    alpha = 1 / temperature it is the exponential smoothing of multilingual BERT (alpha 0.7) and mT5 (alpha 0.3, Xue et al.
    2021). 1 is in proportion to size; equal shares are what it comes to as the temperature grows. Computed as a softmax of
    logarithms, so that no power overflows, and rounded to a hundred-thousandth (no source to nothing), so that `apportion`
    deals whole rounds.
    """
    logs = [log(size) / temperature for size in sizes]
    weights = [exp(one - max(logs)) for one in logs]
    parts = [max(1, round(weight / sum(weights) * _SIZED)) for weight in weights]
    return [part / sum(parts) for part in parts]
