"""Scores that no teacher gives: by chance, by a classifier, by embeddings; and the examples that they have."""

from __future__ import annotations

import random
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

import numpy as np
import numpy.typing as npt
import polars as pl
import pytest

from ot_assets.curation.scores.chance import ChanceScorer
from ot_assets.curation.scores.column import Column, Scorer, Todo
from ot_assets.curation.scores.examples import ExampleReader
from ot_assets.curation.scores.likeness import LikenessScorer
from ot_assets.curation.scores.meaning import MeaningScorer
from ot_assets.registry.specs.examples import Examples
from ot_assets.registry.specs.score import EmbeddingScore, FastTextScore, RandomScore
from resources.artifacts import Artifact, ArtifactStore, Partition
from resources.artifacts.locks import hold, try_hold
from resources.errors import UserError
from schemas.ids import normalise
from tests.curation.rows import questions

Published = Callable[[str, Sequence[str]], Artifact]
BEASTS = ("lion", "tiger", "mouse", "eagle", "whale", "horse", "snake")
TOOLS = ("hammer", "drill", "saw", "nail", "chisel", "wrench", "pliers")


def sentences(words: Sequence[str], count: int, seed: int = 1) -> list[str]:
    draw = random.Random(seed)
    return [
        f"{n}: the {draw.choice(words)} and the {draw.choice(words)} meet a {draw.choice(words)}" for n in range(count)
    ]


@pytest.fixture
def reader(tmp_path: Path) -> Iterator[tuple[ExampleReader, Published]]:
    """A reader of screened questions, and the way to publish some."""
    store = ArtifactStore(tmp_path / "artifacts")

    def published(source: str, texts: Sequence[str]) -> Artifact:
        with store.publication("screened_questions", Partition({"source": source}), code_version="1") as out:
            out.write(questions(texts, source))
            out.publish(allow_empty=True)
        return opened(source)

    def opened(source: str) -> Artifact:
        found = store.current("screened_questions", Partition({"source": source}))
        assert found is not None
        return found

    yield ExampleReader(opened), published


def column_of(scorer: Scorer, texts: Sequence[str]) -> Column:
    frame = questions(texts)

    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        return (frame.select(columns).slice(start, 4) for start in range(0, len(frame), 4))

    column = Column.empty(len(frame))
    scorer.score(Todo(np.ones(len(frame), np.bool_), read), column)
    return column


def test_chance_is_uniform_and_the_question_s_own() -> None:
    texts = [f"question {n}" for n in range(2_000)]
    first = column_of(ChanceScorer(RandomScore(kind="random", seed=1)), texts).values
    assert 0 <= first.min() < 0.01
    assert 0.99 < first.max() < 1
    assert abs(first.mean() - 0.5) < 0.03
    again = column_of(ChanceScorer(RandomScore(kind="random", seed=1)), list(reversed(texts))).values
    assert again[::-1].tolist() == first.tolist()
    other = column_of(ChanceScorer(RandomScore(kind="random", seed=2)), texts).values
    assert abs(np.corrcoef(first, other)[0, 1]) < 0.1


def test_examples_are_the_source_s_questions_in_order(reader: tuple[ExampleReader, Published]) -> None:
    read, publish = reader
    texts = [f"question  {n}" for n in range(30)]
    publish("s", texts)
    every = Examples(source="s")
    some = Examples(source="s", rows=7, seed=3)
    assert list(read.texts([every])) == [normalise(text) for text in texts]
    drawn = list(read.texts([some, Examples(texts=("one ", "two"))]))
    assert drawn[-2:] == ["one", "two"]
    assert len(drawn) == 9
    assert drawn[:7] == [text for text in map(normalise, texts) if text in drawn[:7]], "in the source's order"
    assert set(drawn[:7]) < set(read.texts([Examples(source="s", rows=9, seed=3)])), (
        "a smaller draw is part of a larger"
    )
    assert drawn[:7] != list(read.texts([Examples(source="s", rows=7, seed=4)]))
    assert read.digest([some]) != read.digest([every])
    assert read.digest([Examples(source="s", rows=99)]) == read.digest([every])
    before = read.digest([every])
    publish("s", [*texts, "one more"])
    assert read.digest([every]) != before


def test_a_source_without_questions_teaches_nothing(reader: tuple[ExampleReader, Published]) -> None:
    read, publish = reader
    publish("s", [])
    with pytest.raises(UserError, match="source 's' is to give examples for a score, and it has no questions"):
        list(read.texts([Examples(source="s")]))


def fasttext(**fields: object) -> FastTextScore:
    small = {"min_count": 1, "dim": 16, "buckets": 5_000, "epochs": 40}
    sides = {"positives": [{"source": "beasts"}], "negatives": [{"source": "tools"}]}
    return FastTextScore.model_validate({"kind": "fasttext", **small, **sides, **fields})


@pytest.fixture
def learnt(reader: tuple[ExampleReader, Published], tmp_path: Path) -> Callable[..., LikenessScorer]:
    read, publish = reader
    publish("beasts", sentences(BEASTS, 60))
    publish("tools", sentences(TOOLS, 60))
    return lambda identity="id", **fields: LikenessScorer(fasttext(**fields), identity, read, tmp_path / "scorers")


def test_a_classifier_tells_beasts_from_tools(learnt: Callable[..., LikenessScorer]) -> None:
    texts = [*sentences(BEASTS, 10, seed=9), *sentences(TOOLS, 10, seed=9), "日本"]
    column = column_of(learnt(), texts)
    beasts, tools = column.values[:10], column.values[10:20]
    assert beasts.min() > 0.8
    assert tools.max() < 0.2
    assert np.isnan(column.values[20])
    assert column.reasons == {"no known word": 1}
    assert column.said == "日本"


def test_a_classifier_is_trained_once_for_all_sources(learnt: Callable[..., LikenessScorer], tmp_path: Path) -> None:
    texts = sentences(BEASTS, 5, seed=3)
    first = column_of(learnt(), texts).values
    (kept,) = (tmp_path / "scorers").glob("fasttext-*.bin")
    written = kept.stat().st_ino
    again = learnt()
    object.__setattr__(again, "examples", ExampleReader(lambda key: pytest.fail("examples are read again")))
    assert column_of(again, texts).values.tolist() == first.tolist()
    assert kept.stat().st_ino == written
    kept.unlink()
    assert column_of(learnt(), texts).values.tolist() == first.tolist(), "one thread and a seed: the same classifier"
    assert column_of(learnt("other", seed=2), texts).values.tolist() != first.tolist()


def test_few_classifiers_are_kept(learnt: Callable[..., LikenessScorer], tmp_path: Path) -> None:
    for number in range(10):
        column_of(learnt(f"{number}"), ["the lion"])
    assert len(list((tmp_path / "scorers").glob("fasttext-*.bin"))) == 8


def test_a_classifier_that_somebody_is_at_stays(learnt: Callable[..., LikenessScorer], tmp_path: Path) -> None:
    column_of(learnt("0"), ["the lion"])
    with hold(tmp_path / "scorers" / "fasttext-0.lock", "the oldest"):
        for number in range(1, 10):
            column_of(learnt(f"{number}"), ["the lion"])
    kept = {path.stem.removeprefix("fasttext-") for path in (tmp_path / "scorers").glob("fasttext-*.bin")}
    assert kept == {*"023456789"}


def test_nothing_is_trained_where_nothing_is_wanted(learnt: Callable[..., LikenessScorer], tmp_path: Path) -> None:
    column_of(learnt(), [])
    assert not (tmp_path / "scorers").exists()


def test_words_that_are_too_rare_are_said(learnt: Callable[..., LikenessScorer]) -> None:
    with pytest.raises(UserError, match=r"score fasttext.beasts-vs-tools.*: no word stands 9000 times"):
        column_of(learnt(min_count=9000), ["the lion"])


def letters(texts: Sequence[str]) -> npt.NDArray[np.float32]:
    """Unit vectors by counts of letters: the product of two is a real cosine."""
    rows = np.array([[1 + text.count(letter) for letter in "abcdefghij"] for text in texts], np.float32)
    unit: npt.NDArray[np.float32] = rows / np.linalg.norm(rows, axis=1, keepdims=True)
    return unit


def test_meaning_is_mean_similarity_to_positives_minus_negatives(
    reader: tuple[ExampleReader, Published], tmp_path: Path
) -> None:
    read, publish = reader
    positives, negatives = ["aaa", "aab", "abc"], ["jjj", "iij"]
    publish("a", positives)
    publish("j", negatives)
    sides = {"positives": [{"source": "a"}], "negatives": [{"source": "j"}]}
    spec = EmbeddingScore.model_validate({"kind": "embedding", "model": "m", **sides})
    embedded: list[str] = []

    def embed(texts: Sequence[str]) -> npt.NDArray[np.float32]:
        embedded.extend(texts)
        if "aaa" in texts:
            with try_hold(tmp_path / "scorers" / "embedding-identity.lock", "the examples") as free:
                assert not free, "two processes at a time would embed the examples twice"
        return letters(texts)

    texts = ["aab", "jji", "abj", "  cd  "]
    scorer = MeaningScorer(spec, "identity", read, embed, tmp_path / "scorers")
    found = column_of(scorer, texts).values
    ours = letters([normalise(text) for text in texts])
    expected = (ours @ letters(positives).T).mean(1) - (ours @ letters(negatives).T).mean(1)
    np.testing.assert_allclose(found, expected, atol=1e-5)
    assert found[0] > 0 > found[1]
    embedded.clear()
    again = column_of(MeaningScorer(spec, "identity", read, embed, tmp_path / "scorers"), texts).values
    assert again.tolist() == found.tolist()
    assert embedded == [normalise(text) for text in texts], "the examples are embedded once"
