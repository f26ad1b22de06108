"""The teacher `reference`: answers from a question's own worked solution and gold answer. No model, no response store.

Contract: a pure function of the question's columns; the same row gives the same text for ever. A question that has
neither solution nor gold has no reference answer, and the reason is said instead.
"""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Reference:
    """The answer of the source itself. `reasoning` is None when the source gives an answer only."""

    reasoning: str | None
    answer: str
    text: str


@dataclass(frozen=True, slots=True)
class NoReference:
    """The question has nothing to answer with."""

    reason: str


def reference_answer(
    solution: str | None,
    gold: str | None,
    *,
    opening: str = "<think>",
    closing: str = "</think>",
    answer_template: str = "{gold}",
) -> Reference | NoReference:
    """The worked solution as reasoning between the think tags, then the gold answer put into `answer_template`.

    Without a solution the text is the answer alone, without tags. Without a gold answer the solution is the answer:
    nothing says which part of it is final, so nothing is cut from it.
    """
    worked = (solution or "").strip()
    final = (gold or "").strip()
    if not worked and not final:
        return NoReference("the question has neither a solution nor a gold answer")
    if not final:
        return Reference(None, worked, worked)
    answer = answer_template.replace("{gold}", final)
    if not worked:
        return Reference(None, answer, answer)
    return Reference(worked, answer, f"{opening}\n{worked}\n{closing}\n\n{answer}")
