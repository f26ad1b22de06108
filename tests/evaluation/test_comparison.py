"""Paired comparisons: by hand, at the edges, and their level, power and coverage in pretended evaluations."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.evaluation.comparison import adjusted, compare, compare_all, smallest_detectable, verdict_of
from ot_assets.evaluation.outcomes import outcomes_of
from ot_assets.evaluation.statistics import t_quantile

from .simulate import World

ROW = st.lists(st.sampled_from([0, 1, None]), min_size=1, max_size=3)
TABLE = st.dictionaries(st.sampled_from("abcdefghij"), ROW, max_size=10)


def between(a: dict, b: dict):
    return adjusted([compare("a", "b", "bench", outcomes_of(a), outcomes_of(b))])[0]


def test_by_hand():
    a = {f"q{i:02}": [1, 1] if i < 12 else [0, 1] for i in range(20)}
    b = {f"q{i:02}": [0, 1] if i < 16 else [0, 0] for i in range(20)}
    c = between(a, b)
    d = np.array([0.5] * 12 + [0.0] * 4 + [0.5] * 4)
    se = d.std(ddof=1) / np.sqrt(20)
    assert c.difference == pytest.approx(0.4)
    assert c.se == pytest.approx(se)
    assert (c.interval.low, c.interval.high) == pytest.approx((0.4 - 2.093 * se, 0.4 + 2.093 * se), abs=1e-3)
    assert c.p == pytest.approx(2 / 2**16)
    assert c.smallest_detectable == pytest.approx((2.093 + 0.861) * se, rel=1e-3)
    assert (c.questions, c.verdict, c.method, c.reasons) == (20, "real", "exact", ())


def test_only_shared_questions_count():
    a = {"x": [1], "y": [1], "only-a": [0]}
    b = {"x": [0], "y": [1], "only-b": [0]}
    c = between(a, b)
    assert (c.questions, c.difference) == (2, 0.5)


def test_nothing_shared_is_untested():
    c = between({"x": [1]}, {"y": [1]})
    assert (c.questions, c.difference, c.p, c.interval, c.verdict) == (0, None, None, None, "untested")
    assert between({"x": [1]}, {"x": [None]}).reasons == ("no question has a judged reply of both",)


def test_all_equal_is_p_one_but_not_certainty():
    same = {f"q{i:02}": [1, 0] for i in range(25)}
    c = between(same, same)
    assert (c.difference, c.p, c.verdict) == (0.0, 1.0, "not shown")
    assert 0.05 < c.interval.high == pytest.approx(-c.interval.low)
    assert 0 < c.smallest_detectable < 0.3


def test_always_better_by_the_same_is_real_but_not_certain():
    c = between({f"q{i:02}": [1] for i in range(20)}, {f"q{i:02}": [0] for i in range(20)})
    assert (c.difference, c.verdict, c.interval.high) == (1.0, "real", 1.0)
    assert 0.6 < c.interval.low < 0.9


def test_too_few_questions_say_so():
    c = between({f"q{i}": [1] for i in range(5)}, {f"q{i}": [0] for i in range(5)})
    assert (c.p, c.verdict, c.smallest_detectable) == (2 / 2**5, "not shown", None)
    assert "can show no difference" in c.reasons[0]
    one = between({"q": [1]}, {"q": [0]})
    assert (one.p, one.se, one.interval.low, one.interval.high) == (1.0, None, -1.0, 1.0)


def test_missing_replies_can_take_a_finding_away():
    a = {f"q{i:02}": [1] if i < 26 else [0] for i in range(40)}
    b = {f"q{i:02}": [1] if i < 10 else [0] for i in range(40)}
    assert between(a, b).verdict == "real"
    holed = {q: [None] if i >= 24 else row for i, (q, row) in enumerate(b.items())}
    c = between(a, holed)
    assert c.p_adjusted < 0.05
    assert c.verdict == "unsettled"
    assert c.interval.low < 0
    assert "16 replies are missing" in c.reasons[0]


@given(TABLE, TABLE)
def test_swapping_turns_the_sign_and_nothing_else(a, b):
    one, two = between(a, b), between(b, a)
    assert one.questions == two.questions
    if one.difference is not None:
        assert one.difference == pytest.approx(-two.difference)
        assert (one.interval.low, one.interval.high) == pytest.approx((-two.interval.high, -two.interval.low))
        assert one.p == two.p
        assert one.interval.low <= one.difference <= one.interval.high
        assert 0 < one.p <= one.p_adjusted <= 1


@given(TABLE, TABLE)
def test_the_interval_holds_whatever_was_missing(a, b):
    c = between(a, b)
    if c.interval is None:
        return
    shared = a.keys() & b.keys()
    for fill_a, fill_b in ((0, 1), (1, 0), (0, 0), (1, 1)):
        full_a = {q: [fill_a if v is None else v for v in a[q]] for q in shared}
        full_b = {q: [fill_b if v is None else v for v in b[q]] for q in shared}
        assert c.interval.low - 1e-9 <= between(full_a, full_b).difference <= c.interval.high + 1e-9


def test_the_family_is_every_pair_on_every_shared_benchmark():
    world, generator = World(30, 2), np.random.default_rng(0)
    outcomes = [world.pair(generator) for _ in range(3)]
    models = {f"m{i}": {"one": x, "two": y} for i, (x, y) in enumerate(outcomes)} | {"m3": {"two": outcomes[0][0]}}
    family = compare_all(models)
    assert [(c.a, c.b, c.benchmark) for c in family] == [
        ("m0", "m1", "one"),
        ("m0", "m1", "two"),
        ("m0", "m2", "one"),
        ("m0", "m2", "two"),
        ("m0", "m3", "two"),
        ("m1", "m2", "one"),
        ("m1", "m2", "two"),
        ("m1", "m3", "two"),
        ("m2", "m3", "two"),
    ]
    least = min(family, key=lambda c: c.p)
    assert least.p_adjusted == pytest.approx(min(1.0, least.p * 9))
    assert all(c.p_adjusted >= c.p for c in family)


def test_untested_pairs_do_not_count_in_the_family():
    tested = {f"q{i:02}": [i % 2] for i in range(12)}
    other = {f"q{i:02}": [0] for i in range(12)}
    family = adjusted([compare("a", "b", "x", outcomes_of(tested), outcomes_of(other))] * 2
                      + [compare("a", "c", "x", outcomes_of(tested), outcomes_of({}))])  # fmt: skip
    assert family[0].p_adjusted == pytest.approx(2 * family[0].p)
    assert family[2].p_adjusted is None


def test_verdict_words():
    assert verdict_of(0.01, 0.1, 0.3) == "real"
    assert verdict_of(0.01, -0.1, 0.3) == "unsettled"
    assert verdict_of(0.05, 0.1, 0.3) == "not shown"
    assert verdict_of(None, None, None) == "untested"


NULLS = [World(12, 1), World(30, 10, 0.5, 0.5), World(30, 3, 1, 10), World(100, 2, lost=0.1)]


@pytest.mark.parametrize("world", NULLS, ids=str)
def test_equal_models_are_called_different_in_at_most_one_of_twenty(world):
    generator = np.random.default_rng(7)
    ps = np.array([compare("a", "b", "x", *world.pair(generator)).p for _ in range(1000)])
    assert np.mean(ps <= 0.05) <= 0.05 + 4 * np.sqrt(0.05 * 0.95 / 1000)
    assert np.mean(ps <= 0.5) <= 0.5 + 4 * np.sqrt(0.25 / 1000)


def test_the_level_is_used_up_where_differences_are_fine_grained():
    generator, world = np.random.default_rng(8), World(60, 10)
    ps = [compare("a", "b", "x", *world.pair(generator)).p for _ in range(1500)]
    assert np.mean(np.array(ps) <= 0.05) == pytest.approx(0.05, abs=4 * np.sqrt(0.05 * 0.95 / 1500))


def test_unpaired_and_per_reply_tests_would_get_it_wrong():
    """Why questions are the unit: taking every reply for a sample of its own sees differences between equal models' halves."""
    generator, world = np.random.default_rng(9), World(20, 10, 0.3, 0.3)
    paired = naive = 0
    for _ in range(400):
        (a, _), (b, _) = world.pair(generator), world.pair(generator)  # other questions each: scores differ by the draw
        p, q = a.correct.sum() / 200, b.correct.sum() / 200
        pooled = np.sqrt(2 * (p + q) / 2 * (1 - (p + q) / 2) / 200)
        naive += abs(p - q) / pooled > 1.96
        paired += compare("a", "b", "x", a, b).p <= 0.05
    assert paired / 400 < 0.09
    assert naive / 400 > 0.25


GAINS = [World(40, 1, gain=0.6), World(30, 10, 0.5, 0.5, gain=0.5), World(100, 3, gain=0.2)]


@pytest.mark.parametrize("world", GAINS, ids=str)
def test_the_interval_holds_the_true_difference(world):
    generator, truth = np.random.default_rng(13), world.true_gain()
    intervals = [compare("b", "a", "x", *reversed(world.pair(generator))).interval for _ in range(600)]
    share = np.mean([i.low <= truth <= i.high for i in intervals])
    assert 0.91 <= share <= 0.99


def found(world: World, runs: int = 250) -> float:
    generator = np.random.default_rng(17)
    return float(np.mean([compare("a", "b", "x", *world.pair(generator)).p <= 0.05 for _ in range(runs)]))


def test_power_grows_with_the_effect_the_questions_and_the_repeats():
    base = found(World(30, 2, gain=0.3))
    assert base < found(World(30, 2, gain=0.6))
    assert base < found(World(120, 2, gain=0.3))
    assert base < found(World(30, 20, gain=0.3))


def test_pairing_beats_two_separate_errors():
    generator, world = np.random.default_rng(19), World(60, 5, 0.5, 0.5, gain=0.2)
    pairs = [compare("b", "a", "x", *reversed(world.pair(generator))) for _ in range(200)]
    assert np.mean([c.se for c in pairs]) < 0.6 * np.mean([c.se_unpaired for c in pairs])
    separate = np.mean([abs(c.difference) / c.se_unpaired > 1.96 for c in pairs])
    assert np.mean([c.p <= 0.05 for c in pairs]) > separate + 0.3


def test_the_smallest_detectable_difference_is_detected_four_times_in_five():
    generator, sd, n = np.random.default_rng(23), 0.3, 50
    typical = np.median([smallest_detectable(generator.normal(0, sd, n)) for _ in range(200)])
    found = 0
    for _ in range(1500):
        d = generator.normal(typical, sd, n)
        found += abs(d.mean()) / (d.std(ddof=1) / np.sqrt(n)) > t_quantile(0.975, n - 1)
    assert found / 1500 == pytest.approx(0.8, abs=0.04)
