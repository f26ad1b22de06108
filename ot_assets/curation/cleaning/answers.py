"""Rules about the answer: `no_gold` (none where the verifier needs one), `answer_given` (the question states it), `proofs`.

Belongs here: what a verifier needs, and what gives an answer away or asks for none. Pure.
"""

from __future__ import annotations

import re

import polars as pl

from ot_assets.curation.cleaning.finding import Place, noted, without_code
from ot_assets.registry.specs.clean import Proofs

NEED_GOLD = ("math", "choice", "exact")
"""Verifiers that compare with a gold answer. The others can do without: a generator judges by itself, a pattern needs none."""

_TESTED = r'"(?:tests|examples)"\s*:\s*\[\s*[^\s\]]'
_STATED = re.compile(
    r"^[^\S\n]*[*_#>]*[^\S\n]*(?:the\s+|final\s+|correct\s+)?(?:answer|solution)\b[*_]*[^\S\n]*[:\uff1a][*_]*\s*(?P<answer>\S.*)",
    re.IGNORECASE | re.MULTILINE,
)
_BLANK = re.compile(
    r"^(?:\$?\\?boxed\{\s*\}\$?|\$?ANSWER\b.*|\$Answer\b.*|<.*|\[.*|_{2,}.*|\.{2,}.*|\?+|x|\(?your\b.*)\s*$"
)
_OPTION = re.compile(r"(?:^|\s)\(?[A-E][.)](?=\s|$)")
_PROOF = re.compile(
    r"(?:^|[.;:,!?]\s+|\bthen\s+|\band\s+|\bplease\s+|\b(?:asked|want|wish|have|need|how)\s+to\s+|\n\s*)(?:prove|show|demonstrate|establish|verify)\s+"
    r"(?:that\b|the\s+(?:following|inequality|identity|theorem|statement|claim)\b|\$|:)|\bgive\s+a\s+(?:formal\s+)?proof\b"
    r"|\bprove\s+or\s+disprove\b",
    re.IGNORECASE,
)
_ASKED = re.compile(
    r"\?|\b(?:find|determine|calculate|compute|evaluate|how\s+(?:many|much)|solve|what\s+is|estimate)\b", re.IGNORECASE
)


def no_gold(questions: pl.DataFrame) -> pl.Series:
    """Rows without the answer, or the tests, that their verifier needs."""
    blank = pl.col("gold").str.strip_chars().fill_null("") == ""
    untested = ~pl.col("verifier_args").str.contains(_TESTED).fill_null(value=False)
    said = (
        pl.when(pl.col("verifier").is_in(NEED_GOLD) & blank)
        .then(pl.format("verifier {} needs a gold answer", "verifier"))
        .when((pl.col("verifier") == "code") & untested)
        .then(pl.lit("verifier code needs tests"))
    )
    return questions.select(said.alias("note")).get_column("note")


def answer_given(questions: pl.DataFrame) -> pl.Series:
    """Lines such as `Answer: 12`; not a blank to fill in, a list of options, or a sample of a programming task."""
    texts = questions.select(pl.when(pl.col("domain") != "code").then(pl.col("question")).alias("text"))

    def find(text: str) -> Place | None:
        for match in _STATED.finditer(text):
            answer = match["answer"].strip().strip("*_")
            if answer and not _BLANK.match(answer) and len(_OPTION.findall(answer)) < 2:
                return match.span()
        return None

    return noted(texts.get_column("text"), r"(?:answer|solution)[*_]*\s*[:\x{ff1a}]", find)


def proofs(questions: pl.DataFrame, rule: Proofs) -> pl.Series:
    """Questions that ask for a proof and nothing else, where the verifier compares an answer."""
    texts = questions.select(
        pl.when(pl.col("verifier").is_in(list(rule.verifiers))).then(pl.col("question")).alias("text")
    )

    def find(text: str) -> Place | None:
        plain = without_code(text)
        match = _PROOF.search(plain)
        return match.span() if match and not _ASKED.search(plain) else None

    return noted(texts.get_column("text"), r"\b(?:prove|proof|show|demonstrate|establish|verify)\b", find)
