"""How much orders of the same messages agree, and how sure each pair of them is.

Belongs here: Kendall's tau (M. G. Kendall, "A new measure of rank correlation", 1938) of two orders of ids, what
rankers have in common with the merged order, and the share of ballots behind each pair. Tau compares positions:
Open-Assistant's `ranking_disagreement.py` hands lists of ids to `kendalltau`, which then correlates ids and says -1
instead of 1/3 for b > a > c and b > c > a. An order is a list of ids, the best first, each once; only ids that stand
on both count. Pure; raises nothing. For whole tables of ballots see `concordance`, which says the same of frames.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from itertools import combinations
from math import fsum, sqrt
from statistics import NormalDist

GOOD = 0.5
"""A ballot whose agreement with the merged order is above this is a good one (Open-Assistant,
`scripts/postprocessing/scoring.py`).
"""
ENOUGH_BALLOTS = 50
"""Below so many a ranker's mean says little (`ranking_disagreement.py`); it is nothing to shut anybody out by in any case."""

Order = Sequence[str]


def tau(one: Order, other: Order) -> float | None:
    """(pairs in the same order - pairs in the other order) / pairs, from -1 to 1; None where fewer than two ids stand
    on both.
    """
    place = {name: number for number, name in enumerate(other)}
    places = [place[name] for name in one if name in place]
    if len(places) < 2:
        return None
    same = sum((first < second) - (first > second) for first, second in combinations(places, 2))
    return same / (len(places) * (len(places) - 1) // 2)


def agreement(one: Order, other: Order) -> float | None:
    """(1 + tau) / 2: the chance that two ids drawn by chance stand in the same order on both."""
    found = tau(one, other)
    return None if found is None else (1 + found) / 2


def good(ballot: Order, merged: Order) -> bool:
    """Whether a ballot agrees with the merged order more than by chance."""
    found = agreement(ballot, merged)
    return found is not None and found > GOOD


def between(ballots: Sequence[Order]) -> float | None:
    """The mean tau of every two ballots; None where no two can be compared."""
    found = [one for one in (tau(*two) for two in combinations(ballots, 2)) if one is not None]
    return fsum(found) / len(found) if found else None


@dataclass(frozen=True, slots=True)
class Pair:
    """Two messages, and what ballots say of them. The interval is Wilson's."""

    better: str
    worse: str
    ballots: int
    """That hold both."""
    agree: int
    """That put `better` first."""
    share: float
    low: float
    high: float


def pairs(order: Order, ballots: Iterable[Order], *, level: float = 0.95) -> list[Pair]:
    """Every two messages of an order that some ballot holds both, the better first; `level`: of the interval of the share."""
    wins: dict[tuple[str, str], int] = {}
    for ballot in ballots:
        for two in combinations(ballot, 2):
            wins[two] = wins.get(two, 0) + 1
    made = []
    for better, worse in combinations(order, 2):
        agree, against = wins.get((better, worse), 0), wins.get((worse, better), 0)
        if agree + against:
            low, high = wilson(agree, agree + against, level)
            made.append(Pair(better, worse, agree + against, agree, agree / (agree + against), low, high))
    return made


def wilson(hits: int, count: int, level: float = 0.95) -> tuple[float, float]:
    """Bounds of a share (E. B. Wilson, "Probable inference, the law of succession, and statistical inference", 1927)."""
    z = NormalDist().inv_cdf((1 + level) / 2)
    share = hits / count
    middle = (share + z * z / (2 * count)) / (1 + z * z / count)
    half = z * sqrt(share * (1 - share) / count + z * z / (4 * count * count)) / (1 + z * z / count)
    return min(share, max(0.0, middle - half)), max(share, min(1.0, middle + half))


@dataclass(frozen=True, slots=True)
class Ranker:
    """One person's ballots beside the merged orders."""

    user_id: str
    ballots: int
    """That could be compared."""
    tau: float
    """Mean."""
    good: float
    """Share of ballots that agree more than by chance."""
    enough: bool
    """Whether there are so many ballots that the mean says something."""


def rankers(cast: Iterable[tuple[str, Order, Order]]) -> list[Ranker]:
    """Of (person, ballot, merged order): each person by id. A merged order holds the person's own ballot too."""
    found: dict[str, list[float]] = {}
    for user_id, ballot, merged in cast:
        if (one := tau(ballot, merged)) is not None:
            found.setdefault(user_id, []).append(one)
    return [
        Ranker(
            user_id,
            len(taus),
            fsum(taus) / len(taus),
            sum((1 + one) / 2 > GOOD for one in taus) / len(taus),
            len(taus) >= ENOUGH_BALLOTS,
        )
        for user_id, taus in sorted(found.items())
    ]
