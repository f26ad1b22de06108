"""The one small interface: which verifier judges what.

`verify` judges in this process, with no more guard than math-verify's own alarm; use a `VerifierPool` for anything
that came from a model. Fails with UserError for a verifier that there is not.
"""

from __future__ import annotations

from ot_assets.verification import choice, code, exact, math, procedural, reading, regex
from ot_assets.verification.verdict import Verdict, VerifyTask, unverifiable
from resources.errors import UserError

NAMES = ("math", "choice", "procedural", "exact", "regex", "judge", "majority", "code", "none")
"""The verifiers that there are."""

ELSEWHERE = {
    "judge": "a judge is a model: its votes are asked for where traces are judged",
    "majority": "a majority needs all answers to a question: it is counted where traces are judged",
}
"""Verifiers that cannot judge one answer by itself, and why."""

IN_WORKER = frozenset({"math", "procedural", "regex", reading.NAME})
"""Verifiers that can hang or eat memory on what a model wrote, and so belong into a worker process."""


def verify(
    verifier: str,
    verifier_args: str | None,
    gold: str | None,
    answer_text: str | None,
    *,
    finish_reason: str = "stop",
    reasoning_closed: bool = True,
    seconds: int | None = 5,
) -> Verdict:
    """Judges one answer.

    Args:
        verifier: one of `NAMES`.
        verifier_args: JSON that the verifier wants: `{"options": {...}}` for choice, the generated item for procedural,
            the settings of `args` for exact and regex.
        gold: the right answer; blank or None makes the verdict `unverifiable`.
        answer_text: the reply without its reasoning; None or blank is `wrong` ("no answer found").
        finish_reason: `length` means that the reply was cut; then only an answer that it announces counts.
        reasoning_closed: whether the reasoning came to its end; words the reason of a missing answer.
        seconds: math-verify's own alarm, which works in a main thread only.
    """
    return judge(VerifyTask(verifier, verifier_args, gold, answer_text, finish_reason, reasoning_closed), seconds)


def judge(task: VerifyTask, seconds: int | None = None) -> Verdict:
    """The verdict on one task, in this process."""
    if task.verifier == "math":
        return math.judge(task, seconds)
    if task.verifier == "choice":
        return choice.judge(task)
    if task.verifier == "procedural":
        return procedural.judge(task)
    if task.verifier == "exact":
        return exact.judge(task)
    if task.verifier == "regex":
        return regex.judge(task)
    if task.verifier == reading.NAME:
        return reading.read(task, seconds)
    if task.verifier in ELSEWHERE:
        return unverifiable(task.verifier, ELSEWHERE[task.verifier])
    if task.verifier == "code":
        return code.judge(task)
    if task.verifier == "none":
        return unverifiable("none", "the source names no verifier")
    raise UserError(f"there is no verifier {task.verifier!r}", fix=f"name one of {', '.join(NAMES)}")


def gold_task(verifier: str, verifier_args: str | None, gold: str | None) -> VerifyTask:
    """The task that checks a gold answer: is it judged correct when it is given as the answer?"""
    answer = math.gold_as_answer(gold) if verifier == "math" and gold else gold
    return VerifyTask(verifier, verifier_args, gold, answer, raw=True)


def check_gold(verifier: str, verifier_args: str | None, gold: str | None, *, seconds: int | None = 5) -> Verdict:
    """What the verifier says of the gold answer itself; anything but `correct` means that it cannot judge this
    question.
    """
    return judge(gold_task(verifier, verifier_args, gold), seconds)
