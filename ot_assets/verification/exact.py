r"""Judges by equality of texts: is what the reply answers the gold answer, word for word?

What is read as the answer, the first that is there: the whole reply where it equals the gold answer, the last \boxed{}
or <answer> tag, what "the answer is" announces, the last line (not of a reply that was cut). Two texts are equal when
they are so as they stand or without markup (`**Paris**.` is `Paris`; not where white space counts), after Unicode's NFKC,
with case and white space as `verifier_args` says (`args.ExactArgs`). Nothing here raises on any reply.
"""

from __future__ import annotations

import re
import unicodedata

from ot_assets.verification import args
from ot_assets.verification.args import ExactArgs
from ot_assets.verification.extraction import last_line, marked, plain, stated
from ot_assets.verification.verdict import Verdict, VerifyTask, correct, no_answer, short, unverifiable, wrong


def judge(task: VerifyTask) -> Verdict:
    """The verdict on one answer; `unverifiable` without a gold answer."""
    gold, how = task.gold or "", args.of(ExactArgs, task.verifier_args)
    if not gold.strip():
        return unverifiable("exact", "there is no gold answer")
    reply = task.answer or ""
    if same(reply, gold, how):
        return correct("exact", reply.strip(), f"equals the gold answer {short(gold)!r}")
    text = stated_text(task)
    if text is None:
        return no_answer(task)
    if same(text, gold, how):
        return correct("exact", text, f"equals the gold answer {short(gold)!r}")
    return wrong("exact", text, f"{short(text)!r} is not the gold answer {short(gold)!r}")


def same(one: str, other: str, how: ExactArgs) -> bool:
    """Whether two texts are equal, as they stand or without markup."""
    return bool(_forms(one, how) & _forms(other, how))


def canonical(text: str, how: ExactArgs) -> str:
    """The one form of a text in which answers are counted."""
    return (normal(plain(text), how) if how.space != "keep" else "") or normal(text, how)


def stated_text(task: VerifyTask) -> str | None:
    """What a reply states as its answer; None where it states none."""
    reply = task.answer or ""
    if task.raw:
        return reply.strip() or None
    text = marked(reply)
    if text is not None:
        return text
    announced = next(stated(reply), None)
    if announced is not None:
        return announced.text
    return None if task.cut else last_line(reply)


def normal(text: str, how: ExactArgs) -> str:
    """A text as texts are compared."""
    text = unicodedata.normalize("NFKC", text).strip()
    if how.case == "ignore":
        text = text.casefold()
    return text if how.space == "keep" else re.sub(r"\s+", " " if how.space == "collapse" else "", text)


def _forms(text: str, how: ExactArgs) -> set[str]:
    forms = {normal(text, how)}
    if (
        how.space != "keep" and len(text) <= 2_000
    ):  # taking markup off joins spaces, and a long text is no marked-up word
        forms.add(normal(plain(text), how))
    return forms - {""}
