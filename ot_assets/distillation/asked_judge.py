"""A judge that can be asked: its requests go through the response store like all others, so a vote is bought once.

Belongs here: from answers to a judge's requests, and from what came to verdicts. Contract: `verdicts` gives one verdict an
answer, in order; a reply that states no answer at all is not sent; vote i of an answer is sample index i, so 1 -> 3 votes
pays for two. A vote that failed for good or does not read is no vote. A vote that another try may bring is not given up:
UserError, nothing is published, and the next run asks only for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import partial
from typing import TYPE_CHECKING

from ot_assets.asking import as_model, with_weights
from ot_assets.distillation.prompts import sampling_of, with_system
from ot_assets.registry.specs.judge import JudgeSpec
from ot_assets.registry.specs.teacher import TeacherSpec
from ot_assets.verification.judge import PROMPT, JudgeReply, Vote, filled, verdict_of
from ot_assets.verification.verdict import Verdict, VerifyTask, no_answer, unverifiable
from resources.errors import UserError
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure
from resources.generation.request import Request
from resources.generation.structured import StructuredOutcome, ask_structured

if TYPE_CHECKING:
    from ot_assets.step import Step

Ask = Callable[[Iterable[Request]], Iterator[Outcome]]
"""Asks a model through the response store."""

Judged = tuple[str, VerifyTask]
"""A question's text and the answer to judge."""


@dataclass(frozen=True)
class AskedJudge:
    """Who judges, and how it is asked."""

    spec: JudgeSpec
    teacher: TeacherSpec
    model: Model
    ask: Ask

    def verdicts(self, answers: Sequence[Judged]) -> Iterator[Verdict]:
        """One verdict an answer, in order."""
        keys: dict[int, list[str]] = {}
        votes: dict[str, Vote] = {}
        open_ones: list[Failure] = []
        outcomes = ask_structured(self.ask, self._requests(answers, keys), JudgeReply, attempts=self.spec.attempts)
        for outcome in outcomes:
            votes[outcome.request.key] = _vote(outcome, open_ones)
        self._refuse_unfinished(open_ones, len(votes))
        for place, (_, task) in enumerate(answers):
            if place in keys:
                yield verdict_of(self.teacher.key, [votes[key] for key in keys[place]])
            else:
                yield no_answer(task)

    def _requests(self, answers: Sequence[Judged], keys: dict[int, list[str]]) -> Iterator[Request]:
        """The requests of all votes; `keys` is told which are whose."""
        sampling, template = sampling_of(self.teacher), self.spec.prompt or PROMPT
        for place, (question, task) in enumerate(answers):
            if not (task.answer or "").strip():
                continue
            messages = with_system(self.teacher, filled(template, question, task))
            for vote in range(self.spec.votes):
                request = self.model.request(messages, sampling, vote)
                keys.setdefault(place, []).append(request.key)
                yield request

    def _refuse_unfinished(self, open_ones: Sequence[Failure], asked: int) -> None:
        if open_ones:
            raise UserError(
                f"judge {self.teacher.key}: {len(open_ones):,} of {asked:,} votes got no reply, "
                f"the first because: {open_ones[0].reason}",
                fix="every reply that came is stored; run the same again and only the others are asked",
            )


def judge_of(step: Step) -> AskedJudge | None:
    """The judge of the partition's source; None where it has none."""
    spec = step.registry.source(step.partition["source"]).judge
    if spec is None:
        return None
    teacher, behind = step.registry.teacher(spec.teacher), step.registry.required_model(spec.teacher)
    purpose = f"judge {step.partition} by {teacher.key}"
    ask = partial(step.ask, with_weights(behind, step.services.home), purpose=purpose)
    return AskedJudge(spec, teacher, as_model(behind), ask)


def no_judge(answer: Judged) -> Verdict:
    """The verdict where a question wants a judge and its source names none (any more)."""
    return unverifiable("judge", "the source names no judge")


def _vote(outcome: StructuredOutcome[JudgeReply], open_ones: list[Failure]) -> Vote:
    if isinstance(outcome.reply, Failure) and outcome.reply.retryable:
        open_ones.append(outcome.reply)
    return Vote(outcome.value, outcome.fault)
