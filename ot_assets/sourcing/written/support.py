"""Questions that were pulled out of documents: made to stand alone, and checked against the passage.

Belongs here: the second and third step of pull out -> refine -> filter (OpenThoughts3's organic chemistry from PDF
books, arXiv 2506.04178, question sourcing). Contract: one request a question and step; a question whose check cannot
be read goes to the ledger (`check_failed`), never on; one that could not be refined is checked as it is.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from ot_assets.sourcing.written.asking import Asked, Got
from ot_assets.sourcing.written.candidates import Candidate, Fate, Lost
from ot_assets.sourcing.written.prompts import check_prompt, refine_prompt
from ot_assets.sourcing.written.replies import Refined, Supported, Written

_NOTE = 300


def refined(candidates: Sequence[Candidate], asked: Asked) -> list[Candidate]:
    """The candidates, reworded so that they stand alone."""
    requests = [asked.request(refine_prompt(*_shown(one))) for one in candidates]
    found = asked.values(requests, Refined, "refine")
    return [_reworded(one, got) for one, got in zip(candidates, found, strict=True)]


def supported(candidates: Sequence[Candidate], asked: Asked) -> list[Fate]:
    """Each candidate whose answer its passage supports and which stands alone; the others as lost."""
    requests = [asked.request(check_prompt(*_shown(one))) for one in candidates]
    found = asked.values(requests, Supported, "check")
    return [_judged(one, got) for one, got in zip(candidates, found, strict=True)]


def _shown(one: Candidate) -> tuple[str, str, str]:
    return one.parents[0].text, one.written.question, one.written.answer or ""


def _reworded(one: Candidate, got: Got[Refined]) -> Candidate:
    if got.value is None:
        return one
    said = got.value
    return replace(one, written=Written(said.question.strip(), said.answer.strip(), one.written.solution))


def _judged(one: Candidate, got: Got[Supported]) -> Fate:
    said = got.value
    if said is None:
        return Lost("check_failed", f"the check has no result: {got.fault}"[:_NOTE])
    if not said.supported:
        return Lost("unsupported", said.reasoning[:_NOTE] or "the passage does not support the answer")
    if not said.stands_alone:
        return Lost("not_alone", said.reasoning[:_NOTE] or "it cannot be understood without the passage")
    return one
