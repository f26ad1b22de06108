"""Scores: a figure that a question gets once, shared by all recipes that want it.

Belongs here: what a recipe may sort its questions by, the kinds of the OpenThoughts3 ablation (arXiv 2506.04178, question
filtering); how a figure comes about is in ``ot_assets.curation.scores``. Contract: a field that has its default is no part of
a score's content, so scores written before a field existed keep their hash; ``column`` says what the score is and is another
one for other content. Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from abc import abstractmethod
from collections.abc import Iterable
from typing import Annotated, ClassVar, Literal

from pydantic import AfterValidator, Field, model_validator

from ot_assets.registry.specs.base import Key, Prompt, Seed, canonical_hash
from ot_assets.registry.specs.examples import Examples, sources_of, versus
from ot_assets.registry.specs.growing import Growing

LONGEST_COLUMN = 150
"""Characters of a column's name; a longer one is cut and told apart by its hash."""


class _Score(Growing):
    """What all kinds have in common. The properties say what a score asks of others; most ask nothing."""

    @property
    @abstractmethod
    def column(self) -> str:
        """Column of ``question_scores``: ``answer_length.gpt-4.1-mini``."""

    @property
    def parts(self) -> tuple[Score, ...]:
        """Scores that it is made of."""
        return ()

    @property
    def teachers(self) -> tuple[str, ...]:
        """Keys in teachers/ of those who are asked."""
        return ()

    @property
    def labels(self) -> tuple[str, ...]:
        """What stands before the source in the labels of its stored replies: ``answer_length.gpt-4.1-mini``."""
        return ()

    @property
    def sources(self) -> tuple[str, ...]:
        """Keys in sources/ of those whose questions are its examples."""
        return ()

    @property
    def models(self) -> tuple[str, ...]:
        """Keys in models/ of models that it loads itself."""
        return ()

    def _named(self, name: str, *, plain: bool) -> str:
        """The name, with the start of the content's hash where the name does not say everything."""
        if plain and len(name) <= LONGEST_COLUMN:
            return name
        return f"{name[:LONGEST_COLUMN]}.{canonical_hash(self.to_dict())[:8]}"


class RandomScore(_Score):
    """A number from 0 to 1 that the seed and the question decide; no model."""

    later: ClassVar[frozenset[str]] = frozenset({"seed"})
    kind: Literal["random"] = Field(description="Marks this form.")
    seed: Seed = Field(default=0, description="Seed of the numbers.")

    @property
    def column(self) -> str:
        """``random.0``."""
        return f"random.{self.seed}"


class _Asked(_Score):
    """A score that a teacher gives: one request a question."""

    teacher: Key = Field(description="Key in teachers/: who answers or rates.")

    @property
    def teachers(self) -> tuple[str, ...]:
        """The one who is asked."""
        return (self.teacher,)

    @property
    def label(self) -> str:
        """The kind and the teacher."""
        return f"{self.kind}.{self.teacher}"  # type: ignore[attr-defined]

    @property
    def labels(self) -> tuple[str, ...]:
        """Only one."""
        return (self.label,)


class AnswerLength(_Asked):
    """How long a teacher's answer is, its reasoning included. Characters and tokens of one teacher are one request."""

    later: ClassVar[frozenset[str]] = frozenset({"unit", "tokenizer"})
    kind: Literal["answer_length"] = Field(description="Marks this form.")
    unit: Literal["characters", "tokens"] = Field(
        default="characters", description="`characters` as in OpenThoughts; `tokens` as the endpoint counted them."
    )
    tokenizer: Key | None = Field(
        default=None, description="For tokens: count with the tokenizer of this model of models/ instead."
    )

    @model_validator(mode="after")
    def _tokenizer_fits(self) -> AnswerLength:
        if self.tokenizer is not None and self.unit != "tokens":
            raise ValueError("tokenizer is for unit: tokens")
        return self

    @property
    def column(self) -> str:
        """``answer_length.x``, ``answer_tokens.x`` or, with a tokenizer y, ``answer_tokens.x+y``."""
        name = "answer_tokens" if self.unit == "tokens" else "answer_length"
        return f"{name}.{self.teacher}" + (f"+{self.tokenizer}" if self.tokenizer else "")

    @property
    def models(self) -> tuple[str, ...]:
        """The model whose tokenizer counts."""
        return (self.tokenizer,) if self.tokenizer else ()


class Difficulty(_Asked):
    """An integer from 1 to 10 by a rubric."""

    later: ClassVar[frozenset[str]] = frozenset({"prompt"})
    kind: Literal["difficulty"] = Field(description="Marks this form.")
    prompt: Prompt | None = Field(
        default=None, description="What is asked, with {question}; absent = our rubric. It must want a number, 1 to 10."
    )

    @property
    def column(self) -> str:
        """``difficulty.x``; with a prompt of its own its hash follows."""
        return self._named(self.label, plain=self.prompt is None)


class AskLLM(_Asked):
    """A rating from 1 to 100 of how much a question is worth training on, by a rubric with good and bad examples."""

    later: ClassVar[frozenset[str]] = frozenset({"positives", "negatives", "prompt"})
    kind: Literal["ask_llm"] = Field(description="Marks this form.")
    positives: tuple[Examples, ...] = Field(default=(), description="Questions that deserve a high rating.")
    negatives: tuple[Examples, ...] = Field(default=(), description="Questions that deserve a low rating.")
    prompt: Prompt | None = Field(
        default=None, description="What is asked, with {question}, {positives} and {negatives}; absent = our rubric."
    )

    @model_validator(mode="after")
    def _examples_fit(self) -> AskLLM:
        for name, examples in (("positives", self.positives), ("negatives", self.negatives)):
            if any(one.source is not None and one.rows is None for one in examples):
                raise ValueError(
                    f"{name}: a source needs rows (how many of its questions), as each request shows them all"
                )
            if sum(one.rows or len(one.texts) for one in examples) > MOST_SHOWN:
                raise ValueError(f"{name}: at most {MOST_SHOWN} examples, as each request shows them all")
            if examples and self.prompt is not None and f"{{{name}}}" not in self.prompt:
                raise ValueError(f"the prompt must hold {{{name}}}, or there are none to show")
        return self

    @property
    def column(self) -> str:
        """``ask_llm.x``; with examples or a prompt of its own their hash follows."""
        return self._named(self.label, plain=not (self.positives or self.negatives or self.prompt))

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of its examples."""
        return sources_of((*self.positives, *self.negatives))


MOST_SHOWN = 50
"""Examples of one side that a request may show."""


class _Compared(_Score):
    """A score that says whether a question is more like the positives or the negatives."""

    positives: tuple[Examples, ...] = Field(min_length=1, description="What questions should be like.")
    negatives: tuple[Examples, ...] = Field(min_length=1, description="What they should not be like.")

    @model_validator(mode="after")
    def _sides_differ(self) -> _Compared:
        both = [one.name for one in self.negatives if one in self.positives]
        if both:
            raise ValueError(f"{', '.join(both)} stands among positives and negatives: nothing can be learnt from it")
        return self

    @property
    def sources(self) -> tuple[str, ...]:
        """Sources of its examples."""
        return sources_of((*self.positives, *self.negatives))


class FastTextScore(_Compared):
    """How sure a fastText classifier is (0 to 1) that a question is like the positives. Defaults are the paper's."""

    later: ClassVar[frozenset[str]] = frozenset(
        {"dim", "epochs", "learning_rate", "word_ngrams", "min_count", "buckets", "seed"}
    )
    kind: Literal["fasttext"] = Field(description="Marks this form.")
    dim: int = Field(default=256, gt=0, le=2048, description="Length of the vectors.")
    epochs: int = Field(default=3, gt=0, description="Times that the examples are read.")
    learning_rate: float = Field(default=0.1, gt=0, description="Learning rate.")
    word_ngrams: int = Field(default=2, gt=0, le=10, description="Longest run of words that is a feature.")
    min_count: int = Field(default=3, gt=0, description="Rarer words are not learnt.")
    buckets: int = Field(
        default=200_000, gt=0, description="Hashed features; fastText's own 2,000,000 take 2 GB of memory at dim 256."
    )
    seed: Seed = Field(default=0, description="Seed of the training.")

    @property
    def column(self) -> str:
        """``fasttext.numinamath-1.5-vs-lap1``; where that does not say all, a hash follows."""
        name, plain = versus(self.positives, self.negatives)
        return self._named(f"fasttext.{name}", plain=plain and not self.later & self.to_dict().keys())


class EmbeddingScore(_Compared):
    """Mean cosine similarity to the positives minus that to the negatives, -2 to 2, by a model that embeds texts."""

    kind: Literal["embedding"] = Field(description="Marks this form.")
    model: Key = Field(description="Key in models/ of a sentence embedding model on this machine.")

    @property
    def column(self) -> str:
        """``embedding.numinamath-1.5-vs-lap1+all-minilm-l6-v2``; where that does not say all, a hash follows."""
        name, plain = versus(self.positives, self.negatives)
        return self._named(f"embedding.{name}+{self.model}", plain=plain)

    @property
    def models(self) -> tuple[str, ...]:
        """The model that embeds."""
        return (self.model,)


SingleScore = Annotated[
    RandomScore | AnswerLength | Difficulty | AskLLM | FastTextScore | EmbeddingScore, Field(discriminator="kind")
]
"""A score that is not made of others."""


def _differ(scores: tuple[SingleScore, ...]) -> tuple[SingleScore, ...]:
    if len(set(scores)) < len(scores):
        raise ValueError("the same score stands twice")
    return scores


class Combined(_Score):
    """Several scores of a question as one; null where one of them is, since the rest would say something else."""

    kind: Literal["combined"] = Field(description="Marks this form.")
    by: Literal["mean", "min", "max"] = Field(default="mean", description="How they become one figure.")
    of: Annotated[tuple[SingleScore, ...], Field(min_length=2), AfterValidator(_differ)] = Field(
        description="The scores, such as the answer lengths of several teachers. They should have one scale."
    )

    @property
    def column(self) -> str:
        """``mean.answer_length.a+answer_length.b``."""
        columns = [score.column for score in self.of]
        return self._named(f"{self.by}.{'+'.join(columns)}", plain=not any("+" in one for one in columns))

    @property
    def parts(self) -> tuple[Score, ...]:
        """The scores that it is made of."""
        return self.of

    @property
    def teachers(self) -> tuple[str, ...]:
        """All who are asked."""
        return tuple(dict.fromkeys(teacher for score in self.of for teacher in score.teachers))

    @property
    def labels(self) -> tuple[str, ...]:
        """Those of its parts."""
        return tuple(dict.fromkeys(label for score in self.of for label in score.labels))

    @property
    def sources(self) -> tuple[str, ...]:
        """Those of its parts."""
        return tuple(dict.fromkeys(source for score in self.of for source in score.sources))

    @property
    def models(self) -> tuple[str, ...]:
        """Those of its parts."""
        return tuple(dict.fromkeys(model for score in self.of for model in score.models))


Score = Annotated[
    RandomScore | AnswerLength | Difficulty | AskLLM | FastTextScore | EmbeddingScore | Combined,
    Field(discriminator="kind"),
]
"""What a step may sort, cut or band by."""

AskedScore = AnswerLength | Difficulty | AskLLM
"""Scores that a teacher is asked for."""


def asked_for(scores: Iterable[Score]) -> tuple[AskedScore, ...]:
    """The scores that a teacher is asked for, those with the same requests once."""
    asked = [score for score in with_parts(scores) if isinstance(score, AskedScore)]
    return tuple({score.label if isinstance(score, AnswerLength) else score.column: score for score in asked}.values())


def with_parts(scores: Iterable[Score]) -> tuple[Score, ...]:
    """The scores and those that they are made of, each once, parts before what is made of them."""
    return tuple(dict.fromkeys(one for score in scores for one in (*score.parts, score)))


__all__ = [
    "AnswerLength",
    "AskLLM",
    "AskedScore",
    "Combined",
    "Difficulty",
    "EmbeddingScore",
    "FastTextScore",
    "RandomScore",
    "Score",
    "SingleScore",
    "asked_for",
    "with_parts",
]
