"""``ConversationSpec``: the conversations of one language, from logs of contributions to what is taught. One YAML in
``conversations/`` each.

Belongs here: which logs and files are read, by which rules trees grow (``crowd``), and how chat examples, preference pairs and
prompts are made of them. Fails with pydantic's ``ValidationError``.
"""

from __future__ import annotations

from collections.abc import Mapping
from typing import Annotated, Any, Literal

from pydantic import AfterValidator, Field, model_validator

from ot_assets.conversations.labels import LABELS
from ot_assets.conversations.languages import key_of
from ot_assets.conversations.state import STATES
from ot_assets.registry.specs.base import Key, Language, Licence, Seed, Sha256, Spec, Text
from ot_assets.registry.specs.crowd import CrowdSettings, Share
from ot_assets.registry.specs.origin import relative_path

Paths = tuple[Annotated[str, AfterValidator(relative_path)], ...]

DETOXIFY = ("toxicity", "severe_toxicity", "obscene", "identity_attack", "insult", "threat", "sexual_explicit")
"""The scores of Detoxify that the published files hold."""


def _known(what: str, names: tuple[str, ...]) -> AfterValidator:
    def check(name: str) -> str:
        if name not in names:
            raise ValueError(f"no {what} is called {name!r}; known are {', '.join(names)}")
        return name

    return AfterValidator(check)


LabelName = Annotated[str, _known("label", LABELS)]
State = Annotated[str, _known("state", STATES)]
DetoxifyName = Annotated[str, _known("score of Detoxify", DETOXIFY)]


class Import(Spec):
    """Trees of published files: OASST1, OASST2, or what `ot conversations export` wrote."""

    files: Paths = Field(
        min_length=1,
        description="Globs of trees or messages as .jsonl, .jsonl.gz or .parquet; relative to the YAML's folder.",
    )
    sha256: Mapping[str, Sha256] = Field(default={}, description="File name -> hash; another file is refused.")
    states: tuple[State, ...] = Field(default=("ready_for_export",), description="Only trees in these states.")
    languages: tuple[Language, ...] = Field(
        default=(),
        description="Only trees whose prompt has one of these tags; absent = the spec's own. `pt` takes `pt-BR` too.",
    )
    synthetic: bool = Field(default=False, description="Whether trees with messages that a model wrote are taken.")
    deleted: bool = Field(default=False, description="Whether deleted messages, with all under them, are taken.")
    unreviewed: bool = Field(
        default=False, description="Whether messages that were not accepted, with all under them, are taken."
    )
    ranks: Literal["refuse", "renumber"] = Field(
        default="refuse", description="Siblings whose ranks have gaps: the tree is refused; or they are numbered anew."
    )


class Kept(Spec):
    """Which messages may be taught; the same filter for threads, pairs and prompts.

    A message that may not takes all below it with it. Deleted ones, and those that were not accepted, never may.
    """

    states: tuple[State, ...] = Field(default=("ready_for_export",), description="Only trees in these states.")
    synthetic: bool = Field(default=False, description="Whether messages that a model wrote are taken.")
    labels_below: Mapping[LabelName, Share] = Field(
        default={}, description="Label -> its mean must be below; messages without the label stay."
    )
    labels_above: Mapping[LabelName, Share] = Field(
        default={}, description="Label -> its mean must be above; messages without the label stay."
    )
    detoxify_below: Mapping[DetoxifyName, Share] = Field(
        default={}, description="Detoxify's score -> it must be below, where there is one."
    )
    max_depth: int | None = Field(default=None, ge=0, description="Only messages up to this depth.")


class ThreadRules(Spec):
    """How chat examples are made."""

    top_k: int | None = Field(
        default=None,
        ge=1,
        description="Only replies of rank < k on the whole way; unranked ones where they have no siblings. Absent = all.",
    )
    repeated: Literal["once", "all", "weighted"] = Field(
        default="once",
        description="A reply that several threads run through is learned once; or once a thread, as Open-Assistant "
        "does; or once a thread with weight 1 / threads.",
    )


class PairRules(Spec):
    """How preference pairs are made of ranked replies."""

    pairs: Literal["all", "adjacent", "best_worst"] = Field(default="all", description="Which pairs of a ranking.")
    min_ballots: int = Field(default=0, ge=0, description="Only pairs with so many ballots.")
    min_agreement: Share = Field(
        default=0.0, description="Only pairs on which this share of the ballots agrees; those without ballots stay."
    )


class ConversationSpec(Spec):
    """The conversations of one language."""

    key: Key = Field(description="Permanent name; equals the file name: the language tag in lower case, pt-br.")
    description: Text = Field(description="What it is, in a sentence or two.")
    language: Language = Field(description="BCP-47 tag: pt-BR.")
    licence: Licence = Field(description="Licence under which people contribute, or of the imported files.")
    logs: Paths = Field(
        default=(), description="Globs of event logs, .jsonl or .parquet; relative ones start at the YAML's folder."
    )
    house_log: bool = Field(
        default=True, description="Whether events of `ot contribute` and `ot crowd` in this house are read too."
    )
    imports: tuple[Import, ...] = Field(default=(), description="Published trees.")
    settings: CrowdSettings = Field(default=CrowdSettings(), description="The rules by which trees grow.")
    kept: Kept = Field(default=Kept(), description="Which messages may be taught.")
    threads: ThreadRules = Field(default=ThreadRules(), description="Chat examples.")
    pairs: PairRules = Field(default=PairRules(), description="Preference pairs.")
    validation: Share = Field(default=0.05, description="Share of the trees that is kept for validation.")
    seed: Seed = Field(default=42, description="Of the split by tree.")

    @model_validator(mode="after")
    def _named_by_language(self) -> ConversationSpec:
        if self.key != key_of(self.language):
            raise ValueError(f"language: {self.language} is called {key_of(self.language)}.yaml, not {self.key}.yaml")
        return self

    def slice_for(self, asset: str) -> dict[str, Any]:
        """Only the choices that an asset depends on, as plain JSON types. KeyError for one that depends on none."""
        return {"key": self.key, "language": self.language, **self.picked(*_SLICES[asset])}


_SLICES: Mapping[str, tuple[str, ...]] = {
    "contributions": ("licence", "logs", "house_log", "imports"),
    "conversation_trees": ("settings",),
    "sft_threads": ("licence", "kept", "threads", "validation", "seed"),
    "preference_pairs": ("licence", "kept", "pairs", "validation", "seed"),
    "prompts": ("licence", "kept", "validation", "seed"),
}
