"""Writes the questions of a source, call by call, until there are as many as are wanted.

Belongs here: the order of the steps and what comes to the ledger. Contract: the calls are those of `sequence`, in
order; questions are kept in the order of calls and places in their replies; so the outcome is a function of spec,
parents and stored replies, a larger `rows` begins with the same questions and pays for the others only. What was
written is a row: kept, or in the ledger by its rule (`bad_reply`, `no_reply`, `beyond_asked`, `empty`, `too_long`,
`other_language`, `near_parent`, `near_copy`, the rules of `support` and `agree`, `not_needed`). Fewer questions than
wanted are no error; `figures` says so. Memory holds the questions that near copies are told by, the replies of one
round of calls, and the parents' names of what was kept and is not yet written. Fails with UserError as `asking` does.
"""

from __future__ import annotations

from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from math import ceil
from typing import Any

from ot_assets.registry.specs.written import WrittenOrigin
from ot_assets.sourcing.rows import RawRow
from ot_assets.sourcing.written.agree import Agreement
from ot_assets.sourcing.written.asking import Asked, Got
from ot_assets.sourcing.written.candidates import Candidate, Fate, Lost
from ot_assets.sourcing.written.near import Sieve
from ot_assets.sourcing.written.parents import Material, Parent, Problem
from ot_assets.sourcing.written.prompts import prompt_for
from ot_assets.sourcing.written.replies import Answered, Questions, Written, lines_of, questions_of, whole_ones
from ot_assets.sourcing.written.sequence import Call, Calls
from ot_assets.sourcing.written.support import refined, supported
from ot_assets.verification import Limits, VerifierPool
from resources.generation.reply import Reply
from resources.generation.request import Request

_AT_ONCE = 5_000
"""Calls of one round at most: their replies are in memory together."""
_LEAST_YIELD = 0.05
_NOTE = 300
_SECONDS = 5.0

Foreign = Callable[[str], str | None]
"""What language a text is in where that is surely not the wanted one; None else."""


@dataclass(frozen=True)
class Helpers:
    """Who else is asked, beside the writer."""

    refine: Asked | None = None
    check: Asked | None = None
    agree: Agreement | None = None


@dataclass
class Writing:
    """One source being written."""

    origin: WrittenOrigin
    writer: Asked
    material: Material
    helpers: Helpers = Helpers()
    foreign: Foreign = lambda text: None
    problems: Sequence[Problem] = ()
    workers: int = 2
    calls: int = field(default=0, init=False)
    kept: int = field(default=0, init=False)
    _parents: dict[str, Candidate] = field(default_factory=dict, init=False)
    _pending: deque[Candidate] = field(default_factory=deque, init=False)

    def rows(self) -> Iterator[RawRow]:
        """All rows: questions and what was dropped."""
        for problem in self.problems:
            yield RawRow(problem.place, 0, None, problem.reason, "unreadable")
        sequence = Calls(self.material.names, self.origin.seed, self.origin.parents.seeds)
        sieve = Sieve(self.origin.near) if self.origin.near is not None else None
        with VerifierPool(self.workers, Limits(seconds=_SECONDS)) as pool:
            while (number := self._next_calls(len(sequence))) > 0:
                called = [sequence.at(self.calls + n) for n in range(number)]
                yield from self._round(called, sieve)
                while self._pending and self._missing() != 0:
                    yield from self._settle(pool)
        for one in self._pending:
            yield Lost("not_needed", f"{self.origin.rows:,} questions are wanted").row(one.call, one.index)

    def parents_of(self, source_rows: Sequence[str]) -> list[Candidate]:
        """The candidates behind rows of the source, in order and without texts. Each can be asked for once."""
        return [self._parents.pop(name) for name in source_rows]

    def figures(self, made: int) -> dict[str, Any]:
        """For the manifest: what was asked for and what it came to; `made` are the questions that the source has."""
        wanted = self.origin.rows
        short = max(wanted - made, 0) if wanted is not None else 0
        return {
            "calls": self.calls,
            "parents": len(self.material.names),
            "wanted": wanted,
            "kept": made,
            "short": short,
        }

    def _missing(self) -> int | None:
        """Questions still wanted; None where nobody said how many."""
        return None if self.origin.rows is None else self.origin.rows - self.kept

    def _next_calls(self, parents: int) -> int:
        """How many calls the next round has: those that the missing questions take at the rate of the calls before."""
        missing, most = self._missing(), self.origin.most_calls
        if missing is None:
            return min((parents if most is None else min(parents, most)) - self.calls, _AT_ONCE)
        most = most or 2 * ceil((self.origin.rows or 1) / self.origin.per_call)
        if missing <= 0:
            return 0
        rate = max(self.kept / (self.calls * self.origin.per_call), _LEAST_YIELD) if self.calls else 1.0
        return min(ceil(missing / (self.origin.per_call * min(rate, 1.0))), most - self.calls, _AT_ONCE)

    def _round(self, called: Sequence[Call], sieve: Sieve | None) -> Iterator[RawRow]:
        """Makes calls; what is new stands in `_pending`, what is not comes out."""
        there = self.material.fetch({place for call in called for place in call.places})
        parents = [tuple(there[place] for place in call.places) for call in called]
        requests = [
            self.writer.request(prompt_for(self.origin, mine), call.round)
            for call, mine in zip(called, parents, strict=True)
        ]
        self.calls += len(called)
        found: list[Candidate] = []
        for call, mine, got in zip(called, parents, self._ask(requests), strict=True):
            yield from self._read(call, mine, got, found)
        if sieve is None:
            self._pending.extend(found)
        else:
            yield from self._sift(found, sieve)

    def _ask(self, requests: Sequence[Request]) -> list[Got[tuple[Written, ...]]]:
        if self.origin.reply == "lines":
            tags = self.writer.teacher.reasoning
            return self.writer.read(requests, lambda reply: lines_of(reply, tags) or None, "questions")
        kind = Answered if self.origin.answered else Questions
        return [self._questions(got) for got in self.writer.values(requests, kind, "questions")]

    def _questions(self, got: Got[Any]) -> Got[tuple[Written, ...]]:
        """The questions of a reply; of one that does not read, those that came whole."""
        if got.value is not None:
            said: tuple[Written, ...] | None = questions_of(got.value)
        else:
            tags = self.writer.teacher.reasoning
            said = (whole_ones(got.reply, tags, self.origin.answered) or None) if got.reply is not None else None
        return Got(said, None if said else got.fault, got.reply, got.key)

    def _read(
        self, call: Call, parents: tuple[Parent, ...], got: Got[tuple[Written, ...]], found: list[Candidate]
    ) -> Iterator[RawRow]:
        if got.value is None:
            rule = "bad_reply" if isinstance(got.reply, Reply) else "no_reply"
            yield Lost(rule, (got.fault or "")[:_NOTE]).row(call.name, 0)
            return
        for index, written in enumerate(got.value):
            fate = self._plain(Candidate(call.name, index, _stripped(written), parents, got.key))
            if isinstance(fate, Lost):
                yield fate.row(call.name, index)
            else:
                found.append(fate)

    def _plain(self, one: Candidate) -> Fate:
        """What can be seen of a question by itself."""
        text, per_call = one.written.question, self.origin.per_call
        if one.index >= per_call:
            return Lost("beyond_asked", f"{per_call} were asked for: {text}"[:_NOTE], one.index + 1)
        if not text:
            return Lost("empty", "the question is empty")
        if len(text) > self.origin.longest:
            return Lost("too_long", f"longest: {self.origin.longest:,}: {text}"[:_NOTE], len(text))
        if self.origin.answered and not one.written.answer:
            return Lost("no_answer", f"the answer is empty: {text}"[:_NOTE])
        language = self.foreign(text)
        return Lost("other_language", f"{language}: {text}"[:_NOTE]) if language else one

    def _sift(self, found: Sequence[Candidate], sieve: Sieve) -> Iterator[RawRow]:
        shown = [
            (one.name, one.written.question, [(_place(p), p.text) for p in one.parents if p.kind == "question"])
            for one in found
        ]
        for one, copy in zip(found, sieve.judge(shown), strict=True):
            if copy is None:
                self._pending.append(one)
            else:
                rule = "near_parent" if copy.parent else "near_copy"
                yield Lost(rule, one.written.question[:_NOTE], copy.similarity, copy.of).row(one.call, one.index)

    def _settle(self, pool: VerifierPool) -> Iterator[RawRow]:
        """Takes as many of those that wait as are missing, asks what has to be asked about them, and keeps who passes."""
        missing = self._missing()
        taken = [
            self._pending.popleft() for _ in range(min(missing or len(self._pending), len(self._pending), _AT_ONCE))
        ]
        if self.helpers.refine is not None:
            taken = refined(taken, self.helpers.refine)
        fates: list[Fate] = list(taken)
        if self.helpers.check is not None:
            fates = supported(taken, self.helpers.check)
        if self.helpers.agree is not None:
            passed = iter(self.helpers.agree.judge([one for one in fates if isinstance(one, Candidate)], pool))
            fates = [next(passed) if isinstance(one, Candidate) else one for one in fates]
        for one, fate in zip(taken, fates, strict=True):
            if isinstance(fate, Lost):
                yield fate.row(one.call, one.index)
            else:
                self.kept += 1
                self._parents[fate.name] = _without_texts(fate)
                yield fate.row()


def _without_texts(one: Candidate) -> Candidate:
    """What is said of a question's parents needs their names only."""
    return replace(one, written=Written(""), parents=tuple(replace(parent, text="") for parent in one.parents))


def _stripped(written: Written) -> Written:
    """Without white space around, and without half characters, which no file can hold."""
    answer, solution = (None if text is None else _clean(text) for text in (written.answer, written.solution))
    return Written(_clean(written.question), answer, solution)


def _clean(text: str) -> str:
    return text.encode("utf-8", "replace").decode("utf-8").strip()


def _place(parent: Parent) -> str:
    return f"{parent.source}/{parent.source_row}" if parent.source else parent.name
