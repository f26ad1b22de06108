"""How conversations are cut into slices to be counted."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from ot_assets.distillation.training_examples import Conversation
from ot_assets.students.tokens import slices


@given(st.lists(st.integers(0, 30)), st.integers(1, 40))
def test_slices_keep_the_order_and_their_size(lengths: list[int], most: int):
    made = [
        Conversation([{"role": "user", "content": "x" * n}], [{"role": "assistant", "content": "y"}]) for n in lengths
    ]
    found = list(slices(made, most))
    assert [one for some in found for one in some] == made
    for some in found:
        sizes = [len(one.prompt[0]["content"]) + 1 for one in some]
        assert sizes and sum(sizes[:-1]) < most
