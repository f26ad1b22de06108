"""An urn beside the plain way of drawing."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ot_assets.conversations.urn import Urn

NAMES = "abcdefghijkl"
changes = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 9)), max_size=40)


def plain(weights: dict[str, int], share: float) -> str | None:
    """All names, each as often as it weighs, side by side."""
    row = [name for name, weight in weights.items() for _ in range(weight)]
    return row[min(int(share * len(row)), len(row) - 1)] if row else None


@given(changes, st.floats(0, 1, exclude_max=True))
def test_a_draw_is_that_of_names_side_by_side(said, share):
    urn, weights = Urn(), {}
    for name, weight in said:
        urn.set(name, weight)
        if weight or name in weights:
            weights[name] = weight
        assert urn.total == sum(weights.values())
        assert urn.draw(share) == plain(weights, share)


@given(st.lists(st.tuples(st.sampled_from(NAMES), st.integers(1, 9)), min_size=1, unique_by=lambda one: one[0]))
def test_every_name_has_its_share(said):
    urn = Urn()
    for name, weight in said:
        urn.set(name, weight)
    drawn = [urn.draw((n + 0.5) / urn.total) for n in range(urn.total)]
    assert {name: drawn.count(name) for name, _ in said} == dict(said)


def test_an_empty_urn_gives_nothing():
    urn = Urn()
    assert urn.draw(0.5) is None
    urn.set("a", 0)
    assert urn.draw(0.5) is None and urn == Urn()
    urn.set("a", 3)
    urn.set("a", 0)
    assert urn.draw(0.99) is None


def test_the_end_of_the_last_weight():
    urn = Urn()
    urn.set("a", 1)
    urn.set("b", 2**60)
    assert urn.draw(1 - 2**-53) == "b" and urn.draw(0.0) == "a"
