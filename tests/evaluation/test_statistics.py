"""One score: by hand, at the edges, with missing replies, and against pretended evaluations with a known truth."""

from __future__ import annotations

import math

import numpy as np
import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.evaluation.outcomes import Outcomes, outcomes_by_benchmark, outcomes_of
from ot_assets.evaluation.statistics import score_of, standard_error
from schemas import EvalQuestions

from .simulate import World

TABLES = st.dictionaries(
    st.text("abcdef", min_size=1, max_size=4),
    st.lists(st.sampled_from([0, 1, None]), min_size=1, max_size=5),
    max_size=12,
)


def test_mean_and_error_by_hand():
    score = score_of(outcomes_of({"a": [1, 1], "b": [1, 0], "c": [0, 0], "d": [1, 0]}))
    means = [1.0, 0.5, 0.0, 0.5]
    assert score.score == pytest.approx(0.5)
    assert score.se == pytest.approx(np.std(means, ddof=1) / 2)
    assert (score.questions, score.answered, score.repeats, score.missing) == (4, 4, 2, 0)
    assert score.reasons == ()


def test_every_question_weighs_the_same_however_many_repeats_came_back():
    assert score_of(outcomes_of({"a": [1, None, None, None], "b": [0, 0, 0, 0]})).score == 0.5


def test_the_error_splits_into_questions_and_repeats():
    score = score_of(outcomes_of({"a": [1, 1, 1], "b": [1, 0, 0], "c": [0, 0, 1], "d": [1, 1, 0], "e": [0, 0, 0]}))
    spread = score.spread
    # Per question p (1 - p) / (K - 1) is the variance of its mean; a mean of five of them over five questions.
    by_hand = sum(p * (1 - p) / 2 for p in (1, 1 / 3, 1 / 3, 2 / 3, 0)) / 25
    assert spread.within == pytest.approx(math.sqrt(by_hand))
    assert spread.between**2 + spread.within**2 == pytest.approx(score.sampling_se**2)


def test_more_repeats_shrink_only_their_own_part():
    generator = np.random.default_rng(1)
    few, many = (score_of(World(400, k).pair(generator)[0]).spread for k in (2, 32))
    assert many.within == pytest.approx(few.within / 4, rel=0.15)
    assert many.between == pytest.approx(few.between, rel=0.15)


def test_one_reply_a_question_cannot_be_split():
    assert score_of(outcomes_of({"a": [1], "b": [0], "c": [1]})).spread is None


@pytest.mark.parametrize("value", [0, 1])
def test_all_alike_is_not_certainty(value):
    score = score_of(outcomes_of({f"q{i}": [value] * 3 for i in range(20)}))
    assert score.sampling_se == 0
    assert score.se > 0.02
    assert score.interval.width == pytest.approx(0.18, abs=0.02)
    assert "came out the same" in score.reasons[0]


def test_one_question_and_none():
    one = score_of(outcomes_of({"a": [1, 0]}))
    assert (one.score, one.se, one.interval.low, one.interval.high) == (0.5, None, 0.0, 1.0)
    none = score_of(outcomes_of({}))
    assert (none.score, none.se, none.interval, none.questions) == (None, None, None, 0)
    lost = score_of(outcomes_of({"a": [None], "b": [None]}))
    assert (lost.score, lost.interval, lost.missing) == (None, None, 2)


def test_missing_is_not_wrong_and_widens():
    whole = outcomes_of({f"q{i}": [i % 2] * 2 for i in range(40)})
    holed = outcomes_of({f"q{i}": [i % 2] * 2 if i >= 8 else [None] * 2 for i in range(40)})
    full, partial = score_of(whole), score_of(holed)
    assert partial.score == full.score == 0.5
    assert (partial.answered, partial.missing) == (32, 16)
    # Eight of forty could be anything: the worst and best means are 0.4 and 0.6, and sampling error comes on top.
    assert partial.interval.low < full.interval.low - 0.08
    assert partial.interval.high > full.interval.high + 0.08
    assert partial.se > full.se
    assert "8 of 40 questions" in partial.reasons[1]


@given(TABLES)
def test_the_interval_holds_score_and_range_and_whatever_was_missing(table):
    score = score_of(outcomes_of(table))
    if score.score is None:
        assert score.interval is None
        return
    assert 0 <= score.interval.low <= score.score <= score.interval.high <= 1
    assert score.interval.width > 0
    assert score.se is None or score.se > 0
    for filled in (0, 1):
        known = {q: [filled if v is None else v for v in row] for q, row in table.items()}
        assert score.interval.low <= score_of(outcomes_of(known)).score <= score.interval.high


@given(st.lists(st.sampled_from([0, 1]), min_size=2, max_size=12), st.data())
def test_losing_replies_never_narrows(replies, data):
    lost = data.draw(st.sets(st.integers(0, len(replies) - 1), max_size=len(replies) - 1))
    full = {f"q{i:02}": [v] for i, v in enumerate(replies)}
    holed = {f"q{i:02}": [None if i in lost else v] for i, v in enumerate(replies)}
    before, after = score_of(outcomes_of(full)).interval, score_of(outcomes_of(holed)).interval
    assert after.low <= before.low + 1e-9
    assert after.high >= before.high - 1e-9


WORLDS = [
    World(10, 1),
    World(10, 5, 2, 2),
    World(30, 10, 0.5, 0.5),
    World(30, 3, 1, 30),
    World(30, 10, 9, 1),
    World(100, 1, 1, 30),
    World(200, 4),
]


@pytest.mark.parametrize("world", WORLDS, ids=str)
def test_the_interval_holds_the_truth_about_as_often_as_it_says(world):
    generator = np.random.default_rng(11)
    held = [score_of(world.pair(generator)[0]).interval for _ in range(600)]
    share = np.mean([i.low <= world.truth <= i.high for i in held])
    assert 0.915 <= share <= 1.0  # 0.95 less four times its Monte Carlo error


def test_plus_minus_two_errors_would_not():
    """Why the interval is not score ± 1.96 se: few questions, and a score near 0."""
    world, generator = World(10, 3, 1, 30), np.random.default_rng(11)
    plain = 0
    for _ in range(600):
        score = score_of(world.pair(generator)[0])
        plain += abs(score.score - world.truth) <= 1.96 * score.sampling_se
    assert plain / 600 < 0.7


def test_the_interval_holds_the_truth_when_wrong_replies_get_lost_more():
    """Timeouts strike hard questions: what was seen flatters, the widened interval does not."""
    generator = np.random.default_rng(2)
    flattered = held = 0
    for _ in range(300):
        easy = generator.beta(1, 1, 60)
        right = generator.binomial(1, easy)
        lost = generator.random(60) < np.where(right == 1, 0.02, 0.35)
        score = score_of(
            Outcomes(tuple(f"q{i:02}" for i in range(60)), right * ~lost, 1 - lost, np.ones(60, dtype=int))
        )
        held += score.interval.low <= 0.5 <= score.interval.high
        flattered += score.score > 0.5
    assert held / 300 >= 0.97
    assert flattered / 300 > 0.8


def test_verdicts_become_counts_and_only_right_and_wrong_are_answers():
    verdicts = ["correct", "wrong", "unverifiable", "verifier_failed", None, "correct"]
    rows = [
        {"benchmark": "b", "question_id": "q" + "0" * 30 + str(i % 2), "repeat": i // 2, "verdict": v}
        for i, v in enumerate(verdicts)
    ]
    frame = EvalQuestions.frame([{**row, "extracted": None, "reason": None} for row in rows])
    extra = frame.with_columns(benchmark=pl.lit("a"))
    found = outcomes_by_benchmark(pl.concat([frame, extra]).sample(fraction=1, shuffle=True, seed=1))
    assert list(found) == ["a", "b"]
    assert found["b"].correct.tolist() == [1, 1]
    assert found["b"].present.tolist() == [1, 2]
    assert found["b"].asked.tolist() == [3, 3]
    assert found["b"].missing == 3


def test_impossible_counts_are_refused():
    one = np.ones(1, dtype=np.int64)
    with pytest.raises(ValueError, match="question x"):
        Outcomes(("x",), 2 * one, one, one)
    with pytest.raises(ValueError, match="unique and sorted"):
        Outcomes(("b", "a"), np.repeat(one, 2), np.repeat(one, 2), np.repeat(one, 2))
    with pytest.raises(ValueError, match="one count"):
        Outcomes(("a", "b"), one, one, one)


def test_standard_error_needs_two():
    assert standard_error(np.array([0.3])) is None
