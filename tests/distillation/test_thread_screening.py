"""A thread in which somebody asks an item of a benchmark does not become an example."""

from __future__ import annotations

import polars as pl

from ot_assets.curation.screening import BenchmarkItems, Screener
from ot_assets.distillation.thread_screening import screen_threads

ITEM = "A farmer has 17 sheep and all but nine of them run away over the hills. How many sheep are left on the farm?"
CLEAN = "What is a good name for a small grey cat?"


def thread(name: str, *said: str) -> dict[str, object]:
    """A row of threads; messages by turns, the last one is the reply that is learned."""
    roles = ["user", "assistant"] * len(said)
    turns = [{"role": role, "content": text} for role, text in zip(roles, said, strict=False)]
    return {
        "thread_id": name,
        "message_ids": [f"{name}-{number}" for number in range(len(said))],
        "prompt": turns[:-1],
        "completion": turns[-1:],
    }


def test_who_asks_an_item_at_any_turn_is_dropped_with_its_name() -> None:
    items = pl.DataFrame({"question_id": ["q1"], "question": [ITEM]})
    screener = Screener([BenchmarkItems("sheep", items, 13, 75.0, 0.9)])
    rows = pl.DataFrame(
        [
            thread("clean", CLEAN, "Smoke."),
            thread("root", ITEM.upper(), "Nine."),
            thread("later", CLEAN, "Smoke.", f"Thanks! Now this: {ITEM}", "Nine.", "Why?", "Because."),
            thread("wordless", CLEAN, "Smoke.", "$$", "Pardon?"),
            thread("told", CLEAN, f"Smoke. By the way: {ITEM}", "No idea.", "Nine."),
        ]
    )
    kept, ledger = screen_threads(screener, rows, "conversations-en")
    assert kept.get_column("thread_id").to_list() == [
        "clean",
        "wordless",
        "told",
    ]  # what a reply says is no question asked
    assert ledger.select("row_id", "lost_to", "source", "source_row").rows() == [
        ("root", "sheep/q1", "conversations-en", "root-1"),
        ("later", "sheep/q1", "conversations-en", "later-5"),
    ]
    assert set(ledger.get_column("rule")) <= {"exact", "ngram", "containment", "indel"}
    assert screen_threads(screener, rows.head(0), "conversations-en")[0].is_empty()
