"""What stands on a student's card below the front matter: one function a section.

Belongs here: the text of the card, from facts that `card.py` gathered. Text from data and specs goes through
`markdown.py`. A section that has nothing to say is empty; what cannot be read is said to be unknown.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from ot_assets.lineage import markdown as md
from ot_assets.lineage import words
from ot_assets.lineage.chain import Chain
from ot_assets.lineage.funnel import Score, SourceShare, hits, stages
from ot_assets.lineage.graph import Vertex
from ot_assets.lineage.licences import Stated, separate
from ot_assets.lineage.lookup import Unreadable, find_rows
from ot_assets.lineage.tree import Node
from resources.artifacts.provenance import Commit

_MOST = 60


@dataclass(frozen=True)
class CardFacts:
    """Everything that the sections read."""

    node: Node
    code: Commit
    recipe: str
    teacher: str
    chain: Chain
    spec: Mapping[str, Any]
    stats: Mapping[str, Any]
    licences: Stated
    base_licences: tuple[str, ...]
    shares: Sequence[SourceShare]
    scores: Sequence[Score]
    tags: Sequence[str]

    @property
    def name(self) -> str:
        """What the student is called."""
        return f"{self.recipe}-{self.teacher}"

    @property
    def base(self) -> str | None:
        """The base model's name."""
        base = self.spec.get("base")
        name = base.get("model") if isinstance(base, Mapping) else base
        return str(name) if name else None

    def vertices(self, asset: str) -> list[Vertex]:
        """The artifacts of a stage that the training set goes back to."""
        return [link.vertex for link in self.chain.links(asset)]


def _head(facts: CardFacts) -> str:
    rows = facts.chain.training.manifest.rows_out if facts.chain.training.manifest else None
    base = md.code(facts.base) if facts.base else "a base model"
    return (
        f"# {md.text(facts.recipe)} × {md.text(facts.teacher)}\n\n"
        f"{base}, taught {words.count(rows)} examples of the recipe {md.code(facts.recipe)} "
        f"as the teacher {md.code(facts.teacher)} answered them. "
        "Every row of its training set can be followed back to the source that it came from."
    )


def _trained_on(facts: CardFacts) -> str:
    origins = {
        v.ref.partition["source"]: _origin((v.manifest.spec.get("source") or {}).get("origin") or {})
        for v in facts.vertices("sourced_questions")
        if v.manifest
    }
    rows = [
        [md.code(s.source), origins.get(s.source, ""), f"{s.examples:,}", f"{s.questions:,}", _names(s.licences)]
        for s in facts.shares
    ]
    headers = ("source", "where from", "examples", "questions", "licences of question and answer")
    shown = md.table(headers, rows, right=(2, 3))
    return "## What it was trained on\n\n" + (
        shown if rows else "The training set's data could not be read when this was written."
    )


def _origin(origin: Mapping[str, Any]) -> str:
    """Where a source's rows are, in a few words."""
    what = {"hub": "dataset", "procedural": "dataset", "wheel": "package", "forum": "paths", "pdf": "paths"}
    name = origin.get(what.get(str(origin.get("kind")), ""))
    if isinstance(name, list):
        return f"{'forum dump' if origin['kind'] == 'forum' else 'books'} {', '.join(md.code(one) for one in name)}"
    if origin.get("family"):
        return f"generator {md.code(origin['family'])} {md.text(name or '')}"
    if not name:
        return md.text(origin.get("kind") or "")
    version = origin.get("revision") or origin.get("version") or origin.get("subset")
    kind = {"hub": "hub", "procedural": "generator", "wheel": "package"}[str(origin["kind"])]
    return f"{kind} {md.code(name)}" + (f" {md.text(version)}" if version else "")


def _funnel(facts: CardFacts) -> str:
    rows = [_funnel_row(v) for v in stages(facts.chain)]
    headers = ("stage", "partition", "rows in", "rows out", "dropped, by rule", "artifact")
    lost = "Every dropped row stands in the ledger of its stage, with the rule and what it lost to."
    return f"## How the rows were chosen\n\n{md.table(headers, rows, right=(2, 3))}\n\n{lost}"


def _funnel_row(vertex: Vertex) -> list[str]:
    ref, m = vertex.ref, vertex.manifest
    name = [md.text(ref.asset), md.text(ref.partition)]
    if m is None:
        return [*name, "?", "?", "its manifest is lost or damaged", md.code(ref.artifact_id)]
    rows_in = f"{m.rows_in:,}" if m.rows_in is not None else ""
    return [*name, rows_in, f"{m.rows_out:,}", md.text(words.drops(m.dropped)), md.code(ref.artifact_id)]


def _teacher(facts: CardFacts) -> str:
    manifest = next((v.manifest for v in facts.vertices("traces") if v.manifest), None)
    spec = (manifest.spec.get("teacher") if manifest else None) or {}
    lines = ["## Teacher\n"]
    if spec.get("kind") == "reference":
        lines.append(f"{md.code(facts.teacher)}: the sources' own worked solutions, under the sources' licences.")
        return "\n".join(lines)
    settings = {k: v for k, v in spec.items() if k not in ("prompt", "prompts", "system_prompt", "kind")}
    lines.append(_settings({"key": facts.teacher, **settings}))
    lines.append(f"\nTerms on what it wrote: {_names(_teacher_terms(facts)) or 'those of the sources'}.")
    prompts = {"system prompt": spec.get("system_prompt"), "prompt": spec.get("prompt"), **(spec.get("prompts") or {})}
    for name, prompt in prompts.items():
        if prompt and prompt != "{question}":
            lines.append(f"\nIts {md.text(name)}:\n\n{md.block(prompt)}")
    return "\n".join(lines)


def _teacher_terms(facts: CardFacts) -> tuple[str, ...]:
    """Licences that the traces have beside those of their sources."""
    manifests = [v.manifest for v in facts.vertices("traces") if v.manifest]
    theirs = separate(name for m in manifests for name in m.licences)
    sources = {name for names in _source_licences(facts).values() for name in names}
    return tuple(name for name in theirs if name not in sources)


def _source_licences(facts: CardFacts) -> dict[str, tuple[str, ...]]:
    vertices = [v for v in facts.vertices("sourced_questions") if v.manifest]
    return {v.ref.partition["source"]: separate(v.manifest.licences if v.manifest else ()) for v in vertices}


def _decontamination(facts: CardFacts) -> str:
    found = hits(facts.chain)
    if not found:
        return "## Decontamination\n\n**The questions were not screened against any benchmark.**"
    sources = {source for hit in found for source in hit.screened}
    rows = [
        [md.code(h.benchmark), f"{h.total:,}", _hit_sources(h.by_source), _unscreened(sources, h.screened)]
        for h in found
    ]
    headers = ("benchmark", "rows dropped", "by source", "sources not screened against it")
    return (
        "## Decontamination\n\nBefore anything was drawn from them, the sources were screened against these "
        f"benchmarks; what was too like one of their items was dropped.\n\n{md.table(headers, rows, right=(1,))}"
    )


def _hit_sources(by_source: Mapping[str, int]) -> str:
    return ", ".join(f"{md.code(source)} {rows:,}" for source, rows in sorted(by_source.items()) if rows)


def _unscreened(sources: Iterable[str], screened: Iterable[str]) -> str:
    return ", ".join(md.code(source) for source in sorted(set(sources) - set(screened)))


def _training(facts: CardFacts) -> str:
    settings = {name: facts.spec[name] for name in ("base", "training", "cutoff") if name in facts.spec}
    if not settings and not facts.stats:
        return ""
    parts = ["## Training", "Supervised fine-tuning with TRL; the loss falls on the answer only."]
    if settings:
        parts.append(_settings(settings))
    if facts.stats:
        parts += ["How it went:", _settings(facts.stats)]
    return "\n\n".join(parts)


def _scores(facts: CardFacts) -> str:
    if not facts.scores:
        return ""
    rows = [
        [
            md.code(s.benchmark),
            f"{100 * s.score:.1f} %",
            f"± {100 * s.se:.1f}" if s.se is not None else "",
            *(words.count(n) for n in (s.questions, s.repeats)),
        ]
        for s in facts.scores
    ]
    headers = ("benchmark (dev)", "score", "standard error", "questions", "repeats")
    return "## Scores\n\n" + md.table(headers, rows, right=(1, 2, 3, 4))


def _licences(facts: CardFacts) -> str:
    used = {s.source for s in facts.shares}
    rows = [
        [f"source {md.code(source)}", _names(names) or "not stated"]
        for source, names in _source_licences(facts).items()
        if not used or source in used
    ]
    rows.append([f"answers of {md.code(facts.teacher)}", _names(_teacher_terms(facts)) or "those of the sources"])
    rows.append(["base model", _names(facts.base_licences) or "none beside these"])
    names = _names(facts.licences.all) or "none is stated"
    verdict = f"All of it comes under {names}."
    if facts.licences.licence == "other":
        verdict = f"It comes under all of these at once: {names}. Read them before you use or share it."
    return f"## Licences\n\n{verdict}\n\n{md.table(('comes from', 'licence'), rows)}"


def _provenance(facts: CardFacts) -> str:
    training = facts.chain.training.manifest
    rows = [["training set, artifact", md.code(facts.chain.training.ref.artifact_id)]]
    if training:
        rows += [
            ["training set, content", md.code(training.content_hash)],
            ["training set, spec", md.code(training.spec_hash)],
            [
                "training set, code",
                f"{md.code(training.commit or '')}{' with changes that were not committed' if training.dirty else ''}",
            ],
        ]
    changed = " with changes that were not committed" if facts.code.dirty else ""
    rows.append(["student, code", f"{md.code(facts.code.commit or '')}{changed}"])
    if facts.node.asset == "student_model":
        rows.insert(0, ["student, spec", md.code(facts.node.spec_hash or "")])
        rows.insert(0, ["student, artifact", md.code(facts.node.artifact)])
    specs = [[f"{v.ref.asset} {v.ref.partition}", v.manifest.spec_hash] for v in stages(facts.chain) if v.manifest]
    rows += [[f"spec of {md.text(name)}", md.code(words.short(spec))] for name, spec in specs[:_MOST]]
    versions = ", ".join(f"{md.text(k)} {md.text(v)}" for k, v in (training.versions if training else {}).items())
    return f"## Provenance\n\n{md.table(('what', 'hash or id'), rows)}" + (
        f"\n\nMade with {versions}." if versions else ""
    )


def _trace(facts: CardFacts) -> str:
    at = f"--recipe {facts.recipe} --teacher {facts.teacher}"
    example, source, row = _any_row(facts)
    commands = [
        f"ot lineage student_model {at}                # what it was made from, down to the sources",
        f"ot lineage student_model {at} --row {example}   # one training row, back to the source's row",
        f"ot where {source} {row}                       # what became of a row of a source",
    ]
    return f"## Follow a row\n\n{md.block(chr(10).join(commands), 'sh')}"


def _any_row(facts: CardFacts) -> tuple[str, str, str]:
    """A real row for the examples, so that they can be pasted; a placeholder when there is none."""
    try:
        if facts.chain.training.manifest is not None:
            artifact = facts.chain.open(facts.chain.training)
            names = ("example_id", "source", "source_row")
            _, rows = find_rows(artifact, pl.lit(True), names, limit=1)
            if rows:
                cells = [str(rows[0].values[name]) for name in names]
                return cells[0], cells[1], _quoted(cells[2])
    except Unreadable:
        pass
    return "EXAMPLE_ID", "SOURCE", "ROW"


def _quoted(word: str) -> str:
    return word if re.fullmatch(r"[\w.:/-]+", word) else "'" + words.clean(word).replace("'", "'\\''") + "'"


def _reproduce(facts: CardFacts) -> str:
    training = facts.chain.training.manifest
    commands = [f"git checkout {training.commit}"] if training and training.commit else []
    commands += ["make setup", f"ot run {facts.recipe} --teacher {facts.teacher}"]
    seeds = {**(training.seeds if training else {})}
    note = "The same specs, code and stored responses give the same training set, byte for byte."
    said = f" Seeds: {md.text(words.listed(f'{k} {v}' for k, v in seeds.items()))}." if seeds else ""
    return f"## Make it again\n\n{md.block(chr(10).join(commands), 'sh')}\n\n{note}{said}"


def _settings(values: Mapping[str, Any]) -> str:
    rows = [[md.text(name), md.code(value)] for name, value in _flat(values)]
    more = [["…", f"{len(rows) - _MOST} more"]] if len(rows) > _MOST else []
    return md.table(("setting", "value"), [*rows[:_MOST], *more])


def _flat(value: Any, name: str = "") -> Iterator[tuple[str, str]]:
    """Nested settings as lines; what is not set is left out, and long lists are counted, not shown."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _flat(inner, f"{name} {key}".strip())
    elif isinstance(value, list | tuple):
        if value:
            yield name, words.listed(map(str, value)) if len(value) <= 8 else f"{len(value)} values"
    elif value is not None and value != "":
        yield name, f"{value:.6g}" if isinstance(value, float) else str(words.cut(value))


def _names(licences: Iterable[str]) -> str:
    return ", ".join(md.code(name) for name in licences)


SECTIONS: tuple[Callable[[CardFacts], str], ...] = (
    *(_head, _trained_on, _funnel, _teacher, _decontamination, _training),
    *(_scores, _licences, _provenance, _trace, _reproduce),
)
"""The sections of a card, in order."""
