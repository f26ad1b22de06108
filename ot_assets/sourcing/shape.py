"""From one raw row to one question, or to one row of the ledger with its reason.

Rules of rejection: `unreadable` (no row could be made of it, or its text is none: bytes, half characters, a zero),
`bad_row` (too few options), `no_text`, `too_long`, `gold_not_in_options`, and what the reader itself says
(`degenerate`). A missing gold answer is no reason to drop a question: it is kept with `verifier: none`. Pure; never
raises on any row.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from ot_assets.registry.specs.base import check_licence
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.sourcing.chat import first_assistant_turn, first_user_turn, is_chat
from ot_assets.sourcing.choices import (
    LETTERS,
    ChoiceError,
    Options,
    gold_letter,
    options_in,
    read_columns,
    read_options,
    render,
)
from ot_assets.sourcing.rows import RawRow
from ot_assets.verification.extraction import last_boxed
from schemas.ids import normalise, question_id


@dataclass(frozen=True, slots=True)
class Shaped:
    """A question; its fields are the columns of the `Questions` schema."""

    question_id: str
    question: str
    gold: str | None
    solution: str | None
    verifier: str
    verifier_args: str | None
    domain: str
    language: str
    licence: str
    source: str
    source_row: str


@dataclass(frozen=True, slots=True)
class Rejected:
    """A row that is no question; its fields are the columns of the `Ledger` schema."""

    row_id: str
    rule: str
    figure: float | None
    lost_to: str | None
    note: str | None
    source: str
    source_row: str


@dataclass(frozen=True, slots=True)
class _Judged:
    """What of a question depends on how it is judged."""

    question: str
    gold: str | None
    verifier: str
    args: str | None


def shape(row: RawRow, spec: QuestionSet, max_chars: int) -> Shaped | Rejected:
    """The question in a row, or why there is none."""
    if row.values is None or row.problem:
        return reject(row, spec, row.rule, row.problem, figure=row.figure, lost_to=row.lost_to)
    values = row.values
    if any(isinstance(value, bytes) for value in values.values()):
        try:
            values = _decoded(values)
        except ValueError as error:
            return reject(row, spec, "unreadable", str(error))
    text = _question_text(values, spec)
    if text is None or not normalise(text):
        return reject(row, spec, "no_text", "the question is empty")
    if len(text) > max_chars:
        return reject(
            row, spec, "too_long", f"{len(text):,} characters, at most {max_chars:,} are taken", figure=len(text)
        )
    try:
        judged = _judged(text.strip(), values, spec)
    except ChoiceError as error:
        return reject(row, spec, error.rule, error.note)
    shaped = Shaped(
        question_id(judged.question),
        judged.question,
        judged.gold,
        _solution(values, spec),
        judged.verifier,
        judged.args,
        spec.domain,
        spec.language,
        _licence(values, spec),
        spec.key,
        _source_row(row, spec),
    )
    return _readable(shaped, row, spec, max_chars)


def record(row: Shaped | Rejected) -> dict[str, Any]:
    """A row by column (as `dataclasses.asdict`, which copies deeply and takes a quarter of the time of a whole read)."""
    return {name: getattr(row, name) for name in row.__slots__}


def reject(
    row: RawRow, spec: QuestionSet, rule: str, note: str, *, figure: float | None = None, lost_to: str | None = None
) -> Rejected:
    """A row of the ledger."""
    clean = note.encode("utf-8", "replace").decode("utf-8")
    return Rejected(row.place, rule, figure, lost_to, clean[:500], spec.key, _source_row(row, spec))


def _decoded(values: Mapping[str, Any]) -> Mapping[str, Any]:
    """A row whose columns of bytes are text. ValueError where one is none."""
    texts = dict(values)
    for name, value in values.items():
        if isinstance(value, bytes):
            try:
                texts[name] = value.decode("utf-8")
            except UnicodeDecodeError:
                raise ValueError(f"column {name!r} holds {len(value):,} bytes that are no text") from None
    return texts


def _readable(shaped: Shaped, row: RawRow, spec: QuestionSet, max_chars: int) -> Shaped | Rejected:
    """The question, unless a text of it cannot be written down or its options made it too long."""
    if len(shaped.question) > max_chars:
        size = len(shaped.question)
        return reject(
            row, spec, "too_long", f"{size:,} characters with its options, at most {max_chars:,} are taken", figure=size
        )
    for name in ("question", "gold", "solution", "verifier_args", "licence"):
        text = getattr(shaped, name) or ""
        try:
            text.encode("utf-8")
        except UnicodeEncodeError as error:
            why = f"{name} holds half a character (a lone surrogate) at {error.start}"
            return reject(row, spec, "unreadable", why)
        if "\0" in text:
            why = f"{name} holds a zero (U+0000) at {text.index(chr(0))}: bytes, not text"
            return reject(row, spec, "unreadable", why)
    return shaped


def _question_text(values: Mapping[str, Any], spec: QuestionSet) -> str | None:
    if spec.question_template is not None:
        filled = {name: "" if value is None else value for name, value in values.items()}
        try:
            return spec.question_template.format_map(_Blanks(filled))
        except (KeyError, IndexError, ValueError, AttributeError, TypeError):
            return None
    value = values.get(spec.columns.question or "question")
    if is_chat(value):
        return first_user_turn(value)
    return value if isinstance(value, str) else None if value is None or isinstance(value, (list, dict)) else str(value)


class _Blanks(dict[str, Any]):
    """A row in which a column that it lacks is an empty text."""

    def __missing__(self, key: str) -> str:
        return ""


def _judged(text: str, values: Mapping[str, Any], spec: QuestionSet) -> _Judged:
    """Question, gold and verifier of a row, by the spec's verifier."""
    gold = values.get(spec.columns.gold) if spec.columns.gold else None
    if spec.columns.options is not None:
        return _choice(text, gold, _options(text, values, spec), spec, written=False)
    if spec.verifier == "choice":
        options = options_in(text) or Options(dict.fromkeys(LETTERS[:10], ""), {})
        return _choice(text, gold, options, spec, written=True)
    own = _json_text(values.get(spec.columns.verifier_args)) if spec.columns.verifier_args else None
    answer = _gold_text(gold, spec.verifier)
    needs_gold = spec.verifier in ("math", "exact")
    verifier = "none" if needs_gold and answer is None else spec.verifier
    return _Judged(text, answer, verifier, _with_settings(own, spec))


def _choice(text: str, gold: Any, options: Options, spec: QuestionSet, *, written: bool) -> _Judged:
    question = text if written else render(text, options)
    args = _with_settings(options.verifier_args, spec)
    if gold is None or (isinstance(gold, str) and not gold.strip()):
        without = spec.verifier if spec.verifier in ("judge", "majority") else "none"
        return _Judged(question, None, without, args)
    letter = gold_letter(gold, options, spec.columns.gold_is)
    return _Judged(question, letter, spec.verifier, args)


def _with_settings(own: str | None, spec: QuestionSet) -> str | None:
    """A row's `verifier_args` over those of its source. What is no JSON object is left as it is, for the verifier to say."""
    if not spec.verifier_args:
        return own
    try:
        there = json.loads(own or "{}")
    except ValueError:
        return own
    return json.dumps({**spec.verifier_args, **there}, ensure_ascii=False) if isinstance(there, dict) else own


def _options(text: str, values: Mapping[str, Any], spec: QuestionSet) -> Options:
    columns = spec.columns.options
    if isinstance(columns, str):
        return read_options(values.get(columns))
    assert columns is not None
    # the right answer's own column among the options would give every question the same letter
    shuffle = spec.columns.gold in columns
    return read_columns([values.get(name) for name in columns], text, shuffle=shuffle)


def _gold_text(gold: Any, verifier: str) -> str | None:
    """A gold answer as text: for mathematics what a box holds, or what follows the `####` of GSM8K."""
    if is_chat(gold):
        gold = first_assistant_turn(gold)
    if isinstance(gold, list) and len(gold) == 1:
        gold = gold[0]
    if gold is None or (isinstance(gold, float) and gold != gold):
        return None
    if isinstance(gold, list) and verifier == "exact":
        return None  # several texts are no one answer: all right ones, or all choices (HellaSwag's four endings)
    text = gold if isinstance(gold, str) else _json_text(gold) or ""
    if verifier == "math":
        text = last_boxed(text) or text.rpartition("####")[2]
    return text.strip() or None


def _solution(values: Mapping[str, Any], spec: QuestionSet) -> str | None:
    value = values.get(spec.columns.solution) if spec.columns.solution else None
    if is_chat(value):
        value = first_assistant_turn(value)
    if isinstance(value, list) and value and all(isinstance(v, str) for v in value):
        value = value[0]  # several solutions of one problem: the first
    text = value if isinstance(value, str) else _json_text(value)
    return text if text and text.strip() else None


def _licence(values: Mapping[str, Any], spec: QuestionSet) -> str:
    """The row's own licence, where it states one; what is no SPDX name becomes `other:<text>`."""
    value = values.get(spec.columns.licence) if spec.columns.licence else None
    if not isinstance(value, str) or not value.strip():
        return spec.licence
    try:
        return check_licence(value.strip())
    except ValueError:
        return f"other:{value.strip()}"


def _source_row(row: RawRow, spec: QuestionSet) -> str:
    """`<file>:<own id or index>`."""
    own = (row.values or {}).get(spec.columns.row_id) if spec.columns.row_id else None
    text = "" if own is None else str(own).encode("utf-8", "replace").decode("utf-8").strip()
    return f"{row.file}:{text}" if text else row.place


def _json_text(value: Any) -> str | None:
    """A value as text: a text as it is, anything else as JSON; None for null and for what is no JSON."""
    if value is None or isinstance(value, str):
        return value
    try:
        return json.dumps(value, ensure_ascii=False, default=str)
    except ValueError:
        return None
