r"""Judges by a pattern: does the answer match the regular expression of the question?

`verifier_args` is `args.RegexArgs`. `match: full` wants the whole of what the reply states as its answer (see `exact`) to
match, `match: search` any place of the reply; the last match counts. A pattern with a group named `answer` reads the answer,
which must then equal the gold answer. Without such a group a gold answer is not needed; where there is one it must match the
pattern itself, or the question is `unverifiable`.

A pattern may take forever on a reply that a model wrote: judge in a `VerifierPool`, which kills it.
"""

from __future__ import annotations

import re

from ot_assets.verification import args
from ot_assets.verification.args import ExactArgs, RegexArgs, compiled, pattern_fault
from ot_assets.verification.exact import same, stated_text
from ot_assets.verification.verdict import Verdict, VerifyTask, correct, no_answer, short, unverifiable, wrong


def judge(task: VerifyTask) -> Verdict:
    """The verdict on one answer; `unverifiable` without a usable pattern, or with a gold answer that does not match it."""
    how = args.of(RegexArgs, task.verifier_args)
    fault = pattern_fault({"pattern": how.pattern, "flags": how.flags})
    if fault:
        return unverifiable("regex", fault)
    pattern, gold = compiled(how.pattern, how.flags), (task.gold or "").strip()
    reads = "answer" in pattern.groupindex
    if reads and not gold:
        return unverifiable("regex", "the pattern reads an answer, and there is no gold answer to compare it with")
    if gold and not reads and _match(pattern, gold, how.match) is None:
        return unverifiable("regex", f"the gold answer {short(gold)!r} does not match its own pattern {how.pattern!r}")
    text = (task.answer or "").strip() if how.match == "search" else stated_text(task)
    if not text:
        return no_answer(task)
    return _say(pattern, text, how, gold if reads else None)


def _say(pattern: re.Pattern[str], text: str, how: RegexArgs, gold: str | None) -> Verdict:
    found = _match(pattern, text, how.match)
    shown = f"the pattern {short(how.pattern)!r}"
    if found is None:
        whole = short(text) if how.match == "full" else "the reply"
        return wrong("regex", text if how.match == "full" else None, f"{whole!r} does not match {shown}")
    if gold is None:
        return correct("regex", found.group(), f"{short(found.group())!r} matches {shown}")
    answer = found.group("answer") or ""
    if same(answer, gold, ExactArgs()):
        return correct("regex", answer, f"{shown} reads the gold answer {short(gold)!r}")
    return wrong("regex", answer, f"{shown} reads {short(answer)!r}, which is not the gold answer {short(gold)!r}")


def _match(pattern: re.Pattern[str], text: str, how: str) -> re.Match[str] | None:
    """The match that counts: of the whole text, or the last one in it."""
    if how == "full":
        return pattern.fullmatch(text.strip())
    last = None
    for last in pattern.finditer(text):  # noqa: B007 - the last one is wanted
        pass
    return last
