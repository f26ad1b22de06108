"""What is handed to a verifier and what comes back.

Contract: a verdict always carries a reason that a person can read. The four verdicts mean

* `correct`: the answer equals the gold answer (or satisfies the scorer);
* `wrong`: it does not, or the reply ended without any answer. A reply that was cut at its token limit before it
  stated an answer is such a reply: it came, it was whole as far as it was allowed to go, and it holds no answer. What
  never came (a timeout, an endpoint that is down) is no reply at all and never reaches a verifier;
* `unverifiable`: nothing here can tell (no gold answer, a gold answer that does not verify against itself, a tie);
* `verifier_failed`: the verifier itself hung, crashed or ran out of memory. This is never counted as wrong.
"""

from __future__ import annotations

import json
from dataclasses import dataclass
from typing import Any, Literal

VerdictKind = Literal["correct", "wrong", "unverifiable", "verifier_failed"]
"""The four things that can be said of an answer."""

_EXTRACTED = 2_000
_REASON = 500
_EVIDENCE = 2_000


@dataclass(frozen=True, slots=True)
class Verdict:
    """What a verifier said of one answer."""

    verdict: VerdictKind
    """correct, wrong, unverifiable or verifier_failed."""
    verifier: str
    """Who judged: math, choice, procedural, exact, regex, judge, majority, code or none."""
    extracted: str | None
    """The answer as the verifier read it out of the reply (cut at 2,000 characters); None where it found none."""
    reason: str
    """Why, in words (cut at 500 characters)."""
    evidence: str | None = None
    """What the verdict rests on, as a short JSON object (see `as_evidence`): tests passed, votes, counts. None where the
    reason says it all.
    """

    @property
    def correct(self) -> bool:
        """Whether the verdict is `correct`."""
        return self.verdict == "correct"


@dataclass(frozen=True, slots=True)
class VerifyTask:
    """One answer to judge."""

    verifier: str
    """math, choice, procedural, exact, regex, judge, majority, code or none."""
    verifier_args: str | None
    """JSON: what the verifier needs beside the gold answer (see each verifier); None where it needs nothing."""
    gold: str | None
    """The right answer; None or blank where the source states none."""
    answer: str | None
    """The reply without its reasoning; None where the reply never got to an answer."""
    finish_reason: str = "stop"
    """Why the reply ended; `length` means that it was cut, and then only an explicitly stated answer counts."""
    reasoning_closed: bool = True
    """Whether the reasoning came to its end; only words the reason of a missing answer."""
    raw: bool = False
    """Whether the answer is nothing but the answer, as gold answers are, so that nothing is to be extracted from it."""

    @property
    def cut(self) -> bool:
        """Whether the reply was cut at its token limit."""
        return self.finish_reason == "length"


def correct(verifier: str, extracted: str | None, reason: str, evidence: str | None = None) -> Verdict:
    """A `correct` verdict."""
    return _verdict("correct", verifier, extracted, reason, evidence)


def wrong(verifier: str, extracted: str | None, reason: str, evidence: str | None = None) -> Verdict:
    """A `wrong` verdict."""
    return _verdict("wrong", verifier, extracted, reason, evidence)


def unverifiable(verifier: str, reason: str, extracted: str | None = None, evidence: str | None = None) -> Verdict:
    """An `unverifiable` verdict."""
    return _verdict("unverifiable", verifier, extracted, reason, evidence)


def failed(verifier: str, reason: str, extracted: str | None = None, evidence: str | None = None) -> Verdict:
    """A `verifier_failed` verdict."""
    return _verdict("verifier_failed", verifier, extracted, reason, evidence)


def no_answer(task: VerifyTask) -> Verdict:
    """The verdict on a reply in which no answer was found, saying what kind of reply it was."""
    if task.finish_reason == "content_filter":
        return unverifiable(task.verifier, "no answer found: the endpoint's content filter ended the reply")
    if not task.reasoning_closed:
        return wrong(task.verifier, None, "no answer found: the reasoning never came to its end")
    if task.cut:
        return wrong(task.verifier, None, "no answer found: the reply was cut at its token limit before it stated one")
    return wrong(task.verifier, None, "no answer found")


def short(text: str, length: int = 80) -> str:
    """A text on one line and cut, for a reason."""
    line = " ".join(text.split())
    return line if len(line) <= length else line[: length - 1] + "…"


def as_evidence(**facts: Any) -> str:
    """Facts as the JSON object that a verdict carries. Keep it short: texts cut, lists of a few.

    Raises TypeError for what is no JSON, and ValueError for one of more than 2,000 characters, since half of a JSON
    object is none.
    """
    said = json.dumps(facts, ensure_ascii=False, separators=(",", ":"))
    if len(said) > _EVIDENCE:
        raise ValueError(f"evidence of {len(said):,} characters: cut the texts in it")
    return said


def _verdict(
    kind: VerdictKind, verifier: str, extracted: str | None, reason: str, evidence: str | None = None
) -> Verdict:
    cut = extracted if extracted is None or len(extracted) <= _EXTRACTED else extracted[: _EXTRACTED - 1] + "…"
    return Verdict(kind, verifier, cut, short(reason, _REASON), evidence)
