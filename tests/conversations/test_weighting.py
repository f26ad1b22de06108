from itertools import pairwise

import pytest
from hypothesis import given
from hypothesis import strategies as st

from ot_assets.conversations.weighting import rows_of, shares, weights

COUNTS = st.dictionaries(st.sampled_from(["en", "es", "ru", "de", "pt-BR", "sk"]), st.integers(0, 10**7), min_size=1)
SOME = COUNTS.filter(lambda counts: any(counts.values()))
OASST1 = {"en": 71956, "es": 43061, "ru": 9089, "de": 5279, "zh": 4962, "sk": 19}


@given(SOME, st.floats(0, 1), st.none() | st.floats(1, 50))
def test_shares_sum_to_one_keep_the_cap_and_only_help_the_small(counts, alpha, cap):
    found, rows = shares(counts, alpha, cap), sum(counts.values())
    assert found.keys() == counts.keys() and sum(found.values()) == pytest.approx(1)
    for name, share in found.items():
        assert (share == 0) == (counts[name] == 0)
        if cap is not None:
            assert share <= cap * counts[name] / rows * (1 + 1e-9)
    ordered = sorted((name for name in counts if counts[name]), key=lambda name: counts[name])
    for less, more in pairwise(ordered):
        assert found[less] <= found[more] * (1 + 1e-9)
        assert found[less] / counts[less] >= found[more] / counts[more] * (1 - 1e-9)


@given(SOME)
def test_alpha_1_and_cap_1_are_the_natural_shares_and_alpha_0_makes_all_alike(counts):
    rows = sum(counts.values())
    natural = {name: count / rows for name, count in counts.items()}
    there = sum(count > 0 for count in counts.values())
    assert shares(counts, 1.0) == pytest.approx(natural)
    assert shares(counts, 0.3, cap=1.0) == pytest.approx(natural)
    assert shares(counts, 0.0) == pytest.approx({name: (count > 0) / there for name, count in counts.items()})


def test_shares_of_real_languages():
    assert shares({"en": 81, "sk": 1}, 0.5) == pytest.approx({"en": 0.9, "sk": 0.1})
    assert shares({"en": 81, "sk": 1}, 0.5, cap=4.1) == pytest.approx({"en": 0.95, "sk": 0.05})
    free, capped = shares(OASST1, 0.5), shares(OASST1, 0.5, cap=3)
    assert capped["sk"] == pytest.approx(3 * 19 / 134366) and free["sk"] > 5 * capped["sk"]


@given(SOME, st.floats(0, 1), st.integers(0, 2_000))
def test_rows_are_the_shares_within_what_is_there_and_a_larger_total_takes_none(counts, alpha, total):
    sizes = {name: count % 997 for name, count in counts.items()}
    if not any(sizes.values()):
        return
    parts = shares(sizes, alpha)
    found, more = rows_of(parts, total, sizes), rows_of(parts, total + 1, sizes)
    assert sum(found.values()) == min(total, sum(sizes.values()))
    assert all(found[name] <= min(more[name], sizes[name]) for name in sizes)
    assert found == rows_of(dict(reversed(parts.items())), total, sizes)
    if all(found[name] < sizes[name] for name in sizes if parts[name]):  # none is exhausted
        assert all(abs(found[name] - total * share) < len(parts) for name, share in parts.items())


def test_highest_averages_by_hand():
    enough = dict.fromkeys("abc", 100)
    assert rows_of({"a": 0.47, "b": 0.16, "c": 0.37}, 10, enough) == {"a": 4, "b": 2, "c": 4}
    assert rows_of({"b": 0.5, "a": 0.5}, 3, enough) == {"a": 2, "b": 1}
    # Largest remainders give 4, 4, 2 of ten and 5, 5, 1 of eleven: here nothing is taken back.
    parts = {"a": 60 / 140, "b": 60 / 140, "c": 20 / 140}
    assert [rows_of(parts, total, enough)["c"] for total in (10, 11, 12)] == [1, 1, 2]
    assert rows_of({"en": 0.5, "de": 0.5}, 500, {"en": 1_000, "de": 10}) == {"en": 490, "de": 10}


@given(SOME, st.floats(0, 2), st.floats(0.1, 20))
def test_a_row_weighs_one_on_the_average_and_rows_of_small_languages_not_less(counts, tau, cap):
    found = weights(counts, tau, cap)
    rows = sum(counts.values())
    assert sum(found[name] * counts[name] for name in found) / rows == pytest.approx(1)
    ordered = sorted(found, key=lambda name: counts[name])
    assert all(found[less] >= found[more] * (1 - 1e-9) for less, more in pairwise(ordered))


def test_weights_by_hand():
    # N = 100, L = 2: (100 / 180)^0.5 = 0.745 and (100 / 20)^0.5 = 2.236, capped at 2; the mean is 0.871.
    found = weights({"en": 90, "sk": 10, "eo": 0}, 0.5, 2.0)
    assert found == pytest.approx({"en": 0.8559, "sk": 2.2967}, abs=5e-5)
    assert weights({"en": 5, "es": 5}) == {"en": 1.0, "es": 1.0}


@pytest.mark.parametrize(
    "call",
    [
        lambda: shares({}, 0.5), lambda: shares({"en": 0}), lambda: shares({"en": -1, "es": 2}), lambda: shares({"en": 1}, 1.5),
        lambda: shares({"en": 1}, 0.5, 0.9), lambda: rows_of({"en": 0.0}, 5, {"en": 9}),
        lambda: rows_of({"en": 1.0}, -1, {"en": 9}),
        lambda: weights({"en": 1}, -1), lambda: weights({"en": 1}, cap=0),
    ],
)  # fmt: skip
def test_arguments_out_of_range_are_refused(call):
    with pytest.raises(ValueError, match="expected"):
        call()
