"""What an answer filter demands of the rest of the registry: judges that are models, samples that are there, verifiers.

Pure but for looking whether a file of samples exists: specs in, problems out, each at its place in the recipe's YAML. That a
named judge, source or teacher is registered is checked with all other references.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from ot_assets.registry.document import Document, Path_
from ot_assets.registry.errors import Problem, suggestion
from ot_assets.registry.specs.answer_filter import (
    AnswerFilter,
    AnswerStep,
    FastText,
    JudgePick,
    JudgeVerify,
    OnlyLanguages,
    Samples,
)
from ot_assets.registry.specs.languages import LANGUAGES, plain_language
from ot_assets.registry.specs.recipe import RecipeSpec
from ot_assets.registry.specs.source import SourceSpec
from ot_assets.registry.specs.teacher import TeacherSpec

_REFERENCES = (
    ("judge",),
    *((side, "*", what) for side in ("positives", "negatives") for what in ("source", "teacher")),
)
REFERENCES = tuple((*where, *tail) for tail in _REFERENCES for where in (("answer_filter",), ("answer_filter", "*")))
"""Places of a recipe where an answer filter names a teacher or, where they end so, a source."""

_READS_NOTHING = ("none", "code", "judge")
"""Verifiers that read no answer out of a reply that could be compared with another."""


@dataclass(frozen=True)
class AnswerChecks:
    """Checks the answer filter of one recipe."""

    recipe: RecipeSpec
    document: Document
    sources: Mapping[str, SourceSpec]
    teachers: Mapping[str, TeacherSpec]
    recipes: Sequence[RecipeSpec]

    def problems(self) -> Iterator[Problem]:
        """All problems, step by step."""
        chain = isinstance(self.recipe.answer_filter, tuple)
        for number, step in enumerate(self.recipe.answer_steps):
            at: Path_ = ("answer_filter", number) if chain else ("answer_filter",)
            yield from self._keeps(step, at)
            yield from self._verifiers(step, at)
            if isinstance(step, JudgeVerify | JudgePick):
                yield from self._judge(step, at)
            if isinstance(step, OnlyLanguages):
                yield from self._languages(step, at)
            if isinstance(step, FastText):
                yield from self._classifier(step, at)

    def _keeps(self, step: AnswerStep, at: Path_) -> Iterator[Problem]:
        most = step.keep if isinstance(step, AnswerFilter | FastText | JudgePick) else None
        answers = self.recipe.answers_per_question
        if most is not None and most >= answers and step.kind not in ("none", "verified", "random"):
            message = f"keeps {most} of {answers} answers, so it drops none"
            yield self.document.problem((*at, "keep"), message, warning=True)

    def _verifiers(self, step: AnswerStep, at: Path_) -> Iterator[Problem]:
        unable = {"verified": ("none",), "majority": _READS_NOTHING}.get(step.kind, ())
        sources = [self.sources[key] for key in self.recipe.sources if key in self.sources]
        without = [source.key for source in sources if source.verifier in unable]
        if not without or len(sources) < len(self.recipe.sources):
            return
        every = len(without) == len(sources)
        if step.kind == "verified":
            what = "no source has a verifier" if every else f"no answer to {', '.join(without)} can be verified"
        else:
            what = (
                "no source has a verifier that reads answers" if every else f"no answer to {', '.join(without)} is read"
            )
        yield self.document.problem((*at, "kind"), f"{what}, so all would be dropped", warning=not every)

    def _judge(self, step: JudgeVerify | JudgePick, at: Path_) -> Iterator[Problem]:
        judge = self.teachers.get(step.judge)
        if judge is None:
            return
        if judge.kind == "reference":
            message = f"a judge needs a teacher of kind: model, which {step.judge!r} is not"
            yield self.document.problem((*at, "judge"), message)
        elif isinstance(step, JudgeVerify) and step.votes > 1 and judge.sampling.temperature == 0:
            message = f"{step.judge} is sampled at temperature 0, so its {step.votes} votes will be one and the same"
            yield self.document.problem((*at, "votes"), message, warning=True)

    def _languages(self, step: OnlyLanguages, at: Path_) -> Iterator[Problem]:
        for number, tag in enumerate(step.languages):
            if plain_language(tag) not in LANGUAGES:
                message = f"the language {tag!r} cannot be told{suggestion(tag, sorted(LANGUAGES))}"
                yield self.document.problem((*at, "languages", number), message)

    def _classifier(self, step: FastText, at: Path_) -> Iterator[Problem]:
        for side, several in (("positives", step.positives), ("negatives", step.negatives)):
            for number, samples in enumerate(several):
                where: Path_ = (*at, side, number)
                yield from self._files(samples, where)
                yield from self._asked(samples, where)
                if side == "negatives" and samples in step.positives:
                    yield self.document.problem(where, "stands among the positives too: nothing can be learnt from it")

    def _files(self, samples: Samples, at: Path_) -> Iterator[Problem]:
        for number, name in enumerate(samples.files):
            if "://" not in name and not (self.document.file.parent / name).is_file():
                message = f"{name} is not there; it is looked for in {self.document.file.parent}"
                yield self.document.problem((*at, "files", number), message)

    def _asked(self, samples: Samples, at: Path_) -> Iterator[Problem]:
        """A teacher answers only what some recipe asks of it."""
        source, teacher = samples.source, samples.teacher
        if source is None or teacher is None or source not in self.sources or teacher not in self.teachers:
            return
        if not any(source in recipe.sources and recipe.wants(teacher) for recipe in self.recipes):
            message = (
                f"no recipe asks {teacher} for answers to {source}: add it to other_teachers of one that draws from it"
            )
            yield self.document.problem((*at, "source"), message)
