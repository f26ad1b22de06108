"""Rule `links`: addresses on the web, where something stands that the question does not hold.

Belongs here: what an address is. Addresses in code are data, and those of hosts that are only ever examples or names (the
rule's `allow`) stay. Pure.
"""

from __future__ import annotations

import re

import polars as pl

from ot_assets.curation.cleaning.finding import Place, noted, without_code
from ot_assets.registry.specs.clean import Links

_ADDRESS = re.compile(
    r"\b(?:https?|ftp)://(?:[^\s/@]{1,200}@)?(?P<host>[\w.-]+)[^\s<>()\[\]\"'{}|\\^]*|\b(?P<bare>www\.[\w-]+(?:\.[\w-]+)+)[^\s<>()\[\]\"]*",
    re.IGNORECASE,
)


def hits(questions: pl.DataFrame, rule: Links) -> pl.Series:
    """The first address of each question."""

    def find(text: str) -> Place | None:
        for match in _ADDRESS.finditer(without_code(text)):
            host = (match["host"] or match["bare"]).lower().rstrip(".")
            if not any(host == name or host.endswith(f".{name}") for name in rule.allow):
                return match.span()
        return None

    return noted(questions.get_column("question"), r"://|www\.", find)
