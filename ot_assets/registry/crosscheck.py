"""What specs demand of each other: references that exist, held-out benchmarks that choose nothing, rows that differ.

Pure: specs and their documents in, problems out. A reference to a file that is there but broken is not reported again.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import TYPE_CHECKING, Any

from ot_assets.registry.crosscheck_answers import REFERENCES, AnswerChecks
from ot_assets.registry.crosscheck_parts import asks_too_much
from ot_assets.registry.crosscheck_scores import REFERENCES as SCORE_REFERENCES
from ot_assets.registry.crosscheck_scores import ScoreChecks
from ot_assets.registry.crosscheck_written import TEACHERS, written_problems
from ot_assets.registry.document import Document, Path_
from ot_assets.registry.errors import Problem, suggestion
from ot_assets.registry.specs.benchmark import BenchmarkSpec
from ot_assets.registry.specs.model import ModelSpec
from ot_assets.registry.specs.origin import LOCAL
from ot_assets.registry.specs.recipe import RecipeSpec
from ot_assets.registry.specs.select import score_of
from ot_assets.registry.specs.source import QuestionSet, SourceSpec
from ot_assets.registry.specs.teacher import TeacherSpec
from ot_assets.registry.traps import known_traps

if TYPE_CHECKING:
    from ot_assets.registry.catalogue import AnySpec, Section


def cross_check(
    specs: Mapping[Section, Mapping[str, AnySpec]], documents: Mapping[Section, Mapping[str, Document]]
) -> list[Problem]:
    """All problems between specs, errors and warnings."""
    check = _Check(specs, documents)
    found = [
        *check.all_references(),
        *check.teachers(),
        *check.judges(),
        *check.same_rows(),
        *check.written(),
        *check.traps(),
    ]
    for recipe in specs["recipes"].values():
        if isinstance(recipe, RecipeSpec):
            found += check.recipe(recipe)
    return found


_REFERENCES: tuple[tuple[Section, tuple[str, ...], Section], ...] = (
    ("teachers", ("model",), "models"),
    ("sources", ("judge", "teacher"), "teachers"),
    ("sources", ("origin", "languages", "*"), "conversations"),
    *(("sources", path, "teachers") for path in TEACHERS),
    ("recipes", ("parts", "*", "sources", "*", "source"), "sources"),
    ("recipes", ("parts", "*", "ranking", "*"), "sources"),
    ("recipes", ("rankings", "*", "*"), "sources"),
    *(("recipes", path, section) for path, section in SCORE_REFERENCES),
    ("recipes", ("teachers", "*"), "teachers"),
    ("recipes", ("other_teachers", "*"), "teachers"),
    ("recipes", ("student", "base"), "models"),
    ("recipes", ("conversations", "languages", "*"), "conversations"),
    ("recipes", ("benchmarks", "*"), "benchmarks"),
    ("recipes", ("choose_on", "*"), "benchmarks"),
    ("recipes", ("screen_against", "*"), "benchmarks"),
    *(("recipes", path, "sources" if path[-1] == "source" else "teachers") for path in REFERENCES),
)
"""Where a spec names another: in which section, at which path (``*`` = any), of which section."""


def _matches(data: Any, pattern: tuple[str, ...], path: Path_) -> Iterator[tuple[Path_, str]]:
    """Texts at the places that the pattern means; places that are not there, or hold something else, are passed over."""
    if not pattern:
        if isinstance(data, str):
            yield path, data
        return
    items: list[tuple[str | int, Any]] = []
    if isinstance(data, dict):
        items = [(name, value) for name, value in data.items() if pattern[0] in ("*", name)]
    elif isinstance(data, list) and pattern[0] == "*":
        items = list(enumerate(data))
    for name, value in items:
        yield from _matches(value, pattern[1:], (*path, name))


class _Check:
    """The specs that could be read, and the names that exist even where the file is broken."""

    def __init__(
        self, specs: Mapping[Section, Mapping[str, AnySpec]], documents: Mapping[Section, Mapping[str, Document]]
    ) -> None:
        self.documents = documents
        self.sources = {k: s for k, s in specs["sources"].items() if isinstance(s, SourceSpec)}
        self.models = {k: s for k, s in specs["models"].items() if isinstance(s, ModelSpec)}
        self.teacher_specs = {k: s for k, s in specs["teachers"].items() if isinstance(s, TeacherSpec)}
        self.recipes = {k: s for k, s in specs["recipes"].items() if isinstance(s, RecipeSpec)}
        self.benchmarks = {k: s for k, s in specs["benchmarks"].items() if isinstance(s, BenchmarkSpec)}

    def reference(self, document: Document, path: Path_, section: Section, key: str) -> Iterator[Problem]:
        """``key`` must be registered in ``section``."""
        if key not in self.documents[section]:
            known = sorted(self.documents[section])
            if section == "sources" and key in self.documents["benchmarks"]:
                yield document.problem(path, f"{key!r} is a benchmark: nothing may be drawn or learnt from it")
                return
            yield document.problem(path, f"no {section.removesuffix('s')} {key!r}{suggestion(key, known)}")

    def all_references(self) -> Iterator[Problem]:
        """Every reference of every file, also of files that are otherwise broken; in a list nothing stands twice."""
        for inside, pattern, section in _REFERENCES:
            for document in self.documents[inside].values():
                before: dict[Path_, list[str]] = {}
                for path, key in _matches(document.data, pattern, ()):
                    yield from self.reference(document, path, section, key)
                    siblings = before.setdefault(path[:-1], [])
                    if isinstance(path[-1], int) and key in siblings:
                        yield document.problem(path, f"{key!r} stands twice")
                    siblings.append(key)

    def teachers(self) -> Iterator[Problem]:
        for key, teacher in self.teacher_specs.items():
            document = self.documents["teachers"][key]
            model = self.models.get(teacher.model) if isinstance(teacher.model, str) else teacher.model
            if isinstance(teacher.model, ModelSpec) and teacher.model.key in self.documents["models"]:
                inline = teacher.model.key
                message = f"models/ has a model {inline!r} already; name it (model: {inline}) or give this another key"
                yield document.problem(("model",), message)
            if model is not None and model.context is not None and teacher.sampling.max_tokens > model.context:
                message = (
                    f"{teacher.sampling.max_tokens:,} is more than the model's context of {model.context:,} tokens"
                )
                yield document.problem(("sampling", "max_tokens"), message)
            limit = model.serve.max_model_len if model is not None and model.serve is not None else None
            if limit is not None and teacher.sampling.max_tokens > limit:
                message = (
                    f"{teacher.sampling.max_tokens:,} is more than its server takes (serve.max_model_len: {limit:,})"
                )
                yield document.problem(("sampling", "max_tokens"), message)

    def judges(self) -> Iterator[Problem]:
        for key, source in self.sources.items():
            teacher = self.teacher_specs.get(source.judge.teacher) if source.judge else None
            if teacher is not None and teacher.kind == "reference":
                message = "a judge needs a teacher of kind: model, which `reference` is not"
                yield self.documents["sources"][key].problem(("judge", "teacher"), message)

    def written(self) -> Iterator[Problem]:
        """What sources that a model writes demand."""
        documents = self.documents["sources"], self.documents["benchmarks"]
        yield from written_problems(self.sources, self.teacher_specs, self.benchmarks, *documents)

    def same_rows(self) -> Iterator[Problem]:
        """Two sources with the same rows are one source; a source with a benchmark's rows will be screened out whole."""
        sources: dict[str, str] = {}
        for key, source in self.sources.items():
            document = self.documents["sources"][key]
            first = sources.setdefault(_rows(source, document), key)
            if first != key:
                yield document.problem(("origin",), f"reads the same rows as source {first!r}; keep one of the two")
        benchmarks: dict[str, str] = {}
        for key, benchmark in self.benchmarks.items():
            document = self.documents["benchmarks"][key]
            rows = _rows(benchmark, document)
            first = benchmarks.setdefault(rows, key)
            if first != key:
                yield document.problem(("origin",), f"reads the same rows as benchmark {first!r}", warning=True)
            if rows in sources:
                message = f"reads the same rows as source {sources[rows]!r}, which will be screened out whole"
                yield document.problem(("origin",), message, warning=True)

    def traps(self) -> Iterator[Problem]:
        """What is known to be wrong with a package's data."""
        for key, source in self.sources.items():
            for path, message in known_traps(source):
                yield self.documents["sources"][key].problem(path, message, warning=True)

    def recipe(self, recipe: RecipeSpec) -> Iterator[Problem]:
        document = self.documents["recipes"][recipe.key]
        yield from self._parts(recipe, document)
        yield from asks_too_much(recipe, document, self.sources)
        yield from self._student(recipe, document)
        yield from self._benchmarks(recipe, document)
        yield from self._answers(recipe, document)

    def _parts(self, recipe: RecipeSpec, document: Document) -> Iterator[Problem]:
        exact = recipe.exact_parts
        for name, part in recipe.parts.items():
            for i, draw in enumerate(part.sources):
                path: Path_ = ("parts", name, "sources", i, "source")
                source = self.sources.get(draw.source)
                if source is not None and source.domain != part.domain:
                    message = f"is of domain {source.domain}, the part counts as {part.domain}"
                    yield document.problem(path, message, warning=True)
            for i, step in enumerate(part.select):
                score = score_of(step)
                if score is not None:
                    where: Path_ = ("parts", name, "select", i, "score")
                    checks = ScoreChecks(document, exact[name], self.teacher_specs, self.models)
                    yield from checks.problems(score, where)
                if step.kind == "dedup" and step.model is not None:
                    yield from self._embedding_model(step.model, document, ("parts", name, "select", i, "model"))

    def _embedding_model(self, name: str, document: Document, where: Path_) -> Iterator[Problem]:
        """A key of models/ with weights; anything with a slash is a folder, which is looked for when it is needed."""
        model = self.models.get(name)
        if model is None and "/" not in name:
            near = suggestion(name, list(self.models))
            yield document.problem(where, f"there is no model {name!r} (a folder is written with a slash){near}")
        elif model is not None and model.engine in ("openai", "scripted"):
            message = f"{name!r} has no weights on this machine (engine: {model.engine}), which embedding needs"
            yield document.problem(where, message)

    def _student(self, recipe: RecipeSpec, document: Document) -> Iterator[Problem]:
        student = recipe.student
        base = self.models.get(student.base)
        if base is None:
            return
        if base.context is not None and student.max_tokens > base.context:
            message = f"{student.max_tokens:,} is more than the context of {student.base} ({base.context:,} tokens)"
            yield document.problem(("student", "max_tokens"), message)
        if base.engine == "openai":
            message = f"{student.base} is an endpoint (engine: openai) and has no weights to train"
            yield document.problem(("student", "base"), message)

    def _benchmarks(self, recipe: RecipeSpec, document: Document) -> Iterator[Problem]:
        for i, key in enumerate(recipe.benchmarks):
            benchmark = self.benchmarks.get(key)
            if benchmark is not None and benchmark.repeats == 0:
                message = f"{key!r} has repeats: 0: it is screened against and never run"
                yield document.problem(("benchmarks", i), message)
            if recipe.screen_against != "all" and key not in recipe.screen_against:
                message = f"{key!r} is run but not in screen_against: its items may be trained on"
                yield document.problem(("benchmarks", i), message, warning=True)
        for i, key in enumerate(recipe.choose_on):
            benchmark = self.benchmarks.get(key)
            if benchmark is not None and benchmark.role == "held_out":
                dev = [
                    name
                    for name in recipe.benchmarks
                    if name in self.benchmarks and self.benchmarks[name].role == "dev"
                ]
                message = f"{key!r} is held out and must not choose; allowed: {', '.join(dev) or 'none, as it runs no dev one'}"
                yield document.problem(("choose_on", i), message)
            elif key in self.documents["benchmarks"] and key not in recipe.benchmarks:
                yield document.problem(("choose_on", i), f"{key!r} is not among the recipe's benchmarks; add it there")

    def _answers(self, recipe: RecipeSpec, document: Document) -> Iterator[Problem]:
        recipes = list(self.recipes.values())
        yield from AnswerChecks(recipe, document, self.sources, self.teacher_specs, recipes).problems()
        sources = [self.sources[key] for key in recipe.sources if key in self.sources]
        for i, key in enumerate(recipe.teachers):
            teacher = self.teacher_specs.get(key)
            if teacher is None or teacher.kind != "reference":
                continue
            without = [source.key for source in sources if not source.has_reference]
            if without:
                message = (
                    f"{key!r} has nothing to answer for {', '.join(without)}: neither worked solutions nor gold answers"
                )
                yield document.problem(("teachers", i), message, warning=len(without) < len(sources))


def _rows(questions: QuestionSet, document: Document) -> str:
    """Equal for question sets that read the same rows; relative paths mean files beside their own YAML."""
    origin = questions.origin
    relative = isinstance(origin, LOCAL) and any("://" not in p and not p.startswith("/") for p in origin.paths)
    return f"{document.file.parent if relative else ''}:{questions.rows_identity}"
