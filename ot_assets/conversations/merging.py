"""Ballots to one order: Tideman's ranked pairs, Borda, Bradley-Terry and Plackett-Luce.

Belongs here: `merge` and one function a method. A ballot is a list of ids, the best first. Contract: the ballots are
restricted to the ids that stand on all of them; the result is an order of these, the best first, or None where there
are fewer than two; it does not depend on the order of the ballots. Equal candidates stand by their ids, the
lexicographically smaller one first: merge before ids are made anonymous. Fails with ValueError for an unknown method,
and where a model's maximum cannot be found.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from functools import partial

Ballots = Sequence[Sequence[str]]

_PRIOR = 0.1
"""What is added so that a maximum exists where one wins always. Bradley-Terry: so many comparisons each way between any two
candidates; Plackett-Luce: choix's `alpha`, a rate added between any two states of its Markov chain."""


def merge(method: str, ballots: Ballots) -> list[str] | None:
    """The ballots as one order; None where fewer than two ids stand on all of them."""
    if method not in METHODS:
        raise ValueError(f"no way of merging ballots is called {method!r}; known are {', '.join(METHODS)}")
    common = set(ballots[0]).intersection(*ballots[1:]) if ballots else set()
    if len(common) < 2:
        return None
    return METHODS[method](sorted(common), [[name for name in ballot if name in common] for ballot in ballots])


def margins(ids: Sequence[str], ballots: Ballots) -> list[list[int]]:
    """margins[i][j] = ballots that put ids[i] before ids[j], less those that put it after."""
    place = {name: number for number, name in enumerate(ids)}
    made = [[0] * len(ids) for _ in ids]
    for ballot in ballots:
        order = [place[name] for name in ballot]
        for at, one in enumerate(order):
            for other in order[at + 1 :]:
                made[one][other] += 1
                made[other][one] -= 1
    return made


def ranked_pairs(ids: Sequence[str], ballots: Ballots) -> list[str]:
    """Tideman's ranked pairs by margins ("Independence of clones as a criterion for voting rules", 1987), with Open-Assistant's
    rule for ties: pairs of equal margin (a margin of 0 goes both ways) in the order of their ids.

    Pairs are locked in from the largest margin down, unless one closes a circle; the order is that of the locked pairs.
    """
    margin = margins(ids, ballots)
    some = range(len(ids))
    pairs = [(-margin[i][j], i, j) for i in some for j in some if i != j and margin[i][j] >= 0]
    beats = [1 << i for i in some]
    """beats[i]: whom i reaches by locked pairs, as bits, itself included."""
    for _, i, j in sorted(pairs):
        if beats[j] >> i & 1:
            continue
        for k in some:
            if beats[k] >> i & 1:
                beats[k] |= beats[j]
    # Locked pairs order all of them: of any two one reaches the other, since both directions of a pair are tried.
    return [ids[i] for i in sorted(some, key=lambda i: -beats[i].bit_count())]


def borda(ids: Sequence[str], ballots: Ballots) -> list[str]:
    """By the number of candidates that stand below, summed over the ballots (J.-C. de Borda, 1781)."""
    points = dict.fromkeys(ids, 0)
    for ballot in ballots:
        for below, name in enumerate(reversed(ballot)):
            points[name] += below
    return sorted(ids, key=lambda name: (-points[name], name))


def bradley_terry(ids: Sequence[str], ballots: Ballots) -> list[str]:
    """By the strengths of the Bradley-Terry model of all pairs that the ballots imply (Bradley and Terry, 1952), the
    most likely ones, regularised.
    """
    import choix
    import numpy as np

    wins = (np.array(margins(ids, ballots)) + len(ballots)) / 2 + _PRIOR
    np.fill_diagonal(wins, 0)
    return _by_strength(ids, partial(choix.ilsr_pairwise_dense, wins))


def plackett_luce(ids: Sequence[str], ballots: Ballots) -> list[str]:
    """By the strengths of the Plackett-Luce model of the ballots (Luce, 1959; Plackett, 1975), the most likely ones,
    regularised.
    """
    import choix

    place = {name: number for number, name in enumerate(ids)}
    orders = [tuple(place[name] for name in ballot) for ballot in ballots]
    return _by_strength(ids, partial(choix.ilsr_rankings, len(ids), orders, alpha=_PRIOR))


def _by_strength(ids: Sequence[str], fitted: Callable[[], Iterable[float]]) -> list[str]:
    try:
        strengths = [round(float(value), 6) for value in fitted()]  # what is equal but for the last steps is equal
    except (RuntimeError, ArithmeticError) as error:
        raise ValueError(f"no maximum was found: {error}") from None
    return [name for _, name in sorted(zip((-s for s in strengths), ids, strict=True))]


METHODS: Mapping[str, Callable[[Sequence[str], Ballots], list[str]]] = {
    "ranked_pairs": ranked_pairs,
    "borda": borda,
    "bradley_terry": bradley_terry,
    "plackett_luce": plackett_luce,
}
"""Name -> method; ids come sorted, ballots hold exactly them."""
