"""What written sources demand of the rest of the registry: teachers that are models, parents that are sources, no circle.

Pure: specs in, problems out, each at its place in the source's YAML. A benchmark is never written, and never a
parent: questions made from its items would be those items in other words, which no screening finds.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping

from ot_assets.registry.document import Document, Path_
from ot_assets.registry.errors import Problem, suggestion
from ot_assets.registry.specs.benchmark import BenchmarkSpec
from ot_assets.registry.specs.source import SourceSpec
from ot_assets.registry.specs.teacher import TeacherSpec
from ot_assets.registry.specs.written import WrittenOrigin

TEACHERS = tuple(
    ("origin", *path) for path in (("teacher",), ("from", "refine"), ("from", "check"), ("agree", "teacher"))
)
"""Places of a source where a written origin names a teacher."""


def written_problems(
    sources: Mapping[str, SourceSpec],
    teachers: Mapping[str, TeacherSpec],
    benchmarks: Mapping[str, BenchmarkSpec],
    documents: Mapping[str, Document],
    benchmark_documents: Mapping[str, Document],
) -> Iterator[Problem]:
    """All problems of written sources. `documents` holds the YAML of the sources, read or broken."""
    for key, benchmark in benchmarks.items():
        if isinstance(benchmark.origin, WrittenOrigin):
            yield benchmark_documents[key].problem(("origin", "kind"), "a benchmark cannot be written by a model")
    for key, source in sources.items():
        if isinstance(source.origin, WrittenOrigin):
            document = documents[key]
            yield from _teachers(source.origin, teachers, document)
            yield from _parent(source, source.origin, sources, benchmarks, document, documents)
            yield from _circle(key, sources, document)


def _teachers(origin: WrittenOrigin, teachers: Mapping[str, TeacherSpec], document: Document) -> Iterator[Problem]:
    named = (
        origin.teacher,
        origin.parents.refine,
        origin.parents.check,
        origin.agree.teacher if origin.agree else None,
    )
    for path, key in zip(TEACHERS, named, strict=True):
        if key is not None and key in teachers and teachers[key].kind == "reference":
            yield document.problem(path, f"a teacher of kind: model is needed, which {key!r} is not")
    agree = teachers.get(origin.agree.teacher) if origin.agree else None
    if agree is not None and agree.sampling.temperature == 0 and origin.agree is not None and origin.agree.answers > 1:
        message = (
            f"{agree.key} is sampled at temperature 0, so its {origin.agree.answers} answers will be one and the same"
        )
        yield document.problem(("origin", "agree", "answers"), message, warning=True)
    writer, known = teachers.get(origin.teacher), origin.parents.known
    if writer is None or writer.sampling.temperature > 0 or origin.rows is None or known is None:
        return
    if origin.rows > known * origin.per_call:
        message = f"{writer.key} is sampled at temperature 0: asked again about the same it writes the same"
        yield document.problem(("origin", "rows"), message, warning=True)


def _parent(
    source: SourceSpec,
    origin: WrittenOrigin,
    sources: Mapping[str, SourceSpec],
    benchmarks: Mapping[str, BenchmarkSpec],
    document: Document,
    documents: Mapping[str, Document],
) -> Iterator[Problem]:
    key = origin.parents.source
    if key is None:
        return
    path: Path_ = ("origin", "from", origin.parents.kind)
    if key in benchmarks:
        yield document.problem(path, f"{key!r} is a benchmark: nothing to train on is made from its items")
    elif key not in documents:
        yield document.problem(path, f"no source {key!r}{suggestion(key, sorted(documents))}")
    elif key in sources:
        same = [b.key for b in benchmarks.values() if b.rows_identity == sources[key].rows_identity]
        if same:
            yield document.problem(
                path, f"{key!r} reads the rows of benchmark {same[0]!r}: nothing to train on is made of it"
            )


def _circle(key: str, sources: Mapping[str, SourceSpec], document: Document) -> Iterator[Problem]:
    """The way from a source back to itself, told at each source on it."""
    way = [key]
    while (parent := _parent_of(sources.get(way[-1]))) is not None and parent not in way[1:]:
        way.append(parent)
        if parent == key:
            path = ("origin", "from", "questions")
            yield document.problem(path, f"is written from itself: {' -> '.join(way)}")
            return


def _parent_of(source: SourceSpec | None) -> str | None:
    origin = source.origin if source is not None else None
    return origin.parents.source if isinstance(origin, WrittenOrigin) else None
