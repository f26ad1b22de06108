"""Threads of conversations screened against benchmarks, as questions are.

Belongs here: `screen_threads`. Contract: every message of a prompter in a thread is compared, by the rules of
`curation.screening`; a thread with one that stands in a benchmark goes, with the first such message's rule, figure and item in
the ledger. Rows in = rows kept + ledger rows. Raises what the screener raises.
"""

from __future__ import annotations

import polars as pl

from ot_assets.curation.screening import NO_TEXT, Screener
from schemas.ledger import Ledger


def screen_threads(screener: Screener, rows: pl.DataFrame, source: str) -> tuple[pl.DataFrame, pl.DataFrame]:
    """Rows of `sft_threads` without the contaminated ones, and the ledger of those; `source` stands in the ledger."""
    asked = (
        rows.select("thread_id", pl.col("prompt"), source_row=pl.col("message_ids").list.last())
        .explode("prompt")
        .filter(pl.col("prompt").struct.field("role") == "user")
        .with_columns(question=pl.col("prompt").struct.field("content"))
        .filter(pl.col("question").str.strip_chars() != "")
    )
    batch = asked.select(
        pl.col("thread_id").alias("question_id"), pl.lit(source).alias("source"), "source_row", "question"
    )
    found = screener.screen(batch).ledger.filter(pl.col("rule") != NO_TEXT)  # a turn without words asks nothing
    ledger = found.unique("row_id", keep="first", maintain_order=True)
    clean = ~pl.col("thread_id").is_in(ledger.get_column("row_id").implode())
    return rows.filter(clean), Ledger.validate(ledger)
