"""The card of a student: README.md with the hub's front matter, made from manifests.

Belongs here: gathering what a card says, and its front matter; `sections.py` has the text below it. Everything is
taken from the student's own manifest and those behind it; before a student is published (a card lies in its folder)
its own facts are handed over as `CardExtras`. Never fails because something behind the student is lost: it is then
said to be unknown.

Keys of manifests that it knows: student `spec.base`, `spec.training`, `spec.cutoff`, all of `stats`; traces
`spec.teacher`; sources `spec.source` (`origin`, `language`).
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import yaml

from ot_assets.lineage.chain import Chain
from ot_assets.lineage.funnel import Score, dev_scores, shares
from ot_assets.lineage.licences import separate, stated
from ot_assets.lineage.sections import SECTIONS, CardFacts
from ot_assets.lineage.tree import Node
from resources.artifacts import ArtifactStore, Manifest
from resources.artifacts.provenance import Commit, commit

_HUB_ID = re.compile(r"^\w[\w.-]*/[\w.-]+$", re.ASCII)


@dataclass(frozen=True)
class CardExtras:
    """What a card cannot find by itself. All optional; what is given wins over what is found.

    `spec`, `stats`, `licences`: the student's own, needed when the card is written before the student is published.
    `scores`: dev scores, where they are known. `tags`: further tags for the hub.
    """

    spec: Mapping[str, Any] = field(default_factory=dict)
    stats: Mapping[str, Any] = field(default_factory=dict)
    licences: Sequence[str] = ()
    scores: Sequence[Score] = ()
    tags: Sequence[str] = ()


def student_card(store: ArtifactStore, node: Node, extras: CardExtras | None = None) -> str:
    """The card of a published student (its node), or of one about to be (the node of its training set, and the rest
    as `extras`).
    """
    facts = _gather(store, node, extras or CardExtras())
    front = yaml.safe_dump(_front_matter(facts), sort_keys=False, allow_unicode=True, width=1000)
    body = "\n\n".join(section for make in SECTIONS if (section := make(facts)))
    return f"---\n{front}---\n\n{body}\n"


def without_front_matter(card: str) -> str:
    """The card as a person reads it: markdown that is not shown by the hub would make a heading of its front matter."""
    return card.split("---\n", 2)[-1].strip() if card.startswith("---\n") else card


def _gather(store: ArtifactStore, node: Node, extras: CardExtras) -> CardFacts:
    training = next((n for n in node.walk() if n.asset == "training_set"), node)
    chain = Chain.of(store, training.ref)
    own = _own(store, node) if node is not training else None
    behind = chain.training.manifest.licences if chain.training.manifest else ["unknown"]
    mine = [*extras.licences, *(own.licences if own else ())]
    scores = extras.scores or (dev_scores(store, node.ref) if own else ())
    return CardFacts(
        node=node,
        code=Commit(own.commit, own.dirty) if own else commit(),
        recipe=node.partition.as_dict().get("recipe", "-"),
        teacher=node.partition.as_dict().get("teacher", "-"),
        chain=chain,
        spec={**(own.spec if own else {}), **extras.spec},
        stats={**(own.stats if own else {}), **extras.stats},
        licences=stated([*behind, *mine]),
        base_licences=tuple(name for name in separate(mine) if name not in separate(behind)),
        shares=shares(chain),
        scores=tuple(scores),
        tags=tuple(extras.tags),
    )


def _own(store: ArtifactStore, node: Node) -> Manifest | None:
    if node.reason:
        return None
    return store.get(node.asset, node.partition, node.artifact).manifest


def _front_matter(facts: CardFacts) -> dict[str, Any]:
    """The hub's fields; one that is not known is left out."""
    sources = [v.manifest.spec.get("source") or {} for v in facts.vertices("sourced_questions") if v.manifest]
    origins = [s.get("origin") or {} for s in sources]
    datasets = {str(o.get("dataset")) for o in origins if o.get("kind") == "hub"}
    fields: dict[str, Any] = {
        "language": sorted({str(s["language"]) for s in sources if s.get("language")}),
        "license": facts.licences.licence,
        "license_name": facts.licences.name,
        "licences": list(facts.licences.all) if facts.licences.licence == "other" else None,
        "base_model": facts.base if facts.base and _HUB_ID.match(facts.base) else None,
        "datasets": sorted(d for d in datasets if _HUB_ID.match(d)),
        "pipeline_tag": "text-generation",
        "library_name": "transformers",
        "tags": list(dict.fromkeys(["ot-assets", "sft", "trl", facts.recipe, *facts.tags])),
        "model-index": [{"name": facts.name, "results": [_result(s) for s in facts.scores]}] if facts.scores else None,
    }
    return {name: value for name, value in fields.items() if value}


def _result(score: Score) -> dict[str, Any]:
    metric = {"type": "accuracy", "value": round(score.score, 6), "name": f"accuracy on {score.benchmark}"}
    return {
        "task": {"type": "text-generation"},
        "dataset": {"name": score.benchmark, "type": score.benchmark},
        "metrics": [metric],
    }


__all__ = ["CardExtras", "Score", "student_card", "without_front_matter"]
