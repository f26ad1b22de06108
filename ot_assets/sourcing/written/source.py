"""A written source within a step: who is asked, from what, and what is recorded beside the questions.

Belongs here: from a spec and a `Step` to a `Writing`, the table `parents`, and the licences that travel. Contract:
every artifact that parents come from is opened through the step and so stands in the manifest; every kept question
has a row in `parents` for each of its parents. Fails with UserError as the modules do that it puts together.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from ot_assets.asking import as_model, with_weights
from ot_assets.registry.specs.languages import LANGUAGES, plain_language
from ot_assets.registry.specs.source import QuestionSet
from ot_assets.registry.specs.written import TOPIC_JOINT, WrittenOrigin
from ot_assets.sourcing.rows import RawRow
from ot_assets.sourcing.written.agree import Agreement
from ot_assets.sourcing.written.asking import Asked
from ot_assets.sourcing.written.identity import terms_of
from ot_assets.sourcing.written.parents import Listed, Material, Parent, Rows, documents, personas, topics
from ot_assets.sourcing.written.prompts import expand_prompt
from ot_assets.sourcing.written.replies import Topics, lines_of
from ot_assets.sourcing.written.writing import Foreign, Helpers, Writing
from resources.artifacts import Partition, ValidationFailed
from resources.generation.engine import Outcome
from resources.generation.request import Request
from schemas.base import violations
from schemas.written import WrittenParents

if TYPE_CHECKING:
    from ot_assets.step import Step

TABLE = "parents"
"""Name of the table beside the questions that says what each was written from."""

_FEWEST_LETTERS = 40
"""Letters that can be told, below which a question's language is not judged."""
_SHARE = 0.5


@dataclass
class WrittenSource:
    """One source being written in a step."""

    step: Step
    writing: Writing
    made: int = 0
    """Questions that sourcing took: neither unreadable nor there already."""

    def rows(self) -> Iterator[RawRow]:
        """What sourcing reads."""
        return self.writing.rows()

    def write_parents(self, questions: pl.DataFrame) -> None:
        """Records the parents of questions that were kept."""
        rows: list[dict[str, Any]] = []
        places = questions.get_column("source_row").to_list()
        for name, one in zip(questions.get_column("question_id"), self.writing.parents_of(places), strict=True):
            for number, parent in enumerate(one.parents):
                said = {"kind": parent.kind, "parent": parent.name, "parent_source": parent.source}
                place = {"parent_row": parent.source_row, "number": number, "response_key": one.key}
                rows.append({"question_id": name, **said, **place})
        frame = WrittenParents.frame(rows)
        if broken := violations(WrittenParents, frame):
            raise ValidationFailed("the parents of written questions", [str(one) for one in broken])
        self.step.out.write(frame, TABLE)
        self.made += len(questions)

    def finish(self) -> dict[str, str]:
        """Records figures and licences; what a person should know of them comes back."""
        figures = self.writing.figures(self.made)
        self.step.out.stat(written=figures)
        if not figures["short"]:
            return {}
        return {
            "short": f"{figures['kept']:,} of {figures['wanted']:,} questions after {figures['calls']:,} calls; "
            "raise origin.most_calls, or look at the ledger"
        }


def writer_of(step: Step, spec: QuestionSet, origin: WrittenOrigin) -> WrittenSource:
    """Everything that writes this source."""
    asked = {key: _asked(step, key, origin.attempts) for key in origin.asked}
    writer = asked[origin.teacher]
    material = _material(step, spec, origin, writer)
    _licences(step, origin)
    problems = material.problems if isinstance(material, Listed) else ()
    writing = Writing(origin, writer, material, _helpers(spec, origin, asked), foreign(spec.language), problems)
    return WrittenSource(step, writing)


def foreign(language: str) -> Foreign:
    """Names the language of a text that is surely in another one; a text of which too little can be told passes."""
    wanted = plain_language(language)
    if wanted not in LANGUAGES:
        return lambda text: None
    from ot_assets.distillation.language_filter import detector, told

    detect = detector()

    def look(text: str) -> str | None:
        found = told(text[:20_000], detect)
        share = found.share([wanted])
        return (
            str(found)
            if share is not None and share < _SHARE and sum(found.letters.values()) >= _FEWEST_LETTERS
            else None
        )

    return look


def _asked(step: Step, key: str, attempts: int) -> Asked:
    behind = step.registry.required_model(key)
    source = step.partition["source"]

    def ask(requests: Iterable[Request], what: str) -> Iterator[Outcome]:
        return step.ask(with_weights(behind, step.services.home), requests, purpose=f"write {source} {what} by {key}")

    return Asked(step.registry.teacher(key), as_model(behind), ask, attempts)


def _material(step: Step, spec: QuestionSet, origin: WrittenOrigin, writer: Asked) -> Material:
    parents = origin.parents
    if parents.source is not None:
        artifact = step.open("screened_questions", Partition({"source": parents.source}))
        return Rows.of(artifact, parents.source, parents.characters if parents.questions is None else None)
    folder = step.registry.folder("sources", spec.key) if parents.topics is None else Path()
    if isinstance(parents.documents, tuple):
        return documents(spec.key, parents.documents, folder, parents.characters)
    if parents.personas is not None:
        return personas(parents, folder)
    found = topics(parents)
    return Listed(found if parents.expand is None else _expanded(found, parents.expand, origin, writer))


def _expanded(found: tuple[Parent, ...], number: int, origin: WrittenOrigin, writer: Asked) -> tuple[Parent, ...]:
    """The topics below each leaf that the writer names, each once; a leaf for which it names none stays as it is."""
    requests = [writer.request(expand_prompt(one.name, number, origin.reply)) for one in found]
    if origin.reply == "lines":
        tags = writer.teacher.reasoning
        lines = writer.read(requests, lambda reply: lines_of(reply, tags) or None, "topics")
        named = [[one.question for one in got.value or ()] for got in lines]
    else:
        named = [list(got.value.topics) if got.value else [] for got in writer.values(requests, Topics, "topics")]
    names: dict[str, None] = {}
    for leaf, below in zip(found, named, strict=True):
        mine = [f"{leaf.name}{TOPIC_JOINT}{' '.join(topic.split())}" for topic in below[:number] if topic.strip()]
        names.update(dict.fromkeys(mine or [leaf.name]))
    return tuple(Parent("topic", name, name) for name in names)


def _helpers(spec: QuestionSet, origin: WrittenOrigin, asked: dict[str, Asked]) -> Helpers:
    agree, parents = origin.agree, origin.parents
    return Helpers(
        refine=asked[parents.refine] if parents.refine is not None else None,
        check=asked[parents.check or origin.teacher] if parents.documents is not None else None,
        agree=Agreement(asked[agree.teacher], agree.answers, spec.verifier, dict(spec.verifier_args))
        if agree
        else None,
    )


def _licences(step: Step, origin: WrittenOrigin) -> None:
    """The terms of the parents, and of everybody whose words are in the questions or their answers."""
    step.licences_of("screened_questions")
    for key in origin.writers:
        step.out.licences(terms_of(step.registry, key))
