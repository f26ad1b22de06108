"""From a training row, or a row that was dropped on the way, back to the row of the source.

Belongs here: how an id is understood and how the steps behind it are found. The versions read are those that the
training set's manifest recorded, not the current ones. `UserError` when the id is no id, fits several rows or none
(the nearest are named); an artifact that is lost or damaged is a step with a reason.
"""

from __future__ import annotations

import itertools
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import NoReturn

import polars as pl

from ot_assets.distillation.thread_examples import thread_trace
from ot_assets.lineage.chain import BY_SOURCE, Chain, Link
from ot_assets.lineage.conversation import is_thread, prompt_steps, thread_steps
from ot_assets.lineage.lookup import LEDGER, Row, Unreadable, distinct, find_rows, neighbours, reading
from ot_assets.lineage.path import Drop, RowPath, Step
from ot_assets.lineage.tree import resolve
from ot_assets.lineage.written import Ancestor, ancestors
from resources.artifacts import Artifact, ArtifactStore, Partition
from resources.errors import UserError
from schemas.ids import example_id as make_example_id

_ID = re.compile(r"^[cetq][0-9a-f]{0,31}$")
_COLUMN = {"e": "example_id", "t": "trace_id", "q": "question_id"}
_SHOWN = 10
_ORDER = ("training_set", "traces", "verdicts", "filtered_set", "mixed_pool", "screened_questions", "sourced_questions")
_LEDGERS = ("training_set", "traces", "filtered_set", "mixed_pool", "screened_questions", "sourced_questions")
_LEDGER_COLUMNS = ("row_id", "rule", "figure", "lost_to", "note", "source", "source_row")
_QUESTION = ("question_id", "source", "source_row", "question", "gold", "verifier", "domain", "licence")
_COLUMNS = {
    "training_set": (
        *("example_id", "trace_id", "question_id", "source", "source_row", "teacher", "domain", "verdict", "licence"),
        *("prompt_tokens", "completion_tokens", "completion"),
    ),
    "traces": (
        *("trace_id", "question_id", "source", "source_row", "teacher", "sample_index", "response_key", "model"),
        *("revision", "finish_reason", "reasoning_closed", "completion_tokens", "reasoning", "answer", "licence"),
    ),
    "verdicts": ("trace_id", "verdict", "verifier", "extracted", "reason"),
    "filtered_set": (*_QUESTION, "part", "copy", "answers_per_question"),
    "mixed_pool": (*_QUESTION, "part", "copy"),
    "screened_questions": _QUESTION,
    "sourced_questions": _QUESTION,
}


@dataclass(frozen=True)
class _Found:
    """Where a row ended: its first step, and the stages still to be followed behind it."""

    step: Step
    asset: str


def example_path(
    store: ArtifactStore, recipe: str, teacher: str, row_id: str, *, artifact_id: str | None = None
) -> RowPath:
    """The way of an example, trace or question (its id or the beginning of it) of a training set, the current one
    unless one is named.
    """
    if not _ID.match(row_id):
        raise UserError(
            f"{row_id!r} is not the id of a row",
            fix="give the id of an example (e…), trace (t…), question (q…) or thread (c…), or the first digits of one",
        )
    ref = resolve(store, "training_set", {"recipe": recipe, "teacher": teacher}, artifact_id)
    chain = Chain.of(store, ref)
    try:
        found = _example(chain, row_id) or _dropped(chain, row_id) or _unknown(chain, row_id)
    except Unreadable as error:
        raise UserError(str(error), fix=f"`ot run {recipe}` makes it again") from None
    steps = (found.step, *_behind(chain, found))
    outcome = "dropped" if found.step.drop else "example"
    ids = found.step.values
    name, written = str(ids.get("example_id") or ids.get("row_id")), _written_from(store, steps)
    return RowPath(recipe, teacher, name, outcome, steps, written)  # type: ignore[arg-type]


def _written_from(store: ArtifactStore, steps: tuple[Step, ...]) -> tuple[Ancestor, ...]:
    """What the question of the way's last step was written from."""
    last = steps[-1]
    question = last.values.get("question_id")
    if last.asset != "sourced_questions" or last.artifact is None or last.place is None or question is None:
        return ()
    try:
        return ancestors(store, store.get(last.asset, last.partition, last.artifact), str(question))
    except (Unreadable, UserError):
        return ()  # the step itself says what is wrong with the artifact


def _example(chain: Chain, row_id: str) -> _Found | None:
    """The one example that the id names; None when there is none."""
    if row_id[0] == "c":
        return None  # a thread: only ledgers name it so
    artifact = chain.open(chain.training)
    fits = pl.col(_COLUMN[row_id[0]]).str.starts_with(row_id)
    names = distinct(artifact, "example_id", fits, limit=_SHOWN + 1)
    if len(names) > 1:
        _ambiguous(row_id, "examples", names)
    if not names:
        return None
    total, rows = find_rows(artifact, pl.col("example_id") == names[0], _COLUMNS["training_set"], limit=1)
    return _Found(_step("training_set", Link(chain.training), rows[0], total), "training_set")


def _dropped(chain: Chain, row_id: str) -> _Found | None:
    """The last stage whose ledger holds the row: a row that came back in (another copy, another answer) counts by its
    last drop.
    """
    traces = _traces_of(chain, row_id) if row_id[0] == "q" else []
    for asset in _LEDGERS:
        for link in chain.links(asset):
            if link.vertex.manifest is None or LEDGER not in link.vertex.manifest.tables:
                continue
            found = _in_ledger(chain, link, row_id, traces)
            if found is not None:
                return found
    return None


def _in_ledger(chain: Chain, link: Link, row_id: str, traces: list[str]) -> _Found | None:
    artifact, cell, asset = chain.open(link.vertex), pl.col("row_id"), link.vertex.ref.asset
    names = distinct(artifact, "row_id", cell.str.starts_with(row_id), table=LEDGER, limit=_SHOWN + 1)
    if not names and row_id[0] == "e" and asset == "training_set":
        names = _examples_by_trace(artifact, chain.recipe, row_id)
    if len(names) > 1:
        _ambiguous(row_id, "dropped rows", names)
    if not names and traces:
        names = distinct(artifact, "row_id", cell.is_in(traces), table=LEDGER)
    if not names:
        return None
    total, rows = find_rows(artifact, cell.is_in(names), _LEDGER_COLUMNS, table=LEDGER, limit=1)
    return _Found(_step(asset, link, rows[0], total, table=LEDGER), asset)


def _examples_by_trace(artifact: Artifact, recipe: str, row_id: str) -> list[str]:
    """Dropped traces that would have become the example: a training set's ledger names traces, which had no example
    id yet.
    """
    with reading(artifact):
        names = (name for rows in artifact.batches(LEDGER) for name in rows["row_id"].unique(maintain_order=True))
        fitting = (n for n in names if n[:1] in "ct" and make_example_id(_trace_of(n), recipe).startswith(row_id))
        return list(dict.fromkeys(itertools.islice(fitting, _SHOWN + 1)))


def _trace_of(name: str) -> str:
    """What stands for a trace in an example of a dropped row: a thread's is made of its own id."""
    return thread_trace(name) if name.startswith("c") else name


def _traces_of(chain: Chain, question: str) -> list[str]:
    fits = pl.col("question_id").str.starts_with(question)
    found: list[str] = []
    for link in chain.links("traces"):
        if link.vertex.manifest is not None:
            found += distinct(chain.open(link.vertex), "trace_id", fits)
    return found


def _ambiguous(row_id: str, what: str, names: list[str]) -> NoReturn:
    shown = ", ".join(names[:_SHOWN]) + (" …" if len(names) > _SHOWN else "")
    raise UserError(f"{row_id} fits several {what}", fix=f"name one of them: {shown}")


def _unknown(chain: Chain, row_id: str) -> NoReturn:
    where = f"training_set[{chain.training.ref.partition}] {chain.training.ref.artifact_id}"
    column = _COLUMN.get(row_id[0])
    near = neighbours(chain.open(chain.training), column, row_id) if column else []
    fix = f"the nearest there: {', '.join(near)}" if near else "it holds no rows"
    raise UserError(f"no row {row_id} became part of {where} or was dropped on the way to it", fix=fix)


def _behind(chain: Chain, found: _Found) -> Iterable[Step]:
    """The steps behind the first, each found by what the rows before it say of themselves."""
    known = _known({}, found.step)
    if is_thread(known.get("source")) and found.asset == "training_set":
        yield from thread_steps(chain.store, chain.open(chain.training), known["source"], known["source_row"])
        return
    for asset in _ORDER[_ORDER.index(found.asset) + 1 :]:
        if found.asset == "traces" and asset == "verdicts":
            continue
        fits = _fits(asset, known)
        if fits is None:
            continue
        step = _look(chain, asset, fits, known.get("source"))
        if step is not None:
            known = _known(known, step)
            yield step
            if asset == "sourced_questions" and step.place is not None and "source_row" in known:
                assert step.artifact is not None
                sourced = chain.store.get(asset, step.partition, step.artifact)
                yield from prompt_steps(chain.store, sourced, known["source_row"])


def _known(before: Mapping[str, str], step: Step) -> dict[str, str]:
    """What is known of a row so far: names of its question, trace, source and source row."""
    known = dict(before)
    for name in ("trace_id", "question_id", "source", "source_row"):
        if step.values.get(name) is not None:
            known.setdefault(name, str(step.values[name]))
    if step.drop is not None and step.drop.row_id[:1] in ("t", "q"):
        known.setdefault(_COLUMN[step.drop.row_id[0]], step.drop.row_id)
    return known


def _fits(asset: str, known: Mapping[str, str]) -> pl.Expr | None:
    """Which row of a stage is meant; None when too little is known to ask."""
    if asset in ("traces", "verdicts"):
        return pl.col("trace_id") == known["trace_id"] if "trace_id" in known else None
    names = [name for name in ("question_id", "source", "source_row") if name in known]
    if "question_id" not in known and "source_row" not in known:
        return None
    return pl.all_horizontal(*(pl.col(name) == known[name] for name in names))


def _look(chain: Chain, asset: str, fits: pl.Expr, source: str | None) -> Step | None:
    """The stage's row, or a step that says why there is none. None for verdicts that the training set never read."""
    links = chain.links(asset, source)
    if not links:
        partition = Partition({"source": source} if asset in BY_SOURCE and source else {})
        gone = "no manifest on the way names a version of it"
        return None if asset == "verdicts" else Step(asset, partition, None, reason=gone)
    for link in links:
        step = _first(chain, asset, link, fits)
        if step.place is not None or len(links) == 1:
            return step
    return Step(asset, Partition(), None, reason=f"not in any of the {len(links)} versions that were read")


def _first(chain: Chain, asset: str, link: Link, fits: pl.Expr) -> Step:
    ref = link.vertex.ref
    if link.vertex.manifest is None:
        return Step(asset, ref.partition, ref.artifact_id, reason=link.vertex.reason)
    try:
        total, rows = find_rows(chain.open(link.vertex), fits, _COLUMNS[asset], limit=1)
    except Unreadable as error:
        return Step(asset, ref.partition, ref.artifact_id, reason=str(error))
    if not rows:
        return Step(asset, ref.partition, ref.artifact_id, reason="the row is not in this version")
    return _step(asset, link, rows[0], total)


def _step(asset: str, link: Link, row: Row, total: int, *, table: str = "") -> Step:
    ref, drop = link.vertex.ref, Drop.of(row.values) if table == LEDGER else None
    note = link.note or link.vertex.reason
    return Step(asset, ref.partition, ref.artifact_id, table, row.place, row.values, total, drop, note)
