"""Judges by the other answers: is what a reply answers what most answers to its question say?

Belongs here: the counting. Answers come read (see `reading`), as canonical forms; forms that differ but are equal by the
verifier are merged (`merged`), the commoner first. The winner is the answer with most votes if no other has as many and at
least `least` agree; it is the pseudo gold of a question that has none. Without a winner every answer is `unverifiable`.
Memory holds a number a trace and, a question, its distinct answers. Pure; equality is asked of the caller.
"""

from __future__ import annotations

from array import array
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass, field, replace

from ot_assets.verification.verdict import (
    Verdict,
    VerifyTask,
    as_evidence,
    correct,
    no_answer,
    short,
    unverifiable,
    wrong,
)

_COMPARED = 24
"""Distinct answers of a question, the commonest first, that are compared with each other; further ones stand alone."""
_SHOWN = 5

Same = Callable[[Iterable[tuple[str, str]]], Iterable[bool]]
"""Whether each pair of answers is equal, by the verifier."""


@dataclass
class Answers:
    """The distinct answers to one question, in the order in which they came."""

    forms: dict[str, int] = field(default_factory=dict)
    """Canonical form -> number of the answer."""
    texts: list[str] = field(default_factory=list)
    """Each as the first reply wrote it."""
    counts: list[int] = field(default_factory=list)
    without: int = 0
    """Replies that state none."""

    def add(self, canonical: str | None, text: str | None) -> int:
        """Counts a reply's answer and gives its number; -1 for a reply that states none."""
        if canonical is None:
            self.without += 1
            return -1
        number = self.forms.setdefault(canonical, len(self.texts))
        if number == len(self.texts):
            self.texts.append(short(text or canonical, 300))
            self.counts.append(0)
        self.counts[number] += 1
        return number


@dataclass(frozen=True)
class Election:
    """What the answers to one question came to."""

    merged: tuple[int, ...]
    """Number of an answer -> number of the answer that it counts as."""
    winner: int | None
    """Number of the winning answer; None where there is none."""
    text: str | None
    """The winning answer."""
    why_none: str
    evidence: str
    texts: tuple[str, ...] = ()
    """Each answer as the first reply wrote it."""

    def verdict(self, number: int, task: VerifyTask) -> Verdict:
        """The verdict on a reply whose answer has this number (-1: it states none)."""
        if number < 0:
            return replace(no_answer(task), verifier="majority", evidence=self.evidence)
        text = self.texts[number]
        if self.winner is None:
            return unverifiable("majority", self.why_none, text, self.evidence)
        shown = short(self.text or "")
        if self.merged[number] == self.winner:
            return correct("majority", text, f"is what most answers say, {shown!r}", self.evidence)
        return wrong("majority", text, f"most answers say {shown!r}", self.evidence)


def elect(answers: Answers, least: int, same: Same) -> Election:
    """Merges equal answers and finds the winner. `same` is asked in rounds, one a distinct answer at most."""
    merged, texts = _merge(answers, same), tuple(answers.texts)
    totals: dict[int, int] = {}
    for number, count in enumerate(answers.counts):
        totals[merged[number]] = totals.get(merged[number], 0) + count
    ranked = sorted(totals, key=lambda n: (-totals[n], n))
    shown = [[short(answers.texts[n], 80), totals[n]] for n in ranked[:_SHOWN]]
    facts = {"answers": sum(answers.counts) + answers.without, "counts": shown, "without": answers.without}
    if len(ranked) > _SHOWN:
        facts["others"] = sum(totals[n] for n in ranked[_SHOWN:])
    evidence = as_evidence(**facts)
    if not ranked:
        return Election(merged, None, None, "no reply states an answer", evidence, texts)
    most = totals[ranked[0]]
    if most < least:
        agree = "no two answers agree" if most == 1 else f"only {most} answers agree"
        return Election(merged, None, None, f"{agree}; {least} must", evidence, texts)
    if len(ranked) > 1 and totals[ranked[1]] == most:
        tied = sum(1 for n in ranked if totals[n] == most)
        return Election(merged, None, None, f"{tied} answers have {most} votes each", evidence, texts)
    return Election(merged, ranked[0], answers.texts[ranked[0]], "", evidence, texts)


def _merge(answers: Answers, same: Same) -> tuple[int, ...]:
    """Answer -> the commonest answer that it equals, itself where it equals none."""
    order = sorted(range(len(answers.texts)), key=lambda n: (-answers.counts[n], n))
    merged = list(range(len(answers.texts)))
    heads: list[int] = []
    for number in order[:_COMPARED]:
        pairs = ((answers.texts[head], answers.texts[number]) for head in heads)
        found = next((head for head, equal in zip(heads, same(pairs), strict=True) if equal), None) if heads else None
        if found is None:
            heads.append(number)
        else:
            merged[number] = found
    return tuple(merged)


@dataclass
class Ballot:
    """The answers to all questions of a partition: filled in one pass over the traces, read in another, in the same order."""

    questions: dict[str, Answers] = field(default_factory=dict)
    numbers: array[int] = field(default_factory=lambda: array("i"))
    elections: dict[str, Election] = field(default_factory=dict)

    def add(self, question_id: str, canonical: str | None, text: str | None) -> None:
        """Counts the next trace's answer."""
        self.numbers.append(self.questions.setdefault(question_id, Answers()).add(canonical, text))

    def close(self, least: Callable[[str], int], same: Callable[[str], Same]) -> None:
        """Elects every question's answer; `least` and `same` are asked by question_id."""
        for question_id, answers in self.questions.items():
            self.elections[question_id] = elect(answers, least(question_id), same(question_id))
        self.questions.clear()

    def order(self) -> Iterator[int]:
        """The number of each trace's answer, in the order in which they were added."""
        return iter(self.numbers)
