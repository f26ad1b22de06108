"""Scores of a source beside plain library calls, in one run: rows a second, and what 1 % new rows cost.

    python benchmarks/bench_scores.py [--rows 10000] [--embedded 1000] [--model FOLDER] [--only random,fasttext,asked,embedding]

`score` is everything that the asset does: reading the screened questions, hashing them, looking at the version before, scoring,
validating and publishing. Beside it: for `random` a numpy generator; for `fasttext` floret over texts in memory (train, then
predict one by one); for `asked` the same rows read from the response store again; for `embedding` transformers with padded
batches in the order given. `--model` is a folder with a sentence embedding model (models/minilm-l6-v2 below OT_HOME);
without one embeddings are left out.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
import time
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import polars as pl
from figures import figure, note
from questions_made import questions, word_problems

from ot_assets.curation.embedding import embed
from ot_assets.curation.scores.asked import AskedScorer
from ot_assets.curation.scores.chance import ChanceScorer
from ot_assets.curation.scores.column import Scorer
from ot_assets.curation.scores.examples import ExampleReader
from ot_assets.curation.scores.known import SEEN, Known, Rows, current_or_none
from ot_assets.curation.scores.likeness import LikenessScorer
from ot_assets.curation.scores.meaning import MeaningScorer
from ot_assets.curation.scores.table import Table, score_table
from ot_assets.registry.specs.score import AnswerLength, EmbeddingScore, FastTextScore, RandomScore, SingleScore
from ot_assets.registry.specs.teacher import TeacherSpec
from resources.artifacts import Artifact, ArtifactStore, Partition
from resources.generation.ask import ask
from resources.generation.engine import Outcome
from resources.generation.model import Model
from resources.generation.request import Request
from resources.generation.scripted import ScriptedEngine
from resources.responses.store import ResponseStore
from schemas import SCHEMAS
from schemas.ids import normalise, question_id

KINDS = ("random", "fasttext", "asked", "embedding")
EXAMPLES = 5_000
"""Questions on each side that the classifier learns from; a tenth of it stands for the embeddings."""


@dataclass
class Bench:
    """A source of questions, two of examples, and a folder for all that is made."""

    folder: Path
    texts: list[str]
    more: list[str]
    sides: dict[str, list[str]]

    def __post_init__(self) -> None:
        self.sides = {name: distinct(texts) for name, texts in self.sides.items()}
        self.store = ArtifactStore(self.folder / "artifacts")
        for name, texts in {"source": self.texts, **self.sides}.items():
            self.publish(name, texts)
        self.reader = ExampleReader(self.screened)

    def publish(self, source: str, texts: Sequence[str]) -> None:
        """Screened questions of a source; no two may be the same."""
        fields: dict[str, Any] = dict.fromkeys(("domain", "language", "licence"), "x")
        at = Partition({"source": source})
        with self.store.publication("screened_questions", at, code_version="1") as out:
            for start in range(0, len(texts), 20_000):
                rows = [
                    {"question_id": question_id(t), "question": t, "verifier": "none", "source": source,
                     "source_row": f"{start + n}", **fields}
                    for n, t in enumerate(texts[start : start + 20_000])
                ]  # fmt: skip
                out.write(SCHEMAS["screened_questions"][""].frame(rows))
            out.publish()

    def screened(self, source: str) -> Artifact:
        found = self.store.current("screened_questions", Partition({"source": source}))
        assert found is not None
        return found

    def scored(self, score: SingleScore, scorer: Scorer) -> tuple[Table, float]:
        """All that the asset does, and how long it took."""
        started, at = time.perf_counter(), Partition({"source": "source"})
        screened = self.screened("source")
        rows = Rows.of(lambda columns: screened.batches(rows=5_000, columns=columns))
        known = Known.of(current_or_none(self.store, "question_scores", at), "2", rows)
        table = score_table([score], lambda one: scorer, rows, known)
        with self.store.publication("question_scores", at, code_version="2", schemas=SCHEMAS["question_scores"]) as out:
            for frame in table.frames():
                out.write(frame)
            for frame in table.seen():
                out.write(frame, SEEN)
            out.stat(scorers={name: one.figures for name, one in table.columns.items()})
            out.publish()
        return table, time.perf_counter() - started

    def with_more(self, score: SingleScore, scorer: Scorer) -> tuple[Table, float]:
        """The same once the source has 1 % more rows; then the source is as it was."""
        self.publish("source", [*self.texts, *self.more])
        again = self.scored(score, scorer)
        self.publish("source", self.texts)
        return again


def distinct(texts: Iterable[str]) -> list[str]:
    """Normalised texts, each once."""
    return list(dict.fromkeys(map(normalise, texts)))


def told(name: str, rows: int, ours: float, alternative: str, plain: float, bar: float | None) -> bool:
    """Prints a speed beside the plain library's. `ratio` is time over time."""
    holds = None if bar is None else ours <= bar * plain
    figure(
        f"score {name}", rows / ours, "rows/s", alternative=alternative, other=rows / plain, ratio=ours / plain,
        bar="" if bar is None else f"at most {bar:g} times the plain library's time", holds=holds,
    )  # fmt: skip
    return holds is not False


def told_more(name: str, new: int, more: float, whole: float) -> None:
    """Prints what 1 % new rows cost."""
    figure(f"1 % new rows, {name}", more, "s", alternative="all again", other=whole)
    note(f"{name}: {new:,} new rows")


def by_chance(bench: Bench) -> bool:
    """Random numbers."""
    spec = RandomScore(kind="random")
    table, seconds = bench.scored(spec, ChanceScorer(spec))
    started = time.perf_counter()
    np.random.default_rng(0).random(len(table.rows))
    plain = time.perf_counter() - started
    told("random", len(table.rows), seconds, "numpy generator (draws depend on the order of rows)", plain, None)
    return True


def by_likeness(bench: Bench) -> bool:
    """A classifier with the paper's settings."""
    sides = {side: [{"source": side}] for side in ("positives", "negatives")}
    spec = FastTextScore.model_validate({"kind": "fasttext", **sides})
    scorer = LikenessScorer(spec, "bench", bench.reader, bench.folder / "scorers")
    table, seconds = bench.scored(spec, scorer)
    plain = floret_alone(bench, spec)
    fine = told("fasttext", len(table.rows), seconds, "floret, texts in memory", plain, 1.25)
    _, more = bench.with_more(spec, LikenessScorer(spec, "bench", bench.reader, bench.folder / "scorers"))
    told_more("fasttext", len(bench.more), more, seconds)
    return fine


def floret_alone(bench: Bench, spec: FastTextScore) -> float:
    """Trains and predicts as the library's manual says, single threaded as ours."""
    import floret

    started = time.perf_counter()
    written = bench.folder / "plain.txt"
    with written.open("w") as file:
        for side, texts in bench.sides.items():
            file.writelines(f"__label__{side} {' '.join(text.split())}\n" for text in texts)
    model = floret.train_supervised(
        input=str(written), dim=spec.dim, epoch=spec.epochs, lr=spec.learning_rate, wordNgrams=spec.word_ngrams,
        minCount=spec.min_count, bucket=spec.buckets, loss="softmax", thread=1, verbose=0,
    )  # fmt: skip
    for text in bench.texts:
        model.f.predict(f"{' '.join(text.split())}\n", 2, 0.0, "strict")
    return time.perf_counter() - started


def by_asking(bench: Bench) -> bool:
    """Lengths of stored replies: read from the response store, and taken over from the version before."""
    spec = AnswerLength(kind="answer_length", teacher="t")
    model = Model(key="m", engine="scripted", model="m")
    teacher = TeacherSpec.model_validate({"key": "t", "description": "-", "model": "m"})
    with ResponseStore(f"sqlite:///{bench.folder / 'responses.sqlite'}") as responses:

        def through_store(requests: Iterable[Request], total: int) -> Iterator[Outcome]:
            return ask(responses, lambda: ScriptedEngine(model), requests, purpose="bench", total=total)

        def scorer(identity: str) -> AskedScorer:
            return AskedScorer(spec, teacher, model, through_store, identity)

        bench.scored(spec, scorer("new"))
        table, stored = bench.scored(spec, scorer("read again"))
        _, taken = bench.scored(spec, scorer("read again"))
        _, more = bench.with_more(spec, scorer("read again"))
    rows = len(table.rows)
    figure("score asked, taken over", rows / taken, "rows/s", alternative="read from the response store",
           other=rows / stored)  # fmt: skip
    told_more("asked", len(bench.more), more, stored)
    return True


def by_meaning(bench: Bench, folder: Path, rows: int) -> bool:
    """Embeddings of the first rows."""
    small = Bench(
        bench.folder / "meaning", bench.texts[:rows], bench.more[: max(rows // 100, 1)],
        {side: texts[: EXAMPLES // 10] for side, texts in bench.sides.items()},
    )  # fmt: skip
    sides = {side: [{"source": side}] for side in ("positives", "negatives")}
    spec = EmbeddingScore.model_validate({"kind": "embedding", "model": "m", **sides})

    def scorer() -> MeaningScorer:
        return MeaningScorer(spec, "bench", small.reader, lambda texts: embed(texts, folder), small.folder / "scorers")

    table, seconds = small.scored(spec, scorer())
    started = time.perf_counter()
    vectors = [plain_vectors(texts, folder) for texts in (small.texts, *small.sides.values())]
    expected = (vectors[0] @ vectors[1].T).mean(1) - (vectors[0] @ vectors[2].T).mean(1)
    plain = time.perf_counter() - started
    ours = pl.concat(list(table.frames())).get_column(spec.column).to_numpy()
    note(f"embedding: largest difference to transformers alone {np.abs(ours - expected).max():.1e}")
    fine = told("embedding", len(table.rows), seconds, "transformers, batches of 64 in order", plain, 1.25)
    _, more = small.with_more(spec, scorer())
    told_more("embedding", len(small.more), more, seconds)
    return fine


def plain_vectors(texts: Sequence[str], folder: Path) -> npt.NDArray[np.float32]:
    """Mean-pooled unit vectors as the model's page shows it."""
    import torch
    from transformers import AutoModel, AutoTokenizer

    tokenizer, model = AutoTokenizer.from_pretrained(folder), AutoModel.from_pretrained(folder).eval()
    made = []
    for start in range(0, len(texts), 64):
        ready = tokenizer(
            list(texts[start : start + 64]), padding=True, truncation=True, max_length=256, return_tensors="pt"
        )
        with torch.inference_mode():
            states = model(**ready).last_hidden_state
        weights = ready["attention_mask"].unsqueeze(-1)
        made.append(torch.nn.functional.normalize((states * weights).sum(1) / weights.sum(1), dim=1).numpy())
    return np.concatenate(made)


def main() -> None:
    """Measures what was asked for; ends with 1 where a bar does not hold."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=10_000)
    parser.add_argument("--embedded", type=int, default=1_000)
    parser.add_argument("--model", type=Path)
    parser.add_argument("--only", default=",".join(KINDS))
    options = parser.parse_args()
    made = distinct(questions(options.rows + options.rows // 100 + 1, seed=3, copies=0))
    sides = {"positives": list(questions(EXAMPLES, seed=4)), "negatives": list(word_problems(EXAMPLES, seed=5))}
    acts: dict[str, Callable[[Bench], bool]] = {"random": by_chance, "fasttext": by_likeness, "asked": by_asking}
    if options.model is not None:
        acts["embedding"] = lambda bench: by_meaning(bench, options.model, options.embedded)
    fine = True
    with tempfile.TemporaryDirectory(prefix="ot-bench-") as folder:
        for name in options.only.split(","):
            if name in acts:
                note(f"{name}: {options.rows:,} rows")
                fine &= acts[name](Bench(Path(folder, name), made[: options.rows], made[options.rows :], sides))
            elif name == "embedding":
                note("embedding: left out, name a folder with --model")
    sys.exit(0 if fine else 1)


if __name__ == "__main__":
    main()
