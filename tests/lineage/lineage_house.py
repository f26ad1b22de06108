"""A small, real store with the whole chain in it: what the lineage tests look at.

Every artifact is published through the real Publication API with real Parquet; the rules are simple enough for a test
to repeat.
"""

from __future__ import annotations

import hashlib
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from resources.artifacts import Artifact, ArtifactStore, Manifest, Partition, Publication
from schemas import SCHEMAS
from schemas.ids import content_hash, example_id, question_id, trace_id

RECIPE = "mix"
OTHER_RECIPE = "sums-only"
SOURCES = {"sums": 240, "facts": 80}
TWIN, EMPTY = 900, 901
"""Rows of every source that sourcing drops: one repeats row 0, one has no text."""
ANSWERS = {"pupil": 3, "reference": 1}
LICENCES = {"sums": "Apache-2.0", "facts": "CC-BY-SA-3.0"}
TERMS = {"pupil": "MIT", "reference": "source"}
BENCHMARK = "dev-sums"

IDENTITY = {
    "pupil": {
        "kind": "model",
        "system_prompt": None,
        "prompt": "Solve | this: {question}",
        "prompts": {},
        "sampling": {"temperature": 0.7, "top_p": 0.9, "max_tokens": 512, "top_k": None},
        "reasoning": {"open": "<think>", "close": "</think>"},
        "model": {"endpoint": "transformers", "model": "acme/Pupil-1", "revision": "abc123", "weights": None},
    },
    "reference": {"kind": "reference"},
}


def number(*parts: object) -> int:
    """A number that looks random and is always the same."""
    return int.from_bytes(hashlib.sha256(repr(parts).encode()).digest()[:4], "big")


@dataclass
class House:
    """Publishes stages; each method makes a new current version of one partition from what is current upstream."""

    root: Path
    revision: dict[str, int] = field(default_factory=dict)
    store: ArtifactStore = field(init=False)

    def __post_init__(self) -> None:
        self.store = ArtifactStore(self.root)

    def publication(self, asset: str, spec: dict[str, Any] | None = None, **dims: str) -> Publication:
        return self.store.publication(
            asset, Partition(dims), code_version="1", spec=spec or {}, run_id="run-1", schemas=SCHEMAS[asset]
        )

    def current(self, asset: str, **dims: str) -> Artifact:
        found = self.store.current(asset, Partition(dims))
        assert found is not None
        return found

    def question(self, source: str, row: int) -> str:
        """Text of a source's row; another revision shifts rows by one and so changes what stands where."""
        return f"{source} question number {row + self.revision.get(source, 0)}?"

    def _question_row(self, source: str, row: int) -> dict[str, Any]:
        text = self.question(source, row)
        return {
            "question_id": question_id(text),
            "question": text,
            "gold": str(row),
            "solution": f"It is {row}.",
            "verifier": "math",
            "domain": "math" if source == "sums" else "science",
            "language": "en",
            "licence": LICENCES.get(source, "MIT"),
            "source": source,
            "source_row": f"train:{row}",
        }

    def benchmark(self, key: str = BENCHMARK) -> Manifest:
        rows = [self._question_row("sums", 1000 + i) | {"source": key, "source_row": f"test:{i}"} for i in range(5)]
        with self.publication("benchmark_questions", {"benchmark": {"key": key}}, benchmark=key) as out:
            out.write(SCHEMAS["benchmark_questions"][""].frame(rows))
            return out.publish()

    def sourced(self, source: str) -> Manifest:
        """Every row, and two more that are dropped: a repeated question and an empty one."""
        rows = [self._question_row(source, i) for i in range(SOURCES[source])]
        spec = {"source": {"key": source, "origin": {"kind": "hub", "dataset": f"acme/{source}"}}}
        with self.publication("sourced_questions", spec, source=source) as out:
            out.rows_in(len(rows) + 2)
            out.write(SCHEMAS["sourced_questions"][""].frame(rows))
            twin = {"row_id": rows[0]["question_id"], "rule": "duplicate", "lost_to": rows[0]["question_id"]}
            empty = {"row_id": f"train:{EMPTY}", "rule": "no_text", "lost_to": None}
            places = [{"source": source, "source_row": f"train:{n}"} for n in (TWIN, EMPTY)]
            out.drop(pl.DataFrame([twin | places[0], empty | places[1]]))
            out.licences(LICENCES[source])
            return out.publish()

    def screened(self, source: str) -> Manifest:
        spec = {"screen": {BENCHMARK: {"ngram": 13, "similarity": 75}}}
        with self.publication("screened_questions", spec, source=source) as out:
            rows = out.open("sourced_questions", Partition({"source": source})).read()
            items = out.open("benchmark_questions", Partition({"benchmark": BENCHMARK})).read()
            hit = pl.Series([number("hit", q) % 10 == 0 for q in rows["question_id"]])
            lost = rows.filter(hit).select(
                pl.col("question_id").alias("row_id"),
                rule=pl.lit("similar"),
                figure=pl.lit(80.0),
                lost_to=pl.lit(f"{BENCHMARK}/{items['question_id'][0]}"),
                source="source",
                source_row="source_row",
            )
            out.rows_in(len(rows))
            out.write(rows.filter(~hit))
            if len(lost):
                out.drop(lost)
            out.stat(hits={BENCHMARK: len(lost)})
            out.licences(LICENCES[source])
            return out.publish()

    def pool(self, recipe: str) -> Manifest:
        """All of both sources, a third not drawn, facts twice."""
        sources = list(SOURCES) if recipe == RECIPE else ["sums"]
        spec = {"key": recipe, "parts": {s: {"sources": [{"source": s}], "seed": 7} for s in sources}}
        with self.publication("mixed_pool", spec, recipe=recipe) as out:
            total = 0
            for source in sources:
                rows = out.open("screened_questions", Partition({"source": source})).read()
                drawn = pl.Series([number(recipe, q) % 3 != 0 for q in rows["question_id"]], dtype=pl.Boolean)
                copies = 2 if source == "facts" else 1
                total += len(rows) + int(drawn.sum()) * (copies - 1)
                for copy in range(copies):
                    out.write(rows.filter(drawn).with_columns(part=pl.lit(source), copy=pl.lit(copy, dtype=pl.Int64)))
                out.drop(_ledger(rows.filter(~drawn), "not_drawn"))
                out.licences(LICENCES[source])
            out.rows_in(total)
            return out.publish()

    def filtered(self, recipe: str) -> Manifest:
        """Half of the questions stay."""
        with self.publication("filtered_set", {"key": recipe, "answers_per_question": 3}, recipe=recipe) as out:
            rows = out.open("mixed_pool", Partition({"recipe": recipe})).read()
            keep = pl.Series([number("keep", q) % 2 == 0 for q in rows["question_id"]])
            out.rows_in(len(rows))
            out.write(rows.filter(keep).with_columns(answers_per_question=pl.lit(3, dtype=pl.Int64)))
            out.drop(_ledger(rows.filter(~keep), "below_top", figure=0.25))
            out.licences(*(LICENCES[s] for s in rows["source"].unique()))
            return out.publish()

    def requests(self, source: str) -> Manifest:
        with self.publication("trace_requests", {}, source=source) as out:
            wanted: set[str] = set()
            for recipe in (RECIPE, OTHER_RECIPE):
                asked = out.open_if_there("filtered_set", Partition({"recipe": recipe}))
                if asked is not None:
                    wanted |= set(asked.read().filter(pl.col("source") == source)["question_id"])
            rows = [{"question_id": q, "teacher": "*", "answers": 3} for q in sorted(wanted)]
            out.write(SCHEMAS["trace_requests"][""].frame(rows))
            return out.publish(allow_empty=True)

    def traces(self, source: str, teacher: str) -> Manifest:
        identity = IDENTITY[teacher]
        with self.publication("traces", {"teacher": identity}, source=source, teacher=teacher) as out:
            asked = out.open("trace_requests", Partition({"source": source})).read()
            questions = out.open("screened_questions", Partition({"source": source})).read()
            rows = []
            for q in questions.join(asked, on="question_id").iter_rows(named=True):
                for k in range(ANSWERS[teacher]):
                    rows.append(_trace(q, teacher, k))
            out.write(SCHEMAS["traces"][""].frame(rows))
            out.licences(LICENCES[source], *(["MIT"] if teacher == "pupil" else []))
            out.stat(truncated=1)
            return out.publish(allow_empty=True)

    def verdicts(self, source: str, teacher: str) -> Manifest:
        with self.publication("verdicts", {}, source=source, teacher=teacher) as out:
            traces = out.open("traces", Partition({"source": source, "teacher": teacher})).read()
            rows = [
                {
                    **{k: t[k] for k in ("trace_id", "question_id", "source", "teacher")},
                    "verdict": "correct" if number("verdict", t["trace_id"]) % 2 else "wrong",
                    "verifier": "math",
                    "extracted": "4",
                    "reason": "compared",
                }
                for t in traces.iter_rows(named=True)
            ]
            out.write(SCHEMAS["verdicts"][""].frame(rows))
            return out.publish(allow_empty=True)

    def training(self, recipe: str, teacher: str) -> Manifest:
        """Answers that were judged right; the others are in the ledger under their trace."""
        spec = {"key": recipe, "answer_filter": {"kind": "verified"}, "student": {"base": "pupil", "max_tokens": 512}}
        with self.publication("training_set", spec, recipe=recipe, teacher=teacher) as out:
            chosen = out.open("filtered_set", Partition({"recipe": recipe})).read()
            rows, wrong, total, licences = [], [], 0, set()
            for source in chosen["source"].unique(maintain_order=True):
                at = Partition({"source": source, "teacher": teacher})
                traces = (
                    out.open("traces", at).read().filter(pl.col("question_id").is_in(chosen["question_id"].to_list()))
                )
                verdicts = out.open("verdicts", at).read().select("trace_id", "verdict")
                total += len(traces)
                for t in traces.join(verdicts, on="trace_id").iter_rows(named=True):
                    (rows if t["verdict"] == "correct" else wrong).append(t)
            licences = {part for t in rows for part in t["licence"].split(" AND ")} | {
                LICENCES[t["source"]] for t in rows
            }
            out.rows_in(total)
            out.write(SCHEMAS["training_set"][""].frame([_example(t, recipe) for t in rows]))
            lost = [
                {"row_id": t["trace_id"], "rule": "wrong", **{k: t[k] for k in ("source", "source_row")}} for t in wrong
            ]
            if lost:
                out.drop(pl.DataFrame(lost))
            out.licences(*licences)
            return out.publish()

    def student(self, recipe: str, teacher: str) -> Manifest:
        base = {"endpoint": "transformers", "model": "acme/Pupil-1", "revision": "abc123", "weights": None}
        spec = {"key": recipe, "base": base, "training": {"tier": "micro", "seed": 42, "epochs": 2.0}, "cutoff": 512}
        with self.publication("student_model", spec, recipe=recipe, teacher=teacher) as out:
            training = out.open("training_set", Partition({"recipe": recipe, "teacher": teacher}))
            (out.folder() / "model.bin").write_bytes(training.artifact_id.encode())
            out.licences(*training.manifest.licences, "Apache-2.0")
            out.stat(loss={"first": 2.5, "last": 0.75}, steps=40, tier="micro", seconds=12.5)
            return out.publish()

    def sources(self, *names: str) -> None:
        """Sourcing and screening of these sources."""
        for name in names or tuple(SOURCES):
            self.sourced(name)
            self.screened(name)

    def downstream(self, recipe: str = RECIPE, teachers: tuple[str, ...] = tuple(ANSWERS)) -> None:
        """Everything of a recipe behind the screened questions."""
        self.pool(recipe)
        self.filtered(recipe)
        sources = list(SOURCES) if recipe == RECIPE else ["sums"]
        for source in sources:
            self.requests(source)
        for teacher in teachers:
            for source in sources:
                self.traces(source, teacher)
                self.verdicts(source, teacher)
            self.training(recipe, teacher)
            self.student(recipe, teacher)

    def build(self) -> House:
        """The whole of one recipe with two teachers."""
        self.benchmark()
        self.sources()
        self.downstream()
        return self

    def path(self, manifest: Manifest, *names: str) -> Path:
        """Where an artifact's folder, or a file in it, lies."""
        return self.root / manifest.asset / manifest.key.path() / manifest.artifact_id / Path(*names)


def _ledger(rows: pl.DataFrame, rule: str, figure: float | None = None) -> pl.DataFrame:
    return rows.select(
        pl.col("question_id").alias("row_id"),
        rule=pl.lit(rule),
        figure=pl.lit(figure, dtype=pl.Float64),
        source="source",
        source_row="source_row",
    )


def _trace(question: dict[str, Any], teacher: str, k: int) -> dict[str, Any]:
    identity = content_hash(IDENTITY[teacher])
    reference = teacher == "reference"
    return {
        "trace_id": trace_id(question["question_id"], identity, k),
        "question_id": question["question_id"],
        "source": question["source"],
        "source_row": question["source_row"],
        "teacher": teacher,
        "sample_index": k,
        "response_key": None if reference else hashlib.sha256(f"{question['question_id']}{k}".encode()).hexdigest(),
        "reasoning": "let me see " * 50,
        "answer": f"It is {question['gold']}.",
        "finish_reason": "reference" if reference else "stop",
        "reasoning_closed": True,
        "completion_tokens": 12,
        "model": "reference" if reference else "acme/Pupil-1",
        "revision": "-" if reference else "abc123",
        "licence": question["licence"] if reference else f"{question['licence']} AND MIT",
    }


def _example(trace: dict[str, Any], recipe: str) -> dict[str, Any]:
    return {
        "example_id": example_id(trace["trace_id"], recipe),
        "prompt": [{"role": "user", "content": "question"}],
        "completion": [{"role": "assistant", "content": trace["answer"]}],
        **{k: trace[k] for k in ("trace_id", "question_id", "source", "source_row", "teacher", "verdict", "licence")},
        "domain": "math",
        "prompt_tokens": 5,
        "completion_tokens": 6,
    }
