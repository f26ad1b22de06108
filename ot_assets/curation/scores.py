"""Scores of questions by a model: what is asked, and how a reply becomes a figure.

Belongs here: the two kinds of score (OpenThoughts3, arXiv 2506.04178, question filtering). A score is asked through
the response store like any other reply, once, and shared by all recipes.

* `answer_length`: the characters that the scorer wrote as it answered the question, its reasoning included; tags and
  white space are counted as they came. Characters, not tokens: the original counted characters too, and they need no
  tokenizer. A reply that was cut has the length that it got to.
* `difficulty`: an integer from 1 to 10 by a rubric, in the scorer's own settings but our prompt.

A reply that holds no figure, or a request that failed, gives null and is counted; neither is ever an error.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass

import polars as pl

from ot_assets.distillation.prompts import fill, messages_for, sampling_of, with_system
from ot_assets.registry.specs.base import Tags
from ot_assets.registry.specs.score import Score, ScoreKind
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.reply import Failure, Reply
from resources.generation.request import Request

DIFFICULTY_PROMPT = """Rate how difficult the following problem is, as an integer from 1 to 10.

1-2: one step or one fact; most pupils of a primary school can do it.
3-4: a few routine steps; a good pupil of a secondary school can do it.
5-6: several ideas together; hard in school, fair in the first years of university.
7-8: needs an idea that is not obvious, or long careful work; national competitions, advanced courses.
9-10: international olympiads and research; few experts solve it.

Judge the problem, do not solve it. The problem stands between the lines.

---
{question}
---

Answer with the integer only."""

Ask = Callable[[Iterable[Request], int], Iterable[Outcome]]
"""Asks a model through the response store: the requests and how many they are -> their outcomes, in any order."""

_NUMBER = r"(?<![\w.\-])(\d{1,4}(?:\.\d{1,4})?)(?![\w%]|\.\d)"
_LAST_LINE = re.compile(rf"[\W_]*{_NUMBER}[\W_]*")
_LABELLED = re.compile(rf"(?:difficulty|rating|rated?|score|level)\b[^\d\n]{{0,40}}?{_NUMBER}", re.IGNORECASE)
_SCALE = re.compile(
    r"(?:\bfrom\s+)?\b1\s*(?:-|–|—|to|and|through)\s*10\b|\s*/\s*10(?![\d.])|\bout\s+of\s+(?:10|ten)\b", re.I
)


@dataclass(frozen=True)
class Scored:
    """Scores of a batch: a frame with `question_id` and the score's column, and how many are null and why."""

    frame: pl.DataFrame
    unparsable: int
    failed: int


def score_requests(score: Score, teacher: TeacherSpec, model: Model, questions: pl.DataFrame) -> Iterator[Request]:
    """One request a row, in the rows' order; `questions` has at least `question` and `verifier`."""
    sampling = sampling_of(teacher)
    for question, verifier in questions.select("question", "verifier").iter_rows():
        if score.kind == "difficulty":
            messages = with_system(teacher, fill(DIFFICULTY_PROMPT, question))
        else:
            messages = messages_for(teacher, question, verifier)
        yield model.request(messages, sampling)


def parse_score(kind: ScoreKind, reply: Reply, tags: Tags | None = None) -> float | None:
    """The figure of a reply, None where it holds none. `tags` are the scorer's reasoning tags."""
    if kind == "answer_length":
        return float(len(reply.text) + len(reply.reasoning or "")) or None
    return parse_difficulty(reply.text.rpartition(tags.close)[2] if tags else reply.text)


def parse_difficulty(text: str) -> float | None:
    """The rating in a text: its last line if that is a number, else the last number after a word such as "difficulty", else
    the only number there is. None when there is none, when there are several, or when it is not within 1 to 10.
    """
    plain = _SCALE.sub(" ", text).strip()
    line = _LAST_LINE.fullmatch(plain.rpartition("\n")[2])
    labelled = _LABELLED.findall(plain)
    numbers = set(re.findall(_NUMBER, plain))
    found = line.group(1) if line else labelled[-1] if labelled else numbers.pop() if len(numbers) == 1 else None
    value = float(found) if found else 0.0
    return value if 1 <= value <= 10 else None


def scored(score: Score, teacher: TeacherSpec, model: Model, questions: pl.DataFrame, ask: Ask) -> Scored:
    """Scores a batch of questions: one row a question, in the batch's order."""
    ids = questions.get_column("question_id").to_list()
    keys: dict[str, list[int]] = {}
    values: list[float | None] = [None] * len(ids)
    for place, request in enumerate(score_requests(score, teacher, model, questions)):
        keys.setdefault(request.key, []).append(place)
    failed = 0
    for request, result in ask(score_requests(score, teacher, model, questions), len(ids)):
        if isinstance(result, Failure):
            failed += 1
            continue
        value = parse_score(score.kind, result, teacher.reasoning)
        for place in keys[request.key]:
            values[place] = value
    frame = pl.DataFrame(
        {"question_id": ids, score.column: values}, schema={"question_id": pl.String, score.column: pl.Float64}
    )
    return Scored(frame, values.count(None) - failed, failed)


def score_batches(score: Score, teacher: TeacherSpec, model: Model, questions: pl.DataFrame, ask: Ask) -> pl.DataFrame:
    """The frame of `scored` alone."""
    return scored(score, teacher, model, questions, ask).frame
