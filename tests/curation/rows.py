"""Frames for tests: questions and benchmark items with real ids."""

from __future__ import annotations

from collections.abc import Sequence

import polars as pl

from schemas.ids import question_id
from schemas.questions import MixedPool, Questions


def questions(texts: Sequence[str], source: str = "src", **columns: object) -> pl.DataFrame:
    """Rows of Questions, one a text; further columns override the defaults."""
    rows = [
        {
            "question_id": question_id(text),
            "question": text,
            "verifier": "math",
            "domain": "math",
            "language": "en",
            "licence": "MIT",
            "source": source,
            "source_row": f"train:{i}",
            **columns,
        }
        for i, text in enumerate(texts)
    ]
    return Questions.frame(rows)


def pool(rows: Sequence[tuple[str, str, int]], part: str = "math") -> pl.DataFrame:
    """Rows of a mixed pool from (source, question text, copy)."""
    made = [
        {
            **questions([text], source).row(0, named=True),
            "source_row": f"train:{i}",
            "part": part,
            "copy": copy,
        }
        for i, (source, text, copy) in enumerate(rows)
    ]
    return MixedPool.frame(made)
