"""Prompts of people as questions.

Belongs here: from the published prompts of some languages to raw rows. Contract: only prompts that begin a tree (the later ones
mean nothing without what stands before them), language by language, in the order of the artifact; a row's id is its message's,
from which the way leads to the event that brought it. Fails with UserError where a language's prompts were not made.
"""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING

import polars as pl

from ot_assets.graph import language
from ot_assets.registry.specs.origin import ConversationOrigin
from ot_assets.sourcing.rows import RawRow

if TYPE_CHECKING:
    from ot_assets.step import Step

_COLUMNS = ("message_id", "text", "best", "licence")


def prompt_rows(step: Step, origin: ConversationOrigin) -> Iterator[RawRow]:
    """One row a prompt that begins a tree."""
    for key in origin.languages:
        number = 0
        for batch in step.open("prompts", language(key)).batches(rows=5_000):
            some = batch.filter(pl.col("depth") == 0)
            if origin.split != "all":
                some = some.filter(pl.col("split") == origin.split)
            for message, text, best, licence in some.select(_COLUMNS).iter_rows():
                said = {"question": text, "solution": best, "id": message, "licence": licence}
                yield RawRow(f"conversations/{key}", number, said)
                number += 1
