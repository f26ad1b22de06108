r"""Judges the answer to a generated question with the scorer of its reasoning-gym generator.

`verifier_args` is `{"dataset": name, "config": {...}, "metadata": {...}}` (see `procedural_args`), so an answer can
be judged from the row alone, in any later run. A score of 0.99 or more is `correct`: scorers give part of the points
for near misses.

What is scored: the last \boxed{} or <answer> tag, else what "the answer is" announces, else what fits the gold
answer: its last number, its last yes or no, its last line, or for a gold of several lines the last block. A reply
that was cut is not guessed at. Answers that a scorer would evaluate as Python reach it only in a harmless form (see
`guard`).
"""

from __future__ import annotations

import json
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from functools import lru_cache
from typing import Any, Literal

from ot_assets.verification.extraction import Stated, last_block, last_line, marked, plain, stated
from ot_assets.verification.guard import fitness
from ot_assets.verification.numbers import as_number, first_number, last_number
from ot_assets.verification.verdict import Verdict, VerifyTask, correct, failed, no_answer, short, unverifiable, wrong

PASS = 0.99
"""Score from which an answer is correct."""

WITHOUT_GOLD = frozenset({"boxnet", "graph_color", "rubiks_cube", "rush_hour"})
"""Generators that state no answer of their own; their scorers check any solution against the puzzle."""

_TUPLES = frozenset({"arc_agi", "rearc"})
Kind = Literal["block", "number", "fraction", "yes_no", "line"]
_YES_NO = frozenset({"yes", "no", "true", "false"})


@dataclass(frozen=True)
class Entry:
    """What `verifier_args` holds."""

    dataset: str
    config: str
    """Canonical JSON of the generator's settings."""
    metadata: Mapping[str, Any]


def procedural_args(dataset: str, config: Mapping[str, Any], metadata: Mapping[str, Any]) -> str:
    """`verifier_args` of a generated question. Raises TypeError where the metadata cannot be written as JSON."""
    return json.dumps(
        {"dataset": dataset, "config": dict(config), "metadata": dict(metadata)}, sort_keys=True, ensure_ascii=False
    )


def judge(task: VerifyTask) -> Verdict:
    """The verdict on one answer; `verifier_failed` where the scorer itself raises."""
    entry = read_entry(task.verifier_args)
    if entry is None:
        return unverifiable("procedural", "verifier_args does not hold the generated item (dataset, config, metadata)")
    gold = task.gold or ""
    if not gold.strip() and entry.dataset not in WITHOUT_GOLD:
        return unverifiable("procedural", "there is no gold answer")
    verdict: Verdict | None = None
    for form in [task.answer or ""] if task.raw else _readings(task, gold):
        verdict = _score(entry, gold, form)
        if verdict.correct:
            break
    return verdict or no_answer(task)


def read_entry(verifier_args: str | None) -> Entry | None:
    """The generated item in `verifier_args`; None where it holds none."""
    try:
        data = json.loads(verifier_args or "")
        config = json.dumps(data["config"], sort_keys=True)
        return Entry(str(data["dataset"]), config, dict(data["metadata"]))
    except (ValueError, KeyError, TypeError):
        return None


def _readings(task: VerifyTask, gold: str) -> list[str]:
    """Readings of the one place in the reply that states the answer, the plainest last; never several places."""
    reply, kind = task.answer or "", _kind(gold)
    text = marked(reply)
    if text is None:
        announced = next(stated(reply), None)
        text = _announced(reply, announced, kind) if announced else None
    if text is None and not task.cut and reply.strip():
        text = _fitting(reply, gold, kind)
    return list(dict.fromkeys(form for form in _forms(text, gold, kind) if form.strip())) if text else []


def _kind(gold: str) -> Kind:
    """What a gold answer looks like, which says what to look for in a reply."""
    if "\n" in gold.strip():
        return "block"
    if as_number(gold) is not None:
        return "fraction" if "/" in gold or "frac" in gold else "number"
    return "yes_no" if gold.strip().casefold() in _YES_NO else "line"


def _forms(text: str, gold: str, kind: Kind) -> Iterator[str]:
    """The same text as it stands, without markup, and as the number or word that it is."""
    yield text.strip()
    yield plain(text)
    if kind == "yes_no" and plain(text).casefold() == gold.strip().casefold():
        yield gold.strip()
    if kind == "number" and as_number(text) is not None and not re.search(r"[/%]|frac", text):
        yield (first_number(plain(text)) or "").replace(",", "").replace("\u2212", "-")
    if "^" in text:
        yield plain(text).replace("^", "**")


def _announced(reply: str, announced: Stated, kind: Kind) -> str | None:
    """What of an announced answer fits the gold: its number, its yes or no, all of its lines, or its one line."""
    text = announced.text
    if kind == "block":
        return reply[reply.index(text, announced.start) :].strip()
    if kind == "number" and as_number(text) is None:
        if text.rstrip("*$ ").endswith("="):
            return None  # the question said again ("the answer to the problem: 57 + 87 ="), with the work still to come
        return first_number(text.rsplit("=", 1)[-1]) or first_number(text) or text
    if kind == "fraction" and as_number(text) is None:
        return _last_fraction(text) or text
    if kind == "yes_no":
        return _yes_no(text, last=False) or text
    return text


def _fitting(reply: str, gold: str, kind: Kind) -> str | None:
    """What of an unannounced answer fits the gold."""
    if kind == "block":
        return last_block(reply)
    if kind == "number":
        return last_number(reply)
    if kind == "fraction":
        return _last_fraction(reply)
    if kind == "yes_no":
        return _yes_no(reply, last=True)
    line = last_line(reply) or ""
    return line.rpartition(": ")[2] if ":" not in gold else line


def _last_fraction(text: str) -> str | None:
    r"""The last `a/b` or `\frac{a}{b}` in a text."""
    found = re.findall(r"-?\d+\s*/\s*\d+|-?\\[dt]?frac\{\d+\}\{\d+\}", text)
    return found[-1] if found else None


def _yes_no(text: str, *, last: bool) -> str | None:
    """The first word of a text where it is yes, no, true or false; else, with `last`, the last such word in it."""
    opening = re.match(r"\W*(yes|no|true|false)\b", text, re.IGNORECASE)
    if opening:
        return opening[1]
    found = re.findall(r"\b(yes|no|true|false)\b", text, re.IGNORECASE) if last else []
    return found[-1] if found else None


def _score(entry: Entry, gold: str, answer: str) -> Verdict:
    """What the generator's own scorer says of a text."""
    fit = fitness(entry.dataset, answer)
    if fit == "unreadable":
        return wrong("procedural", answer, f"{short(answer)!r} is not an expression, as {entry.dataset} wants")
    if fit == "refused":
        why = f"the scorer of {entry.dataset} would evaluate {short(answer)!r} as Python, which needs a sandbox"
        return unverifiable("procedural", why, answer)
    try:
        scorer = _scorer(entry.dataset, entry.config)
        metadata = _tuples(entry.metadata) if entry.dataset in _TUPLES else entry.metadata
        score = float(scorer.score_answer(answer=answer, entry={"question": "", "answer": gold, "metadata": metadata}))
    except Exception as error:
        return failed("procedural", f"the scorer of {entry.dataset} failed: {type(error).__name__}: {error}", answer)
    if score >= PASS:
        return correct("procedural", answer, f"{entry.dataset} scores it {score:g}")
    return wrong("procedural", answer, f"{entry.dataset} scores it {score:g}; the gold answer is {short(gold)!r}")


@lru_cache(maxsize=64)
def _scorer(dataset: str, config: str) -> Any:
    """A generator whose `score_answer` is asked; it is never asked for items. Raises ValueError for an unknown name."""
    import reasoning_gym

    return reasoning_gym.create_dataset(dataset, **{**json.loads(config), "size": 1, "seed": 0})


def _tuples(value: Any) -> Any:
    """Lists as tuples, inner ones too: the ARC scorers compare with tuples, which JSON does not know."""
    if isinstance(value, list):
        return tuple(_tuples(v) for v in value)
    if isinstance(value, dict):
        return {k: _tuples(v) for k, v in value.items()}
    return value
