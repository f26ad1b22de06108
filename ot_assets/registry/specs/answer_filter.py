"""Answer filters: which of a teacher's answers become examples. One filter, or a list of steps that run in order.

Belongs here: what can be said in a recipe under ``answer_filter``; what a step does is in ``ot_assets.distillation``. The kinds
are those of the OpenThoughts3 ablation (arXiv 2506.04178, answer filtering), with its numbers as defaults where they are known.
``AnswerFilter`` is the form that needs only facts about an answer; the other kinds have a class each. Fails with pydantic's
``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Discriminator, Field, Tag, model_validator

from ot_assets.registry.specs.base import Key, Language, Rows, Seed, Spec, Text

Part = Literal["full", "answer"]
"""What of an answer a step reads: its reasoning and its final answer, or the final answer alone."""

_PART = "`full`: reasoning and final answer, as the paper; `answer`: the final answer alone."

VERIFY_PROMPT = """Is the provided answer a correct solution to the following problem?

<problem>
{question}
</problem>

<answer>
{answer}
</answer>

Judge the final answer, not the style. Say in a sentence or two why, then whether it is correct."""

PICK_PROMPT = """Which of the numbered answers solve the following problem best?

<problem>
{question}
</problem>

{answers}

Prefer answers that are correct, then those whose reasoning is sound and complete. Say in a sentence or two why."""


def _holds(*names: str) -> AfterValidator:
    def check(template: str) -> str:
        missing = [f"{{{name}}}" for name in names if f"{{{name}}}" not in template]
        if missing:
            raise ValueError(f"a judge's prompt must hold {' and '.join(missing)}")
        return template

    return AfterValidator(check)


class AnswerFilter(Spec):
    """Which of a question's answers become examples, by facts about the answers alone."""

    kind: Literal["none", "verified", "shortest", "longest", "random"] = Field(default="none", description="The rule.")
    keep: int | None = Field(
        default=None, gt=0, description="At most so many answers a question; absent = all that pass."
    )
    rows: Rows | None = Field(default=None, description="At most so many examples in all, drawn by `seed`.")
    seed: Seed | None = Field(default=None, description="Seed of its draws; absent = the recipe's.")

    @model_validator(mode="after")
    def _keep_fits(self) -> AnswerFilter:
        if self.kind in ("shortest", "longest") and self.keep is None:
            raise ValueError(f"kind: {self.kind} needs keep: how many answers a question stay")
        if self.kind == "random" and self.keep is None and self.rows is None:
            raise ValueError("kind: random needs keep (a question) or rows (in all)")
        return self


class Majority(Spec):
    """Keep the answers that say what most answers to the question say, as their verifier read them."""

    kind: Literal["majority"] = Field(description="Marks this form.")
    share: float = Field(
        default=0.0,
        ge=0,
        lt=1,
        description="The winner needs more than this share of the answers; 0 = simply the most.",
    )


class ClosedReasoning(Spec):
    """Drop answers whose reasoning never came to its end."""

    kind: Literal["closed_reasoning"] = Field(description="Marks this form.")


class LongParagraph(Spec):
    """Drop answers with a paragraph (text between blank lines) that is too long."""

    kind: Literal["long_paragraph"] = Field(description="Marks this form.")
    words: int = Field(default=750, gt=0, description="A paragraph of more words is too long; 750 in the paper's runs.")
    text: Part = Field(default="full", description=_PART)


class NonEnglish(Spec):
    """Drop answers that are not in English. The same as ``language`` with ``languages: [en]``."""

    kind: Literal["non_english"] = Field(description="Marks this form.")
    share: float = Field(default=0.9, gt=0, le=1, description="Least share of the prose that is in English.")
    text: Part = Field(default="full", description=_PART)

    @property
    def languages(self) -> tuple[str, ...]:
        """English."""
        return ("en",)


class OnlyLanguages(Spec):
    """Keep answers in some natural languages."""

    kind: Literal["language"] = Field(description="Marks this form.")
    languages: tuple[Language, ...] = Field(min_length=1, description="Languages to keep, such as [en, de].")
    share: float = Field(default=0.9, gt=0, le=1, description="Least share of the prose that is in one of them.")
    text: Part = Field(default="full", description=_PART)


class CodeLanguage(Spec):
    """Keep answers that hold a fenced code block in some programming language."""

    kind: Literal["code_language"] = Field(description="Marks this form.")
    languages: tuple[Text, ...] = Field(
        default=("python",), min_length=1, description="Tags of the fences to keep, such as [python, cpp]."
    )
    text: Part = Field(default="full", description=_PART)


class Samples(Spec):
    """Texts that a classifier learns from: files, or what a teacher answered to a source."""

    files: tuple[Text, ...] = Field(
        default=(), description="Parquet, jsonl or csv files; relative ones start at the folder of the YAML file."
    )
    text: Text = Field(default="text", description="Column of the files with the text.")
    question: Text | None = Field(default=None, description="Column of the files with the question before the text.")
    source: Key | None = Field(default=None, description="Key in sources/: the questions that were answered.")
    teacher: Key | None = Field(default=None, description="Key in teachers/: who answered them.")
    rows: Rows | None = Field(default=None, description="At most so many texts, the first; absent = all.")

    @model_validator(mode="after")
    def _one_origin(self) -> Samples:
        if bool(self.files) == (self.source is not None or self.teacher is not None):
            raise ValueError("say either files, or source and teacher")
        if (self.source is None) != (self.teacher is None):
            raise ValueError("source and teacher go together: whose answers to which questions")
        return self


class FastText(Spec):
    """Keep answers that a fastText classifier finds more like the positives than the negatives."""

    kind: Literal["fasttext"] = Field(description="Marks this form.")
    positives: tuple[Samples, ...] = Field(min_length=1, description="What answers should be like.")
    negatives: tuple[Samples, ...] = Field(min_length=1, description="What they should not be like.")
    rows: Rows | None = Field(default=None, description="Keep the so many highest scores in all (the paper's way).")
    keep: int | None = Field(default=None, gt=0, description="Keep the so many highest scores a question.")
    at_least: float | None = Field(default=None, gt=0, le=1, description="Keep scores (0 to 1) from this one on.")
    text: Part = Field(default="full", description=_PART)
    with_question: bool = Field(default=True, description="Whether the question stands before the text, as the paper.")
    dim: int = Field(default=256, gt=0, le=2048, description="Length of the vectors.")
    epochs: int = Field(default=3, gt=0, description="Times that the samples are read.")
    learning_rate: float = Field(default=0.1, gt=0, description="Learning rate.")
    word_ngrams: int = Field(default=2, gt=0, le=10, description="Longest run of words that is a feature.")
    min_count: int = Field(default=3, gt=0, description="Rarer words are not learnt.")
    buckets: int = Field(
        default=200_000, gt=0, description="Hashed features; fastText's own 2,000,000 take 2 GB of memory at dim 256."
    )
    seed: Seed | None = Field(default=None, description="Seed of the training; absent = the recipe's.")

    @model_validator(mode="after")
    def _says_what_stays(self) -> FastText:
        if self.rows is None and self.keep is None and self.at_least is None:
            raise ValueError("kind: fasttext needs rows (best in all), keep (best a question) or at_least (a score)")
        return self

    @property
    def samples(self) -> tuple[Samples, ...]:
        """Positives, then negatives."""
        return (*self.positives, *self.negatives)


class JudgeVerify(Spec):
    """Keep answers that a model calls correct."""

    kind: Literal["judge_verify"] = Field(description="Marks this form.")
    judge: Key = Field(description="Key in teachers/ of who judges.")
    votes: int = Field(default=1, gt=0, le=64, description="How often it is asked; more than half must say correct.")
    attempts: int = Field(default=2, gt=0, le=10, description="How often it is asked when its reply does not read.")
    text: Part = Field(default="full", description=_PART)
    characters: int | None = Field(default=None, gt=0, description="It sees the last so many characters; absent = all.")
    prompt: Annotated[str, _holds("question", "answer")] = Field(
        default=VERIFY_PROMPT, description="What it is asked; {question} and {answer} are replaced, {gold} may be used."
    )


class JudgePick(Spec):
    """Keep the answers to a question that a model picks as the best."""

    kind: Literal["judge_pick"] = Field(description="Marks this form.")
    judge: Key = Field(description="Key in teachers/ of who picks.")
    keep: int = Field(default=1, gt=0, description="How many answers a question it picks.")
    attempts: int = Field(default=2, gt=0, le=10, description="How often it is asked when its reply does not read.")
    text: Part = Field(default="answer", description=_PART)
    characters: int | None = Field(
        default=None, gt=0, description="It sees the last so many characters of each; absent = all."
    )
    prompt: Annotated[str, _holds("question", "answers")] = Field(
        default=PICK_PROMPT, description="What it is asked; {question} and {answers} are replaced, {gold} may be used."
    )
    seed: Seed | None = Field(
        default=None, description="Seed of the order in which it sees them; absent = the recipe's."
    )


class CutTo(Spec):
    """The last step of a fair comparison: draw exactly so many examples, whatever the filter before it left."""

    kind: Literal["cut_to"] = Field(description="Marks this form.")
    rows: Rows = Field(description="How many examples the training set has in the end.")
    short: Literal["error", "keep"] = Field(default="error", description="When fewer are left: stop, or keep them all.")
    seed: Seed | None = Field(default=None, description="Seed of the draw; absent = the recipe's.")


def _kind(value: Any) -> Any:
    """The kind of a step; a mapping that says none is an ``AnswerFilter`` of kind none, as ever."""
    return value.get("kind", "none") if isinstance(value, Mapping) else getattr(value, "kind", None)


AnswerStep = Annotated[
    Annotated[AnswerFilter, Tag("none")]
    | Annotated[AnswerFilter, Tag("verified")]
    | Annotated[AnswerFilter, Tag("shortest")]
    | Annotated[AnswerFilter, Tag("longest")]
    | Annotated[AnswerFilter, Tag("random")]
    | Annotated[Majority, Tag("majority")]
    | Annotated[ClosedReasoning, Tag("closed_reasoning")]
    | Annotated[LongParagraph, Tag("long_paragraph")]
    | Annotated[NonEnglish, Tag("non_english")]
    | Annotated[OnlyLanguages, Tag("language")]
    | Annotated[CodeLanguage, Tag("code_language")]
    | Annotated[FastText, Tag("fasttext")]
    | Annotated[JudgeVerify, Tag("judge_verify")]
    | Annotated[JudgePick, Tag("judge_pick")]
    | Annotated[CutTo, Tag("cut_to")],
    Discriminator(_kind),
]
"""One filter, or one step of several."""


def _check_chain(steps: tuple[AnswerStep, ...]) -> tuple[AnswerStep, ...]:
    for number, step in enumerate(steps[:-1], 1):
        if step.kind == "cut_to":
            raise ValueError(f"cut_to must be the last step, not step {number} of {len(steps)}")
    return steps


def _form(value: Any) -> str:
    return "chain" if isinstance(value, list | tuple) else "one"


AnswerFilters = Annotated[
    Annotated[AnswerStep, Tag("one")]
    | Annotated[tuple[AnswerStep, ...], Field(min_length=1), AfterValidator(_check_chain), Tag("chain")],
    Discriminator(_form),
]
"""What stands under ``answer_filter``."""


def steps_of(filters: AnswerFilters) -> tuple[AnswerStep, ...]:
    """The filter as steps in order; one filter is a chain of one."""
    return filters if isinstance(filters, tuple) else (filters,)


def filled(filters: AnswerFilters, seed: int) -> Any:
    """The filter as plain JSON types with the recipe's seed where a step has none: its part of a slice.

    A single filter stays a mapping, so that recipes written before there were chains keep their slices.
    """
    if isinstance(filters, tuple):
        return [filled(step, seed) for step in filters]
    data = filters.to_dict()
    if "seed" in data and data["seed"] is None:
        data["seed"] = seed
    return data


def judges_of(steps: Iterable[AnswerStep]) -> tuple[str, ...]:
    """Keys of the teachers who judge, each once, in order."""
    return tuple(dict.fromkeys(step.judge for step in steps if isinstance(step, JudgeVerify | JudgePick)))


def samples_of(steps: Iterable[AnswerStep]) -> tuple[Samples, ...]:
    """All that classifiers learn from, in order."""
    return tuple(samples for step in steps if isinstance(step, FastText) for samples in step.samples)
