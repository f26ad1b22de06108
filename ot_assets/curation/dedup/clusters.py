"""From pairs to clusters: which row stays, and which rows go for which.

Belongs here: `star` and `connected`. Both take the pairs and a rank for each place (lower is better, all different).

* star: in the order of rank a place stays when no place that stays is similar to it; the first that stays takes its
  free neighbours. So every row that goes is itself similar to its survivor, no two survivors are similar, and in a
  chain A~B~C with A!~C both ends stay where A comes first.
* connected: places that a chain of pairs joins are one cluster; its best rank stays. Fewer rows stay, and a row may be
  unlike its survivor.

Contract: the outcome depends on the pairs as a set and on the ranks, not on the order of either. Every place has a
survivor, a survivor is its own. Memory is that of the pairs, twice. Pure; raises nothing.
"""

from __future__ import annotations

from typing import NamedTuple

import numpy as np
import numpy.typing as npt

Ints = npt.NDArray[np.int64]
Floats = npt.NDArray[np.float64]


class Clusters(NamedTuple):
    """Of each place: its survivor (itself where it stays), and the similarity to it (100 to itself, NaN where no pair says)."""

    survivor: Ints
    similarity: Floats


def star(ranks: Ints, left: Ints, right: Ints, similarity: Floats) -> Clusters:
    """Clusters around survivors; `ranks` has one number a place, the others one a pair."""
    alone = _alone(len(ranks))
    starts, others, figures = _neighbours(len(ranks), left, right, similarity)
    touched = np.flatnonzero(np.diff(starts))
    free = np.ones(len(ranks), bool)
    for place in touched[np.argsort(ranks[touched])].tolist():
        if not free[place]:
            continue
        free[place] = False
        span = slice(starts[place], starts[place + 1])
        taken = free[others[span]]
        mine = others[span][taken]
        free[mine] = False
        alone.survivor[mine] = place
        alone.similarity[mine] = figures[span][taken]
    return alone


def connected(ranks: Ints, left: Ints, right: Ints, similarity: Floats) -> Clusters:
    """Clusters of all that chains of pairs join."""
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import connected_components

    clusters = _alone(len(ranks))
    if not len(left):
        return clusters
    graph = coo_array((np.ones(len(left), np.int8), (left, right)), shape=(len(ranks), len(ranks)))
    _, labels = connected_components(graph, directed=False)
    order = np.lexsort((ranks, labels))
    first = np.flatnonzero(np.diff(labels[order], prepend=-1))
    clusters.survivor[order] = np.repeat(order[first], np.diff(first, append=len(order)))
    clusters.similarity[clusters.survivor != np.arange(len(ranks))] = np.nan
    for loser, winner in ((left, right), (right, left)):
        said = clusters.survivor[loser] == winner
        clusters.similarity[loser[said]] = similarity[said]
    return clusters


def _alone(count: int) -> Clusters:
    return Clusters(np.arange(count, dtype=np.int64), np.full(count, 100.0))


def _neighbours(count: int, left: Ints, right: Ints, similarity: Floats) -> tuple[Ints, Ints, Floats]:
    """Both directions of the pairs by place: `others[starts[i]:starts[i + 1]]` are the neighbours of i."""
    ends = np.concatenate([left, right])
    order = np.argsort(ends, kind="stable")
    starts = np.zeros(count + 1, np.int64)
    np.cumsum(np.bincount(ends, minlength=count), out=starts[1:])
    return starts, np.concatenate([right, left])[order], np.concatenate([similarity, similarity])[order]
