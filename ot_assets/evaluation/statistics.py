"""One model's score on one benchmark, with an uncertainty that can be believed.

Belongs here: the estimate of a single score. Comparisons of two models are in `comparison`, their test in
`significance`.

**Estimate.** The mean over questions of each question's share of right replies among its judged ones. Every question weighs
the same, however many of its repeats came back, so a question whose replies time out does not count for less.

**Standard error.** Questions are drawn from the many that the benchmark could have held; repeats of one question are not
independent of each other. So the question is the sampling unit: se = sd(per-question means, ddof=1) / sqrt(n), which already
holds the noise of the repeats (Miller 2024, "Adding Error Bars to Evals", arXiv 2411.00640: clustered standard errors, and
resampling answers). `Spread` says how much of it more repeats could still take away.

**Interval.** Wilson's, with the sample size that this se stands for, n_eff = p (1 - p) / se² (at most the number of replies),
and the t quantile with n - 1 degrees of freedom (Korn & Graubard 1998; Dean & Pagano 2015 compare it with others). It stays
within 0..1 and has a width where the plain se is 0: with score 0 or 1, or without any spread, n_eff = n. Simulated with 5 to
100 questions, 1 to 10 repeats and any mix of easy and hard ones, it held the truth in 89 to 100 % of cases, mostly 95 to 98;
score ± 1.96 se fell to 15 % with few questions and scores near 0 (tests/evaluation/test_statistics.py).

**Missing replies** are never wrong. They leave the estimate alone and widen the interval: it becomes the hull of three, that
of what was seen, that had all missing replies been wrong, and that had they all been right (bounds of Horowitz & Manski 2000,
with sampling error as in Imbens & Manski 2004). So it holds whatever the missing replies would have said.

Fails: never for data that `Outcomes` accepts; what cannot be estimated is None, with the reason in `reasons`.
"""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from ot_assets.evaluation.outcomes import Floats, Outcomes

LEVEL = 0.95
"""Confidence level of every interval."""


@dataclass(frozen=True)
class Interval:
    """Both ends included."""

    low: float
    high: float

    @property
    def width(self) -> float:
        """Distance between the ends."""
        return self.high - self.low

    def hull(self, *others: Interval) -> Interval:
        """The smallest interval that holds this one and the others."""
        return Interval(min(self.low, *(o.low for o in others)), max(self.high, *(o.high for o in others)))


@dataclass(frozen=True)
class Spread:
    """Where the standard error comes from, by the method of moments (one-way random effects, unequal repeats allowed).

    `se² = between² + within²`, save that `between` is cut at 0 where the repeats alone explain all that was seen.
    """

    between: float
    """Part of the standard error due to which questions were drawn; more repeats cannot lower it."""
    within: float
    """Part due to the replies' own chance; ten times the repeats divide it by sqrt(10)."""


@dataclass(frozen=True)
class Score:
    """A model's score on a benchmark. Scores, errors and ends of intervals are shares, 0..1."""

    score: float | None
    """None when no question has a judged reply."""
    se: float | None
    """The standard error to show: the sampling one, or what the interval stands for where that is larger because replies are
    missing or the sample shows no spread (half its width over the t quantile). None with fewer than two questions."""
    sampling_se: float | None
    """The plain clustered standard error of what was seen; may be 0."""
    interval: Interval | None
    """95 %, widened by what is missing."""
    spread: Spread | None
    """None when no question has two judged replies: repeats are needed to tell the two apart."""
    questions: int
    """Questions asked."""
    answered: int
    """Questions with at least one judged reply: those that the score stands on."""
    repeats: int
    """Replies asked for each question (the most, if they differ)."""
    missing: int
    """Replies without a verdict."""
    reasons: tuple[str, ...]
    """What a reader should know before trusting the figures; empty when all is plain."""


def score_of(outcomes: Outcomes) -> Score:
    """Score, standard error and interval of one model on one benchmark."""
    means = outcomes.means[outcomes.answered]
    n = len(means)
    value = float(means.mean()) if n else None
    sampling = standard_error(means)
    interval = _widened(outcomes, means) if n else None
    return Score(
        score=value,
        se=_shown_se(sampling, interval, outcomes, n),
        sampling_se=sampling,
        interval=interval,
        spread=spread_of(outcomes),
        questions=len(outcomes.ids),
        answered=n,
        repeats=outcomes.repeats,
        missing=outcomes.missing,
        reasons=tuple(_reasons(outcomes, n, sampling)),
    )


def standard_error(means: Floats) -> float | None:
    """sd(means, ddof=1) / sqrt(n); None for fewer than two values."""
    return float(means.std(ddof=1) / np.sqrt(len(means))) if len(means) > 1 else None


def t_quantile(probability: float, degrees: int) -> float:
    """Quantile of Student's t; `degrees` >= 1."""
    from scipy.special import stdtrit  # scipy.stats would take half a second to import

    return float(stdtrit(degrees, probability))


def share_interval(means: Floats, replies: int) -> Interval:
    """Wilson's interval for the mean of n >= 1 per-question shares that stand on `replies` replies in all."""
    n, value, se = len(means), float(means.mean()), standard_error(means)
    if se is None:
        return Interval(0.0, 1.0)  # one question says nothing about other questions
    known = 0 < value < 1 and se > 1e-12
    effective = min(value * (1 - value) / se**2, float(replies)) if known else float(n)
    ratio = t_quantile((1 + LEVEL) / 2, n - 1) ** 2 / effective
    centre = (value + ratio / 2) / (1 + ratio)
    half = float(np.sqrt(value * (1 - value) * ratio + ratio**2 / 4)) / (1 + ratio)
    return Interval(max(0.0, min(centre - half, value)), min(1.0, max(centre + half, value)))


def spread_of(outcomes: Outcomes) -> Spread | None:
    """Splits the squared standard error into questions and repeats; None when it cannot be told apart."""
    correct, present = (x[outcomes.answered].astype(float) for x in (outcomes.correct, outcomes.present))
    n, several = len(present), present > 1
    if n < 2 or not several.any():
        return None
    share = correct / present
    # p (1 - p) K / (K - 1) is the unbiased estimate of one question's variance; questions with one reply borrow the average.
    variance = np.where(several, share * (1 - share) * present / np.maximum(present - 1, 1), 0.0)
    variance = np.where(several, variance, variance[several].mean())
    within = float((variance / present).mean() / n)
    total = float(share.var(ddof=1)) / n
    return Spread(between=float(np.sqrt(max(0.0, total - within))), within=float(np.sqrt(within)))


def _widened(outcomes: Outcomes, means: Floats) -> Interval:
    seen = share_interval(means, int(outcomes.present.sum()))
    if not outcomes.missing:
        return seen
    asked = int(outcomes.asked.sum())
    return seen.hull(share_interval(outcomes.worst, asked), share_interval(outcomes.best, asked))


def _shown_se(sampling: float | None, interval: Interval | None, outcomes: Outcomes, n: int) -> float | None:
    if sampling is None or interval is None:
        return None
    if sampling > 0 and not outcomes.missing:
        return sampling
    return max(sampling, interval.width / 2 / t_quantile((1 + LEVEL) / 2, n - 1))


def _reasons(outcomes: Outcomes, n: int, sampling: float | None) -> list[str]:
    said = []
    if outcomes.missing:
        said.append(
            f"{outcomes.missing} of {int(outcomes.asked.sum())} replies are missing: "
            "the interval allows for anything that they could have been"
        )
    if n < len(outcomes.ids):
        said.append(f"{len(outcomes.ids) - n} of {len(outcomes.ids)} questions have no judged reply and are left out")
    if n == 1:
        said.append("one question: no standard error can be given")
    if sampling == 0:
        said.append("every question came out the same: the standard error is what the interval stands for")
    return said
