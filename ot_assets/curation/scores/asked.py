"""Scores that a teacher gives: what is asked, and how a reply becomes a figure.

Belongs here: the three kinds (OpenThoughts3, arXiv 2506.04178, question filtering). A score is asked through the response store
like any other reply, once, and shared by all recipes.

* `answer_length`: how much the teacher wrote as it answered the question, its reasoning included: characters (tags and white
  space as they came; the original counted characters too) or tokens, as the endpoint counted them or by a tokenizer of ours. A
  reply that was cut has the length that it got to.
* `difficulty`: 1 to 10 by a rubric, in the teacher's own settings but our prompt.
* `ask_llm`: 1 to 100 by a rubric with examples. An endpoint that can is told the form of its reply (JSON with a reason), others
  are asked for the number alone; what came is read either way.

A reply that holds no figure, or a request that failed for good, gives null and is counted by reason; neither is ever an error.
`UserError` where another try may bring a reply: all others are asked and stored by then, and the next run asks only for it.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from ot_assets.curation.scores.column import Column, Todo
from ot_assets.curation.scores.prompts import AS_DATA, AS_NUMBER, DIFFICULTY_PROMPT, WORTH_PROMPT
from ot_assets.curation.scores.replies import Rating, parse_difficulty, parse_worth
from ot_assets.distillation.answering import refuse_unfinished
from ot_assets.distillation.parsing import parse
from ot_assets.distillation.prompts import fill, messages_for, sampling_of, with_system
from ot_assets.registry.specs.score import AnswerLength, AskedScore, AskLLM, Difficulty
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Message, Request
from resources.generation.structured import shaped

Ask = Callable[[Iterable[Request], int], Iterable[Outcome]]
"""Asks a model through the response store: the requests and how many they are -> their outcomes, in any order."""

CountTokens = Callable[[str], int]

_IN_WORDS = ("transformers-chat",)
"""Endpoints that cannot be told the form of a reply: they are asked for the number alone."""


@dataclass(frozen=True)
class Shown:
    """The examples that a prompt shows, as blocks of text."""

    positives: str = ""
    negatives: str = ""


@dataclass(frozen=True)
class AskedScorer:
    """Asks a teacher about every question."""

    spec: AskedScore
    teacher: TeacherSpec
    model: Model
    ask: Ask
    identity: str
    shown: Shown = Shown()
    count: CountTokens | None = None
    """Counts tokens, where the score names a tokenizer."""
    keeps_nulls: bool = False

    def score(self, todo: Todo, column: Column) -> None:
        """Fills the column for the wanted rows. What is under way is in memory, not what was answered."""
        waiting: dict[str, list[int]] = {}
        open_ones: list[Failure] = []

        def requests() -> Iterator[Request]:
            for places, batch in todo.batches("question", "verifier"):
                asked = score_requests(self.spec, self.teacher, self.model, batch, self.shown)
                for place, request in zip(places.tolist(), asked, strict=True):
                    waiting.setdefault(request.key, []).append(place)
                    yield request

        for request, result in self.ask(requests(), len(todo)):
            place = waiting[request.key].pop()
            if not waiting[request.key]:
                del waiting[request.key]
            if isinstance(result, Reply):
                self._read(place, result, column)
            elif result.retryable:
                open_ones.append(result)
            else:
                column.lacks(f"failed: {result.kind}", result.reason)
        refuse_unfinished(open_ones, len(todo), f"score {self.spec.column}")

    def _read(self, place: int, reply: Reply, column: Column) -> None:
        if self._counts_nothing(reply):
            column.lacks("no token count", reply.text)
            return
        value = self._figure(reply)
        if value is None:
            reason = "empty" if isinstance(self.spec, AnswerLength) else "unparsable"
            column.lacks(reason, reply.text or f"finish_reason {reply.finish_reason}")
        else:
            column.values[place] = value

    def _counts_nothing(self, reply: Reply) -> bool:
        """Whether tokens are wanted as the endpoint counts them, and it did not."""
        wanted = isinstance(self.spec, AnswerLength) and self.spec.unit == "tokens" and self.count is None
        return wanted and reply.completion_tokens is None

    def _figure(self, reply: Reply) -> float | None:
        if isinstance(self.spec, AnswerLength):
            return _length(self.spec, reply, self.count)
        text = parse(reply, self.teacher.reasoning).answer or ""
        return parse_worth(text) if isinstance(self.spec, AskLLM) else parse_difficulty(text)


def _length(spec: AnswerLength, reply: Reply, count: CountTokens | None) -> float | None:
    written = (reply.reasoning or "") + reply.text
    if spec.unit == "characters":
        return float(len(written)) or None
    tokens = reply.completion_tokens if count is None else count(written)
    return float(tokens) if tokens else None


def score_requests(
    score: AskedScore, teacher: TeacherSpec, model: Model, questions: pl.DataFrame, shown: Shown | None = None
) -> Iterator[Request]:
    """One request a row, in the rows' order; `questions` has at least `question` and `verifier`."""
    sampling = sampling_of(teacher)
    for question, verifier in questions.select("question", "verifier").iter_rows():
        if isinstance(score, AskLLM):
            yield _worth_request(score, teacher, model, question, shown or Shown())
        else:
            yield model.request(_messages(score, teacher, question, verifier), sampling)


def _messages(
    score: AnswerLength | Difficulty, teacher: TeacherSpec, question: str, verifier: str
) -> tuple[Message, ...]:
    if isinstance(score, AnswerLength):
        return messages_for(teacher, question, verifier)
    return with_system(teacher, fill(score.prompt or DIFFICULTY_PROMPT, {"question": question}))


def _worth_request(score: AskLLM, teacher: TeacherSpec, model: Model, question: str, shown: Shown) -> Request:
    said = {"question": question, "positives": shown.positives, "negatives": shown.negatives}
    bare = model.request(with_system(teacher, fill(score.prompt or WORTH_PROMPT, said)), sampling_of(teacher))
    as_data = bare.endpoint not in _IN_WORDS
    if score.prompt is None:
        said_last = with_system(teacher, bare.messages[-1].content + (AS_DATA if as_data else AS_NUMBER))
        bare = model.request(said_last, sampling_of(teacher))
    return shaped(bare, Rating, told=False) if as_data else bare
