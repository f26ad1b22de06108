"""From a spec to its questions: the one way into sourcing.

`read_source` streams: it reads a few thousand rows, shapes them, drops those whose question it has met before, checks
gold answers with the verifier that is to use them, and hands on a batch. Memory holds one batch and some 100 bytes a
distinct question. The same spec gives the same batches, row for row.

Property: rows read = rows out + rows rejected. A question whose gold answer its own verifier rejects is kept with
`verifier: none` (it can still be taught) and counted in `notes["gold_unverifiable"]`; so is one without a gold answer
(`gold_missing`).

Fails with UserError, at once or in the middle: an origin that cannot be read, a column that is not there, a `where`
value that no row has, a source without rows, a source of which every row was rejected.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import replace
from itertools import groupby, islice

from ot_assets.registry.specs.origin import (
    Columns,
    ConversationOrigin,
    FilesOrigin,
    ForumOrigin,
    HubOrigin,
    PdfOrigin,
    WheelOrigin,
    generates,
)
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.registry.specs.written import WrittenOrigin
from ot_assets.sourcing import files, forum, hub, mathematics, pdf, procedural, wheel
from ot_assets.sourcing.columns import Selection, require
from ot_assets.sourcing.rows import RawRow, SourcedBatch, SourcingContext, Tally
from ot_assets.sourcing.shape import Rejected, Shaped, record, reject, shape
from ot_assets.verification import Limits, Verdict, VerifierPool, check_gold
from ot_assets.verification.verify import gold_task
from resources.errors import UserError
from schemas.ledger import Ledger
from schemas.questions import Questions

GENERATED = Columns(question="question", gold="gold", solution="solution", verifier_args="verifier_args")
"""Columns of the rows that our own generators make."""
POSTS = Columns(question="question", gold="gold", solution="solution", row_id="id", licence="licence")
"""Columns of the questions of a forum."""
PROMPTS = Columns(question="question", solution="solution", row_id="id", licence="licence")
"""Columns of the prompts of conversations."""
PAGES = Columns(question="question")
"""Columns of the pages of a book."""

_CHARS = 32_000_000
_EXAMPLES = 3
_HEAD = 100
_NEED_GOLD = frozenset({"math", "choice", "procedural", "exact"})
_IN_POOL = frozenset({"math", "regex"})
_CHECKED = _NEED_GOLD | _IN_POOL
_GOLD_SECONDS = 5.0


def read_source(spec: QuestionSet, context: SourcingContext) -> Iterator[SourcedBatch]:
    """Batches of questions and rejected rows of a source or a benchmark, in the order of the origin."""
    tally, selection, seen = Tally(), Selection(spec), set[int]()
    rows, facts = raw_rows(spec, context)
    shaping = _shaping(spec)
    with VerifierPool(context.workers, Limits(seconds=_GOLD_SECONDS)) as pool:
        for raw in _chunks(_with_asked_columns(rows, shaping), context.batch_rows):
            kept = [row for row in raw if not row.left_out and (row.values is None or selection.keeps(row.values))]
            batch = _batch(
                [_once(row, shaping, context, seen) for row in kept], pool, wants_gold=spec.verifier in _NEED_GOLD
            )
            batch = replace(batch, not_selected=len(raw) - len(kept), facts=facts)
            tally.add(batch)
            yield batch
    selection.check_all_met()
    _check_not_empty(spec, tally)


def raw_rows(spec: QuestionSet, context: SourcingContext) -> tuple[Iterator[RawRow], dict[str, str]]:
    """The rows of an origin as they lie, and what was found out about it."""
    origin = spec.origin
    if isinstance(origin, WrittenOrigin):
        return _of_a_run(spec, context.written, "written by a model, which can be asked in a run only"), {}
    if isinstance(origin, ConversationOrigin):
        return _of_a_run(spec, context.prompts, "prompts of conversations, which are made in a run only"), {}
    if isinstance(origin, HubOrigin):
        return hub.read(spec, origin, context)
    if isinstance(origin, FilesOrigin):
        return files.read(spec, origin, context), {}
    if isinstance(origin, ForumOrigin):
        return forum.read(spec, origin, context)
    if isinstance(origin, PdfOrigin):
        return pdf.read(spec, origin, context), {}
    if isinstance(origin, WheelOrigin):
        return wheel.read(spec, origin, context), {}
    if origin.family == "mathematics-dataset":
        return mathematics.read(spec, origin, context), {}
    return procedural.read(spec, origin), {}


def _of_a_run(spec: QuestionSet, rows: Callable[[], Iterator[RawRow]] | None, what: str) -> Iterator[RawRow]:
    if rows is None:
        raise UserError(f"{spec.key}: its questions are {what}", fix="make it with `ot run`, or in the UI")
    return rows()


def _shaping(spec: QuestionSet) -> QuestionSet:
    """The spec by which rows are shaped: generators name the columns of their rows themselves.

    The rows of forums and books may be put otherwise: a question column or a template of the spec stays.
    """
    if not generates(spec.origin):
        return spec
    own = {ForumOrigin: POSTS, PdfOrigin: PAGES, ConversationOrigin: PROMPTS}.get(type(spec.origin))
    if own is None:
        return spec.model_copy(update={"columns": GENERATED, "question_template": None})
    if spec.question_template is not None or spec.columns.question is not None:
        own = own.model_copy(update=spec.columns.picked(*spec.columns.model_fields_set))
    return spec.model_copy(update={"columns": own})


def _with_asked_columns(rows: Iterator[RawRow], spec: QuestionSet) -> Iterator[RawRow]:
    """The rows as they come, once the first readable ones of each file are known to have the asked columns between
    them.
    """
    for file, group in groupby(rows, key=lambda row: row.file):
        rest = iter(group)
        head = list(islice(rest, _HEAD))
        there = {name for row in head for name in row.values or ()}
        if there:
            require(spec, there, file)
        yield from head
        yield from rest


def _chunks(rows: Iterator[RawRow], size: int) -> Iterator[list[RawRow]]:
    """Rows in lists of `size`, shorter where they hold very long texts."""
    chunk, chars = list[RawRow](), 0
    for row in rows:
        chunk.append(row)
        chars += sum(len(value) for value in (row.values or {}).values() if isinstance(value, str))
        if len(chunk) >= size or chars >= _CHARS:
            yield chunk
            chunk, chars = [], 0
    if chunk:
        yield chunk


def _once(row: RawRow, spec: QuestionSet, context: SourcingContext, seen: set[int]) -> Shaped | Rejected:
    """A row's question where it is met for the first time."""
    shaped = shape(row, spec, context.max_chars)
    if isinstance(shaped, Rejected):
        return shaped
    number = int(
        shaped.question_id[1:16], 16
    )  # 60 bits: a false repeat in ten million questions is a matter of 1 in 20,000
    if number in seen:
        return reject(row, spec, "duplicate_row", "the source has this question already", lost_to=shaped.question_id)
    seen.add(number)
    return shaped


def _batch(rows: list[Shaped | Rejected], pool: VerifierPool, *, wants_gold: bool) -> SourcedBatch:
    """A batch of what was shaped, its gold answers checked."""
    notes: Counter[str] = Counter()
    examples: list[str] = []
    questions = []
    kept = [row for row in rows if isinstance(row, Shaped)]
    for question, verdict in zip(kept, _gold_verdicts(kept, pool), strict=True):
        if question.verifier in _CHECKED and question.gold and not verdict.correct:
            notes["gold_unverifiable"] += 1
            examples.append(f"{question.source_row}: {verdict.reason}")
            question = replace(question, verifier="none")
        notes["gold_missing"] += wants_gold and question.gold is None
        questions.append(record(question))
    rejected = [record(row) for row in rows if isinstance(row, Rejected)]
    return SourcedBatch(
        Questions.frame(questions),
        Ledger.frame(rejected),
        len(rows),
        notes=+notes,
        examples=tuple(examples[:_EXAMPLES]),
    )


def _gold_verdicts(questions: list[Shaped], pool: VerifierPool) -> Iterator[Verdict]:
    """What each question's verifier says of its gold answer; only mathematics and patterns need a worker for that."""
    tasks = (
        gold_task(q.verifier if q.gold and q.verifier in _IN_POOL else "none", q.verifier_args, q.gold)
        for q in questions
    )
    for question, verdict in zip(questions, pool.verify_many(tasks), strict=True):
        near = question.gold and question.verifier in _CHECKED - _IN_POOL
        yield check_gold(question.verifier, question.verifier_args, question.gold) if near else verdict


def _check_not_empty(spec: QuestionSet, tally: Tally) -> None:
    """Raises UserError where nothing was read, or nothing of it is a question."""
    if tally.read == 0:
        left = f" (where leaves out all {tally.not_selected:,})" if tally.not_selected else ""
        raise UserError(f"{spec.key}: the source has no rows{left}", fix=f"correct origin in {spec.key}.yaml")
    if tally.kept == 0:
        why = ", ".join(f"{rule} {count:,}" for rule, count in tally.rules.most_common())
        why += f" (first: {tally.first})" if tally.first else ""
        raise UserError(
            f"{spec.key}: none of the {tally.read:,} rows is a question: {why}",
            fix=f"correct columns in {spec.key}.yaml",
        )
