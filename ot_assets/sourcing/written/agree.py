"""Keeps the questions to which several answers of a teacher agree; that answer becomes the gold answer.

Belongs here: asking, and who agrees. Contract: answer i is sample i in the teacher's own prompt, so these replies are
the same as its first traces of the question and are bought once. The gold answer is the written one, or what the
first reply states; all others must equal it by the source's verifier. With `choice` a written answer may name its option
in any way that sourcing reads (`(b)`, the option's text) and becomes its letter; one that names none is lost before
anybody is asked. What has no answer, or two, goes to the ledger (`no_answer`, `disagreement`). What models wrote is read
in worker processes that can be killed.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from ot_assets.distillation.parsing import parse
from ot_assets.distillation.prompts import messages_for, sampling_of
from ot_assets.sourcing.choices import ChoiceError, gold_letter, options_in, read_options
from ot_assets.sourcing.written.asking import Asked, Got
from ot_assets.sourcing.written.candidates import Candidate, Fate, Lost
from ot_assets.verification import Verdict, VerifierPool, VerifyTask
from ot_assets.verification.reading import reading_task
from resources.generation.reply import Reply
from resources.generation.request import Request

_NOTE = 300


@dataclass(frozen=True)
class Agreement:
    """How answers are asked for and compared."""

    asked: Asked
    answers: int
    verifier: str
    settings: Mapping[str, Any]
    """The source's `verifier_args`."""

    def judge(self, candidates: Sequence[Candidate], pool: VerifierPool) -> list[Fate]:
        """Each candidate with its gold answer, or why it has none."""
        named = [self._named(one) for one in candidates]
        judged = iter(self._judged([one for one in named if isinstance(one, Candidate)], pool))
        return [next(judged) if isinstance(one, Candidate) else one for one in named]

    def _named(self, one: Candidate) -> Fate:
        """The candidate with the letter of the option that its written answer names; one without is as it was."""
        if self.verifier != "choice" or not one.written.answer:
            return one
        try:
            options = options_in(one.written.question) or read_options(self.settings.get("options"))
            letter = gold_letter(one.written.answer, options, "letter")
        except ChoiceError as error:
            return Lost("no_answer", error.note[:_NOTE])
        return replace(one, written=replace(one.written, answer=letter))

    def _judged(self, candidates: Sequence[Candidate], pool: VerifierPool) -> list[Fate]:
        requests = [request for one in candidates for request in self._requests(one)]
        got = self.asked.read(requests, _text, "agree")
        each = [got[n * self.answers : (n + 1) * self.answers] for n in range(len(candidates))]
        tasks = [self._tasks(one, replies) for one, replies in zip(candidates, each, strict=True)]
        golds = self._golds(candidates, tasks, pool)
        compared = pool.verify_many(
            replace(task, gold=gold)
            for (gold, start), mine in zip(golds, tasks, strict=True)
            if gold is not None
            for task in mine[start:]
        )
        return [
            self._fate(one, gold, [next(compared) for _ in mine[start:]] if gold is not None else [])
            for one, (gold, start), mine in zip(candidates, golds, tasks, strict=True)
        ]

    def _requests(self, one: Candidate) -> list[Request]:
        teacher, model = self.asked.teacher, self.asked.model
        messages = messages_for(teacher, one.written.question, self.verifier)
        return [model.request(messages, sampling_of(teacher), sample) for sample in range(self.answers)]

    def _tasks(self, one: Candidate, replies: Sequence[Got[Reply]]) -> list[VerifyTask]:
        args = self._args(one)
        return [self._task(args, got.value) for got in replies]

    def _task(self, args: str | None, reply: Reply | None) -> VerifyTask:
        if reply is None:
            return VerifyTask(self.verifier, args, None, None)
        parsed = parse(reply, self.asked.teacher.reasoning)
        return VerifyTask(self.verifier, args, None, parsed.answer, reply.finish_reason, parsed.closed)

    def _args(self, one: Candidate) -> str | None:
        options = options_in(one.written.question) if self.verifier == "choice" else None
        said = {**self.settings, **(json.loads(options.verifier_args) if options and options.verifier_args else {})}
        return json.dumps(said, ensure_ascii=False) if said else None

    def _golds(
        self, candidates: Sequence[Candidate], tasks: Sequence[Sequence[VerifyTask]], pool: VerifierPool
    ) -> list[tuple[str | None, int]]:
        """The gold answer of each, and the first reply that is compared with it."""
        wanting = [mine[0] for one, mine in zip(candidates, tasks, strict=True) if not one.written.answer]
        read = pool.verify_many(replace(reading_task(task), verifier_args=self._reading(task)) for task in wanting)
        return [(one.written.answer, 0) if one.written.answer else (next(read).extracted, 1) for one in candidates]

    def _reading(self, task: VerifyTask) -> str:
        return json.dumps({**json.loads(task.verifier_args or "{}"), "of": self.verifier}, ensure_ascii=False)

    def _fate(self, one: Candidate, gold: str | None, verdicts: Sequence[Verdict]) -> Fate:
        if gold is None:
            return Lost("no_answer", f"{self.asked.teacher.key} states no answer")
        against = next((verdict for verdict in verdicts if not verdict.correct), None)
        if against is None:
            return replace(one, written=replace(one.written, answer=gold))
        if against.extracted is None:
            return Lost("no_answer", f"{self.asked.teacher.key}: {against.reason}"[:_NOTE])
        said = f"{gold!r} and {against.extracted!r} are two answers"
        return Lost("disagreement", said[:_NOTE], sum(verdict.correct for verdict in verdicts) / len(verdicts))


def _text(reply: Reply) -> Reply:
    """Every reply reads; what it answers is the verifier's to say."""
    return reply
