"""Answer filters that ask a model: is this answer correct (`judge_verify`), which of these is the best (`judge_pick`).

Belongs here: what a judge is asked, and what its replies do to the rows. Any teacher may judge. It is asked through the
response store, with a reply that is data (`resources.generation.structured`), so a judgement is bought once. Contract: texts
are read as the requests are made, so memory holds those under way and a few figures a trace. A judge that gave no reply that
reads has not judged: such a trace goes to the ledger as `judge_failed`, never as wrong. The order in which answers to pick
from are shown is drawn by the seed, because models prefer what stands first. Fails with `UserError` when replies are
missing that another run may bring; all that came is stored by then.
"""

from __future__ import annotations

from collections import defaultdict, deque
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import polars as pl
from pydantic import BaseModel

from ot_assets.curation.draws import draw_order
from ot_assets.distillation.aids import TEXTS, Aids, Judge, shown
from ot_assets.distillation.funnel import Funnel
from ot_assets.distillation.prompts import fill, sampling_of, with_system
from ot_assets.registry.specs.answer_filter import JudgePick, JudgeVerify
from resources.errors import UserError
from resources.generation.reply import Failure
from resources.generation.request import Request
from resources.generation.structured import StructuredOutcome, ask_structured

JUDGED_WRONG = "judged_wrong"
JUDGE_FAILED = "judge_failed"
NOT_PICKED = "not_picked"

_NOTE = 300
_UNKNOWN = "(not known)"


class Judgement(BaseModel):
    """What a judge says of one answer."""

    reasoning: str
    correct: bool


class Choice(BaseModel):
    """Which of the numbered answers a judge picks, the best first."""

    reasoning: str
    best: list[int]


@dataclass(slots=True)
class _Tally:
    """The votes on one trace, and the first words against it or about what went wrong."""

    yes: int = 0
    no: int = 0
    said: str | None = None


@dataclass
class _Picks:
    """What became of the traces that a judge saw: the place of a picked one, and for the others what was said."""

    place: dict[str, int] = field(default_factory=dict)
    lost: dict[str, tuple[str, str | None, str]] = field(default_factory=dict)
    """trace_id -> rule, the trace that it lost to, what was said."""


def judged_correct(step: JudgeVerify, funnel: Funnel, aids: Aids) -> None:
    """Drops answers that the judge does not call correct in more than half of its votes."""
    funnel.need_answers()
    judge = aids.judge(step.judge, "verify", len(funnel.frame) * step.votes)
    waiting: defaultdict[str, deque[str]] = defaultdict(deque)
    tallies: defaultdict[str, _Tally] = defaultdict(_Tally)
    open_ones: list[Failure] = []
    requests = _verify_requests(step, judge, funnel.frame, aids, waiting)
    for outcome in ask_structured(judge.ask, requests, Judgement, attempts=step.attempts):
        trace = _settle(waiting, outcome.request)
        _count(tallies[trace], outcome, open_ones)
    _refuse_unfinished(step.judge, open_ones)
    _drop_by_votes(funnel, tallies)


def picked(step: JudgePick, funnel: Funnel, aids: Aids) -> None:
    """Keeps the `keep` answers a question (and time that it was drawn) that the judge picks; where no more are left, it is
    not asked.
    """
    funnel.need_answers()
    sizes = funnel.frame.group_by("question_id").agg(pl.len().alias("n"), pl.col("copies").first() * step.keep)
    crowded = {question: (n, most) for question, n, most in sizes.iter_rows() if n > most}
    if not crowded:
        return
    judge = aids.judge(step.judge, "pick", len(crowded))
    seed = funnel.seed if step.seed is None else step.seed
    waiting: defaultdict[str, deque[tuple[str, ...]]] = defaultdict(deque)
    picks = _Picks()
    open_ones: list[Failure] = []
    among = funnel.frame.filter(pl.col("question_id").is_in(list(crowded)))
    most = {question: keep for question, (_, keep) in crowded.items()}
    asked = _pick_requests(step, judge, _together(aids, among, crowded), seed, most, waiting)
    of = dict(among.select("trace_id", "question_id").iter_rows())
    for outcome in ask_structured(judge.ask, asked, Choice, attempts=step.attempts):
        traces = _settle(waiting, outcome.request)
        if isinstance(outcome.reply, Failure) and outcome.reply.retryable:
            open_ones.append(outcome.reply)
        _pick(picks, traces, most[of[traces[0]]], outcome)
    _refuse_unfinished(step.judge, open_ones)
    _drop_unpicked(funnel, picks)


def _verify_requests(
    step: JudgeVerify, judge: Judge, rows: pl.DataFrame, aids: Aids, waiting: defaultdict[str, deque[str]]
) -> Iterator[Request]:
    sampling = sampling_of(judge.teacher)
    for batch in aids.texts(rows.select("trace_id", "source")):
        for row in batch.select(TEXTS).iter_rows(named=True):
            answer = _end(shown(row, step.text), step.characters)
            values = {"question": row["question"], "gold": row["gold"] or _UNKNOWN, "answer": answer}
            messages = with_system(judge.teacher, fill(step.prompt, values))
            for vote in range(step.votes):
                request = judge.model.request(messages, sampling, vote)
                waiting[request.key].append(row["trace_id"])
                yield request


def _together(aids: Aids, rows: pl.DataFrame, sizes: Mapping[str, tuple[int, int]]) -> Iterator[list[dict[str, Any]]]:
    """The texts of a question's traces together, as soon as the last of them came."""
    gathered: defaultdict[str, list[dict[str, Any]]] = defaultdict(list)
    for batch in aids.texts(rows.select("trace_id", "source")):
        for row in batch.select(TEXTS).iter_rows(named=True):
            question = row["question_id"]
            gathered[question].append(row)
            if len(gathered[question]) == sizes[question][0]:
                yield gathered.pop(question)
    yield from gathered.values()


def _pick_requests(
    step: JudgePick,
    judge: Judge,
    groups: Iterator[list[dict[str, Any]]],
    seed: int,
    most: Mapping[str, int],
    waiting: defaultdict[str, deque[tuple[str, ...]]],
) -> Iterator[Request]:
    sampling = sampling_of(judge.teacher)
    for group in groups:
        order = draw_order(seed, "judge", [row["trace_id"] for row in group])
        rows = [group[place] for place in order]
        texts = [_end(shown(row, step.text), step.characters) for row in rows]
        answers = "\n\n".join(f'<answer number="{n}">\n{text}\n</answer>' for n, text in enumerate(texts, 1))
        keep = most[rows[0]["question_id"]]
        how = "Name the number of the best." if keep == 1 else f"Name the numbers of the best {keep}, the best first."
        values = {"question": rows[0]["question"], "gold": rows[0]["gold"] or _UNKNOWN, "answers": answers}
        messages = with_system(judge.teacher, f"{fill(step.prompt, values)}\n\n{how}")
        request = judge.model.request(messages, sampling)
        waiting[request.key].append(tuple(row["trace_id"] for row in rows))
        yield request


def _settle(waiting: defaultdict[str, deque[Any]], request: Request) -> Any:
    """Whom an outcome is about. Equal requests are answered one by one, in the order in which they were asked."""
    queue = waiting[request.key]
    found = queue.popleft()
    if not queue:
        del waiting[request.key]
    return found


def _count(tally: _Tally, outcome: StructuredOutcome[Judgement], open_ones: list[Failure]) -> None:
    if outcome.value is None:
        if isinstance(outcome.reply, Failure) and outcome.reply.retryable:
            open_ones.append(outcome.reply)
        tally.said = tally.said or _short(outcome.fault or "no reply")
    elif outcome.value.correct:
        tally.yes += 1
    else:
        tally.no += 1
        tally.said = _short(outcome.value.reasoning) if tally.no == 1 else tally.said


def _drop_by_votes(funnel: Funnel, tallies: Mapping[str, _Tally]) -> None:
    schema = {"trace_id": pl.String(), "_yes": pl.Int64(), "_of": pl.Int64(), "_said": pl.String()}
    rows = [
        (trace, tally.yes, tally.yes + tally.no, None if tally.yes > tally.no else tally.said)
        for trace, tally in tallies.items()
    ]
    funnel.with_figures(pl.DataFrame(rows, schema=schema, orient="row"))
    unjudged = pl.col("_of").fill_null(0) == 0
    funnel.drop(unjudged, JUDGE_FAILED, figure=pl.lit(None, pl.Float64), note=pl.col("_said"))
    note = pl.format("{} of {} votes call it correct: {}", "_yes", "_of", pl.col("_said").fill_null(""))
    funnel.drop(2 * pl.col("_yes") <= pl.col("_of"), JUDGED_WRONG, figure=pl.col("_yes") / pl.col("_of"), note=note)
    funnel.without("_yes", "_of", "_said")


def _pick(picks: _Picks, traces: tuple[str, ...], keep: int, outcome: StructuredOutcome[Choice]) -> None:
    if outcome.value is None:
        picks.lost.update(dict.fromkeys(traces, (JUDGE_FAILED, None, _short(outcome.fault or "no reply"))))
        return
    named = [number for number in dict.fromkeys(outcome.value.best) if 1 <= number <= len(traces)][:keep]
    if not named:
        said = f"it names {outcome.value.best}, of 1 to {len(traces)}"
        picks.lost.update(dict.fromkeys(traces, (JUDGE_FAILED, None, said)))
        return
    best = [traces[number - 1] for number in named]
    picks.place.update({trace: place for place, trace in enumerate(best)})
    others = (trace for trace in traces if trace not in best)
    picks.lost.update(dict.fromkeys(others, (NOT_PICKED, best[0], _short(outcome.value.reasoning))))


def _drop_unpicked(funnel: Funnel, picks: _Picks) -> None:
    schema = {"trace_id": pl.String(), "_rule": pl.String(), "_lost_to": pl.String(), "_said": pl.String()}
    rows = [(trace, *lost) for trace, lost in picks.lost.items()]
    funnel.with_figures(pl.DataFrame(rows, schema=schema, orient="row"))
    funnel.drop(pl.col("_rule").is_not_null(), pl.col("_rule"), note=pl.col("_said"), lost_to=pl.col("_lost_to"))
    funnel.without("_rule", "_lost_to", "_said")


def _refuse_unfinished(judge: str, open_ones: list[Failure]) -> None:
    """A judgement that another try may bring is not given up: nothing is published, and the next run asks only for it."""
    if open_ones:
        raise UserError(
            f"judge {judge}: {len(open_ones):,} requests got no reply, the first because: {open_ones[0].reason}",
            fix="every reply that came is stored; run the same again and only the others are asked",
        )


def _end(text: str, characters: int | None) -> str:
    """The last so many characters: the answer stands at the end."""
    return text if characters is None or len(text) <= characters else f"…{text[-characters:]}"


def _short(text: str) -> str:
    line = " ".join(text.split())
    return line if len(line) <= _NOTE else line[: _NOTE - 1] + "…"
