"""Two models on the same questions of one benchmark: by how much do they differ, and is it more than chance?

Belongs here: one paired comparison, and a family of them with Holm's correction.

**Difference.** Only questions that both have a judged reply to. d_i = share right of a minus share right of b on question i;
the difference is their mean, its standard error sd(d, ddof=1) / sqrt(n): paired and clustered by question in one (Miller 2024,
arXiv 2411.00640, paired differences). Hard questions are hard for both, so this is smaller than what two separate errors add
up to; `se_unpaired` shows what pairing gained.

**Interval.** difference ± t(n - 1) · se. Where all differences are equal the plain se is 0 and would promise certainty; then
one question won by each side is added first, as Bonett & Price 2012 do for paired shares. Missing replies widen it: it becomes
the hull with the intervals for the two ways of filling them in that are worst for a and worst for b.

**p.** The exact sign-flip test over questions (`significance`), not the t test: it keeps its level for 10 questions with odd
distributions, and is as strong for 500. p speaks of the replies that came; `verdict` calls a difference real only when the
widened interval excludes 0 too, so missing replies can take a finding away and never make one.

**Family.** `compare_all` corrects over everything it is given at once: all pairs of models on all dev benchmarks. Intervals
are per comparison, not simultaneous.

**Smallest detectable difference.** (t(0.975) + t(0.8)) · se: what a two-sided test at 5 % would find in 4 of 5 repetitions of
the whole experiment, with the spread of differences seen here and before Holm's correction. None when the questions could not
show any difference at all: fewer than six cannot reach p < 0.05 by flipping signs.

Fails: never on data that `Outcomes` accepts; without shared questions the figures are None and `reasons` says why.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from itertools import combinations
from typing import Literal

import numpy as np

from ot_assets.evaluation.outcomes import Floats, Ints, Outcomes
from ot_assets.evaluation.significance import Method, holm, sign_flip
from ot_assets.evaluation.statistics import LEVEL, Interval, standard_error, t_quantile

ALPHA = 0.05
"""Level at which a difference is called real, after Holm's correction."""
POWER = 0.8
"""Chance of finding the smallest detectable difference."""

Verdict = Literal["real", "not shown", "unsettled", "untested"]


@dataclass(frozen=True)
class Comparison:
    """Model a against model b on one benchmark. Differences are shares, -1..1, positive when a is better."""

    a: str
    b: str
    benchmark: str
    difference: float | None
    se: float | None
    """Paired standard error; None with fewer than two shared questions."""
    se_unpaired: float | None
    """What the standard error were, had the two answered different questions."""
    interval: Interval | None
    """95 %, widened by what is missing."""
    p: float | None
    p_adjusted: float | None
    """After Holm's correction over the family; None until `adjusted` or when there is no p."""
    method: Method | None
    """Whether p counts all sign patterns or drawn ones."""
    smallest_detectable: float | None
    questions: int
    """Questions that both have a judged reply to."""
    reasons: tuple[str, ...]

    @property
    def verdict(self) -> Verdict:
        """In a word: see `verdict_of`."""
        low, high = (self.interval.low, self.interval.high) if self.interval else (None, None)
        return verdict_of(self.p_adjusted, low, high)


def verdict_of(p_adjusted: float | None, low: float | None, high: float | None) -> Verdict:
    """`real`: p after correction is below 5 % and the interval excludes 0. `unsettled`: only the former, as when missing
    replies could undo the difference. `not shown`: chance explains it. `untested`: there is no p.
    """
    if p_adjusted is None or low is None or high is None:
        return "untested"
    if p_adjusted >= ALPHA:
        return "not shown"
    return "unsettled" if low <= 0 <= high else "real"


def compare(a: str, b: str, benchmark: str, of_a: Outcomes, of_b: Outcomes) -> Comparison:
    """One comparison, before any correction."""
    left, right = _shared(of_a, of_b)
    both = left.answered & right.answered
    n = int(both.sum())
    if not n:
        nothing = ("no question has a judged reply of both",)
        return Comparison(a, b, benchmark, None, None, None, None, None, None, None, None, 0, nothing)
    differences = left.means[both] - right.means[both]
    se = standard_error(differences)
    test = sign_flip(left.correct[both], left.present[both], right.correct[both], right.present[both])
    return Comparison(
        a=a,
        b=b,
        benchmark=benchmark,
        difference=float(differences.mean()),
        se=se,
        se_unpaired=_unpaired(left.means[both], right.means[both]),
        interval=_widened(left, right, differences),
        p=test.p,
        p_adjusted=None,
        method=test.method,
        smallest_detectable=smallest_detectable(differences),
        questions=n,
        reasons=tuple(_reasons(left, right, n, se)),
    )


def adjusted(family: Iterable[Comparison]) -> tuple[Comparison, ...]:
    """The same comparisons with Holm's correction over all of them that have a p."""
    members = tuple(family)
    corrected = iter(holm([c.p for c in members if c.p is not None]))
    return tuple(c if c.p is None else replace(c, p_adjusted=next(corrected)) for c in members)


def compare_all(models: Mapping[str, Mapping[str, Outcomes]]) -> tuple[Comparison, ...]:
    """Every pair of models (model -> benchmark -> outcomes, in the order to show them) on every benchmark that both have.

    The family of Holm's correction is all of what is returned: hand over dev benchmarks only.
    """
    family = []
    for a, b in combinations(models, 2):
        for benchmark in (key for key in models[a] if key in models[b]):
            family.append(compare(a, b, benchmark, models[a][benchmark], models[b][benchmark]))
    return adjusted(family)


def difference_interval(differences: Floats) -> Interval:
    """95 % interval of the mean of n >= 1 paired differences, each in -1..1."""
    n, mean = len(differences), float(differences.mean())
    if n == 1:
        return Interval(-1.0, 1.0)  # one question says nothing about other questions
    centre, se, degrees = _spread(differences)
    half = t_quantile((1 + LEVEL) / 2, degrees) * se
    return Interval(max(-1.0, min(centre - half, mean)), min(1.0, max(centre + half, mean)))


def smallest_detectable(differences: Floats, alpha: float = ALPHA, power: float = POWER) -> float | None:
    """Smallest true difference that so many questions with such a spread would show; None when none would."""
    if len(differences) < 2 or 2.0 ** (1 - len(differences)) > alpha:
        return None
    _, se, degrees = _spread(differences)
    found = (t_quantile(1 - alpha / 2, degrees) + t_quantile(power, degrees)) * se
    return found if found <= 1 else None


def _spread(differences: Floats) -> tuple[float, float, int]:
    """Centre, standard error and degrees of freedom, with a question won by each side added where there is no spread."""
    se = standard_error(differences)
    if se is not None and se > 1e-12:
        return float(differences.mean()), se, len(differences) - 1
    padded = np.append(differences, [1.0, -1.0])
    return float(padded.mean()), standard_error(padded) or 0.0, len(padded) - 1


def _shared(a: Outcomes, b: Outcomes) -> tuple[Outcomes, Outcomes]:
    """Both cut down to the questions that both were asked."""
    if a.ids == b.ids:
        return a, b
    _, in_a, in_b = np.intersect1d(np.array(a.ids), np.array(b.ids), assume_unique=True, return_indices=True)
    return a.only(_places(in_a)), b.only(_places(in_b))


def _places(indices: object) -> Ints:
    return np.asarray(indices, dtype=np.int64)


def _widened(a: Outcomes, b: Outcomes, seen: Floats) -> Interval:
    interval = difference_interval(seen)
    if not a.missing and not b.missing:
        return interval
    return interval.hull(difference_interval(a.worst - b.best), difference_interval(a.best - b.worst))


def _unpaired(a: Floats, b: Floats) -> float | None:
    errors = standard_error(a), standard_error(b)
    return None if errors[0] is None or errors[1] is None else float(np.hypot(errors[0], errors[1]))


def _reasons(a: Outcomes, b: Outcomes, n: int, se: float | None) -> list[str]:
    said = []
    if a.missing or b.missing:
        said.append(
            f"{a.missing} + {b.missing} replies are missing: the interval allows for anything they could have been"
        )
    if n < len(a.ids):
        said.append(f"{len(a.ids) - n} questions without a judged reply of both are left out")
    if n < 6:
        said.append(f"{n} shared questions can show no difference at 5 %, however large")
    if se == 0:
        said.append(
            "all differences are equal: the interval is that of a sample with one more question won by each side"
        )
    return said
