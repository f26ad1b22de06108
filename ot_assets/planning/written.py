"""What writing the sources of a recipe asks: the writer, those who refine and check, and those who have to agree.

Pure. Every question is taken to be kept, and every reply to read at the first try: what is dropped is made up for by more calls
(twice as many at most, by default), so the figures are a lower bound; `most_calls` is never passed. A parent source of unknown
size counts nothing.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from math import ceil

from ot_assets.planning.calls import JUDGED_TOKENS, PLAIN_TOKENS, QUESTION_TOKENS, completion_of
from ot_assets.planning.draw import written_size
from ot_assets.planning.estimates import Calls
from ot_assets.registry import Registry, SourceSpec
from ot_assets.registry.specs.written import WrittenOrigin

WRITE_TOKENS = 150
"""Tokens of the words around what a writer is shown."""
_CHARACTERS = 4
"""Characters of a token."""


def written_calls(registry: Registry, sources: Iterable[str]) -> list[Calls]:
    """The calls that write these sources and all that they are written from."""
    return [call for key in registry.with_parents(sources) for call in _calls(registry, registry.source(key))]


def _calls(registry: Registry, source: SourceSpec) -> Iterator[Calls]:
    origin = source.origin
    if not isinstance(origin, WrittenOrigin):
        return
    number, each = written_size(registry, source.key) or 0, source.question_tokens or QUESTION_TOKENS
    answer = PLAIN_TOKENS if origin.answered else 0
    passage = _shown(registry, origin, each)
    parents = origin.parents

    def calls(teacher: str, requests: int, prompt: int, completion: int, what: str) -> Calls:
        spec = registry.teacher(teacher)
        return Calls(
            teacher,
            registry.model_of(teacher),
            requests,
            prompt,
            min(completion, spec.sampling.max_tokens),
            where=source.key,
            purpose=f"write {source.key} {what} by {teacher}",
            limit=spec.sampling.max_tokens,
        )

    if parents.expand is not None:
        topics = (parents.known or 0) // parents.expand
        yield calls(origin.teacher, topics, WRITE_TOKENS, 10 * parents.expand, "topics")
    made = ceil(number / origin.per_call)
    yield calls(origin.teacher, made, WRITE_TOKENS + passage, origin.per_call * (each + answer), "questions")
    if parents.refine is not None:
        yield calls(parents.refine, number, WRITE_TOKENS + passage + each, each, "refine")
    if parents.documents is not None:
        checker = parents.check or origin.teacher
        yield calls(checker, number, WRITE_TOKENS + passage + each, JUDGED_TOKENS, "check")
    if origin.agree is not None:
        answering = completion_of(registry.teacher(origin.agree.teacher), None)
        yield calls(origin.agree.teacher, number * origin.agree.answers, each, answering, "agree")


def _shown(registry: Registry, origin: WrittenOrigin, each: int) -> int:
    """Tokens of the parents in one call."""
    parents = origin.parents
    if parents.documents is not None:
        return parents.characters // _CHARACTERS
    if parents.questions is None:
        return 0
    return parents.seeds * (registry.source(parents.questions).question_tokens or each)
