"""Reads what a reply answers without judging it, for a majority to count: the answer, and the form in which it counts.

Contract: `read` gives a Verdict that judges nothing: `unverifiable`, with the answer in `extracted` and its canonical form in
`evidence` (`{"canonical": ...}`); a reply without an answer gets the verdict on such a reply. Equal canonical forms are equal
answers; that unequal forms are unequal answers is not said (`1/3` and `0.333333`): `majority` compares them with the
verifier. Math is read with math-verify and can hang: read in a `VerifierPool`.
"""

from __future__ import annotations

import hashlib
import json
from dataclasses import replace

from ot_assets.verification import args, choice, exact, math
from ot_assets.verification.args import ExactArgs, MajorityArgs, Of
from ot_assets.verification.verdict import Verdict, VerifyTask, as_evidence, no_answer, unverifiable

NAME = "reading"
"""The name under which a pool takes these tasks; no source can name it."""

_LONGEST = 300


def reading_task(task: VerifyTask) -> VerifyTask:
    """The task that reads the answer that `task` would judge."""
    return replace(task, verifier=NAME, gold=None)


def how_read(verifier_args: str | None) -> Of:
    """How the answers to a question are read."""
    said = args.of(MajorityArgs, verifier_args).of
    if said != "auto":
        return said
    return "choice" if choice.read_options(verifier_args) else "math"


def read(task: VerifyTask, seconds: int | None = None) -> Verdict:
    """The answer of a reply and its canonical form."""
    how = how_read(task.verifier_args)
    if how == "choice":
        found = choice.choose(task.answer or "", choice.read_options(task.verifier_args), cut=task.cut)
        pair = (found.letter, found.letter) if found.letter else None
    elif how == "exact":
        text = exact.stated_text(task)
        pair = None if text is None else (text, exact.canonical(text, args.of(ExactArgs, task.verifier_args)))
    else:
        pair = math.read(task, seconds)
    if pair is None or not pair[1]:
        return replace(no_answer(task), verifier=NAME)
    return unverifiable(NAME, "read, not judged", pair[0], as_evidence(canonical=_short(pair[1])))


def canonical_of(verdict: Verdict) -> str | None:
    """The canonical form in what `read` gave; None where there is no answer."""
    if verdict.evidence is None:
        return None
    return str(json.loads(verdict.evidence)["canonical"])


def _short(text: str) -> str:
    """A long form as its hash."""
    return text if len(text) <= _LONGEST else "#" + hashlib.sha256(text.encode("utf-8", "surrogatepass")).hexdigest()
