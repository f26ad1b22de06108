"""Seeded order by hashes: prefixes, independence, and values that must never change."""

from __future__ import annotations

import hypothesis.strategies as st
import numpy as np
from hypothesis import given

from ot_assets.curation.draws import draw_keys, draw_order

NAMES = st.lists(st.text(max_size=6), max_size=30, unique=True)


def test_values_are_fixed_for_ever() -> None:
    """A change here would redraw every recipe."""
    assert draw_keys(42, "aime", ["q1", "q2"]).tolist() == [3158030427594103273, 11459597754299797548]


@given(names=NAMES, more=NAMES, seed=st.integers(0, 2**63 - 1))
def test_more_names_do_not_change_the_order_of_the_others(names: list[str], more: list[str], seed: int) -> None:
    before = [names[i] for i in draw_order(seed, "s", names)]
    everyone = list(dict.fromkeys([*more, *names]))
    after = [everyone[i] for i in draw_order(seed, "s", everyone)]
    assert [name for name in after if name in set(names)] == before


def test_seeds_and_scopes_are_independent_draws() -> None:
    names = [str(i) for i in range(200)]
    orders = {tuple(draw_order(seed, scope, names)) for seed in (1, 2) for scope in ("a", "b")}
    assert len(orders) == 4
    assert draw_keys(1, "2\0x", ["y"]).tolist() != draw_keys(1, "2", ["x\0y"]).tolist()


def test_the_order_is_uniform() -> None:
    """The mean place of the first half of the names is that of the second half, within chance."""
    places = np.empty(20_000)
    places[draw_order(7, "u", [str(i) for i in range(20_000)])] = np.arange(20_000)
    assert abs(places[:10_000].mean() - places[10_000:].mean()) < 4 * np.sqrt(20_000**2 / 12 / 5_000)
