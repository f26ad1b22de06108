"""Terms: what a text is counted by, in any script.

Belongs here: from texts to a matrix of counts. In scripts that put spaces between words a term is a word of two or more
letters, in lower case, with the marks that belong to it. Han, Thai, Lao, Khmer and Burmese have no spaces, and nothing
here knows their words: Han text is counted by pairs of neighbouring characters, the others by runs of three letters
with their marks, and `Terms.note` says so; a run of katakana is taken as one word, and hiragana, which is mostly
grammar, not at all. Contract: terms are in code point order, the matrix has a row a text, in their order. Pure; raises
nothing.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import polars as pl

_UNSPACED = r"\p{Thai}\p{Lao}\p{Khmer}\p{Myanmar}"
_KANA = r"\p{Hiragana}\p{Katakana}"
_WORD = rf"[\p{{L}}--[\p{{Han}}{_KANA}{_UNSPACED}]][[\p{{L}}\p{{M}}]--[\p{{Han}}{_KANA}{_UNSPACED}]]+"
_KATAKANA = r"[\p{Katakana}ー]{2,}"
_HAN = r"\p{Han}{2,}"
_THAI = rf"[{_UNSPACED}]{{2,}}"
_LETTER = r"\p{L}\p{M}*"


@dataclass(frozen=True)
class Terms:
    """`counts`: a scipy CSR matrix, a row a text, a column a name."""

    names: list[str]
    counts: Any
    note: str
    """Whether some terms are no words; empty where all are."""


def terms_of(texts: pl.Series, *, at_least: int, at_most: float, vocabulary: int) -> Terms:
    """Counts of the terms that stand in at least so many texts and in at most this share of them; the most frequent
    ones.
    """
    from scipy.sparse import csr_matrix

    lower = pl.DataFrame({"text": pl.int_range(len(texts), eager=True), "said": texts.str.to_lowercase()})
    kinds = {
        "words": pl.concat([_runs(lower, _WORD), _runs(lower, _KATAKANA)]),
        "pairs of characters": _neighbours(_runs(lower, _HAN), 2),
        "runs of three letters": _neighbours(_runs(lower, _THAI), 3),
    }
    counted = pl.concat(list(kinds.values())).group_by("text", "term").agg(count=pl.len())
    names = (
        counted.group_by("term")
        .agg(texts=pl.len(), all=pl.col("count").sum())
        .filter(pl.col("texts") >= at_least, pl.col("texts") <= max(at_least, at_most * len(texts)))
        .sort("all", "term", descending=[True, False])
        .head(vocabulary)
        .sort("term")
        .select("term")
        .with_row_index("place")
    )
    cells = counted.join(names, on="term").sort("text", "place")
    shape = (len(texts), len(names))
    counts = csr_matrix((cells["count"].to_numpy(), (cells["text"].to_numpy(), cells["place"].to_numpy())), shape=shape)
    return Terms(names["term"].to_list(), counts, _note({kind: len(found) for kind, found in kinds.items()}))


def _runs(texts: pl.DataFrame, pattern: str) -> pl.DataFrame:
    """One row a match: text, term."""
    return texts.select("text", term=pl.col("said").str.extract_all(pattern)).explode("term").drop_nulls()


def _neighbours(runs: pl.DataFrame, size: int) -> pl.DataFrame:
    """One row a sequence of neighbouring letters of a run; a shorter run is one itself."""
    letters = (
        runs.select("text", letters=pl.col("term").str.extract_all(_LETTER)).with_row_index("run").explode("letters")
    )
    last = [pl.col("letters").shift(-step).over("run") for step in range(1, size)]
    joined = letters.select("text", "run", term=pl.concat_str("letters", *last))
    whole = letters.group_by("run").agg(pl.col("text").first(), pl.len(), term=pl.col("letters").str.join())
    short = whole.filter(pl.col("len") < size, pl.col("term").is_not_null())
    return pl.concat([joined.drop_nulls().select("text", "term"), short.select("text", "term")])


def _note(found: dict[str, int]) -> str:
    total = sum(found.values())
    said = [f"{kind} ({rows / total:.0%})" for kind, rows in found.items() if rows and kind != "words"]
    if not said:
        return ""
    return f"Terms are not all words: {' and '.join(said)} stand for scripts that put no spaces between words."
