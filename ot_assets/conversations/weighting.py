"""Languages of little data made to count for more: shares to draw by, and weights of rows.

Belongs here: both forms, pure, over counts of rows by language. Drawing more often is the form that every trainer
understands (TRL has no weights of rows for SFT or DPO); the weights serve a trainer of one's own. Language tags are to
be normalised before (`languages.normalised`), or `pt-BR` and `pt_br` are two. The other way is to have more data made
for the small languages ("RLHF Can Speak Many Languages", Dang et al., arXiv 2407.02552). Fails with ValueError for
arguments out of range. With n_l rows of language l, N in all, and L languages that have any:

* Drawing: p_l proportional to n_l^alpha, 0 <= alpha <= 1; 1 leaves the natural shares n_l / N, 0 makes all alike; 0.3
  to 0.7 is usual.
* Weights: w_l = min(c, (N / (L n_l))^tau), then all divided by sum(n_l w_l) / N, so that a row weighs 1 on the average.
"""

from __future__ import annotations

from collections.abc import Mapping
from heapq import heapify, heappop, heapreplace


def shares(counts: Mapping[str, int], alpha: float = 0.5, cap: float | None = None) -> dict[str, float]:
    """Each language's share of the draws: p_l proportional to n_l^alpha, and p_l <= cap n_l / N.

    A row is so drawn at most `cap` times as often as under plain mixing. What the cap takes
    from some is given to the others, again proportional to n_l^alpha, until none is above its cap; that always ends,
    since cap >= 1. Languages without rows get 0; the shares sum to 1.
    """
    there = _there(counts)
    if not 0 <= alpha <= 1:
        raise ValueError(f"alpha is {alpha}; a number from 0 to 1 is expected")
    if cap is not None and not cap >= 1:
        raise ValueError(f"cap is {cap}; 1 or more is expected")
    rows = sum(there.values())
    found = dict.fromkeys(counts, 0.0)
    free, left = dict(there), 1.0
    while free:
        whole = sum(count**alpha for count in free.values())
        wanted = {name: left * count**alpha / whole for name, count in free.items()}
        over = [name for name, share in wanted.items() if cap is not None and share > cap * free[name] / rows]
        if not over or cap is None:
            return found | wanted
        for name in over:
            found[name] = cap * free.pop(name) / rows
            left -= found[name]
    return found


def rows_of(parts: Mapping[str, float], total: int, sizes: Mapping[str, int]) -> dict[str, int]:
    """How many of `total` rows each language gets, never more than its size, by highest averages (Sainte-Laguë's method:
    the next row goes to the largest share / (rows + 1/2)), ties by name. A larger total takes a row from none.

    They sum to `total`, or to all that the languages with a share have, where that is less.
    """
    if total < 0:
        raise ValueError(f"{total} rows; 0 or more are expected")
    if not sum(parts.values()) > 0 or min(parts.values()) < 0:
        raise ValueError(f"shares are {dict(parts)}; numbers of 0 or more with a positive sum are expected")
    given = dict.fromkeys(parts, 0)
    queue = [(0.5 / share, name) for name, share in parts.items() if share > 0 and sizes[name]]
    heapify(queue)
    for _ in range(min(total, sum(sizes[name] for _, name in queue))):
        _, name = queue[0]
        given[name] += 1
        if given[name] < sizes[name]:
            heapreplace(queue, ((given[name] + 0.5) / parts[name], name))
        else:
            heappop(queue)
    return given


def weights(counts: Mapping[str, int], tau: float = 0.5, cap: float = 4.0) -> dict[str, float]:
    """Weight of a row of each language: min(cap, (N / (L n_l))^tau), then scaled so that the mean over all rows is 1.

    The cap is on the weights before they are scaled. Languages without rows are left out.
    """
    there = _there(counts)
    if not tau >= 0 or not cap > 0:
        raise ValueError(f"tau is {tau} and cap is {cap}; 0 or more, and more than 0, are expected")
    rows = sum(there.values())
    raw = {name: min(cap, (rows / (len(there) * count)) ** tau) for name, count in there.items()}
    mean = sum(raw[name] * count for name, count in there.items()) / rows
    return {name: weight / mean for name, weight in raw.items()}


def _there(counts: Mapping[str, int]) -> dict[str, int]:
    """The languages with rows, by name, so that sums do not depend on the order given."""
    if not counts or min(counts.values()) < 0 or not any(counts.values()):
        raise ValueError(f"rows by language are {dict(counts)}; 0 or more, of which one is positive, are expected")
    return {name: counts[name] for name in sorted(counts) if counts[name]}
