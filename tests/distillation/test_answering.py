"""Which questions are asked together."""

from __future__ import annotations

from collections.abc import Iterator
from unittest.mock import patch

import hypothesis.strategies as st
import polars as pl
from hypothesis import given

from ot_assets.distillation.answering import _asked


class Screened:
    """An artifact as far as asking reads it: frames of questions, in order."""

    def __init__(self, *frames: pl.DataFrame) -> None:
        self.frames = frames

    def batches(self, rows: int) -> Iterator[pl.DataFrame]:
        yield from self.frames


@given(st.lists(st.integers(0, 40), max_size=60), st.integers(1, 50))
def test_questions_are_asked_in_order_and_few_answers_are_held_at_once(answers: list[int], most: int):
    """0 answers: not asked. A frame wants at most `most` answers and those of its last question."""
    ids = [f"q{n}" for n in range(len(answers))]
    frame = pl.DataFrame({"question_id": ids}, schema={"question_id": pl.String})
    wanted = pl.DataFrame(
        {"question_id": ids, "answers": answers}, schema={"question_id": pl.String, "answers": pl.Int64}
    )
    asked = wanted.filter(pl.col("answers") > 0)
    half = len(frame) // 2
    with patch("ot_assets.distillation.answering._BATCH", most):
        parts = list(_asked(Screened(frame[:half], frame[half:]), asked.sample(fraction=1.0, shuffle=True, seed=1)))
    assert [row for part in parts for row in part.rows()] == asked.rows()
    for part in parts:
        assert len(part) and part["answers"].sum() - part["answers"][-1] < most
