"""Scores by models that really run: a sentence embedding model, and the tokens of the demo's model."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest

from ot_assets.asking import as_model, weights_folder
from ot_assets.curation.embedding import embed
from ot_assets.curation.scores.asked import AskedScorer
from ot_assets.curation.scores.column import Column, Todo
from ot_assets.curation.scores.examples import ExampleReader
from ot_assets.curation.scores.meaning import MeaningScorer
from ot_assets.registry import load_registry
from ot_assets.registry.specs.score import AnswerLength, EmbeddingScore
from resources.generation.ask import ask
from resources.generation.engine import open_engine
from resources.home import Home
from resources.responses.store import ResponseStore
from tests.curation.rows import questions
from tests.factories import a_teacher

pytestmark = pytest.mark.slow


def fill(scorer: MeaningScorer | AskedScorer, texts: Sequence[str]) -> Column:
    frame = questions(texts)

    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        yield frame.select(columns)

    column = Column.empty(len(frame))
    scorer.score(Todo(np.ones(len(frame), np.bool_), read), column)
    return column


def test_meaning_by_a_model_that_installs_as_a_package(tmp_path: Path) -> None:
    folder = weights_folder(load_registry().model("minilm-l6-v2"), Home(tmp_path))
    positives = [
        "Which organ pumps blood through the body?",
        "What do plants take out of the air?",
        "Why do leaves fall?",
    ]
    negatives = ["What is 3 + 4?", "Compute 17 times 12.", "State the result of 9 - 2 + 5."]
    spec = EmbeddingScore.model_validate(
        {"kind": "embedding", "model": "minilm-l6-v2", "positives": [{"texts": positives}],
         "negatives": [{"texts": negatives}]}
    )  # fmt: skip
    nothing = ExampleReader(lambda key: pytest.fail(f"{key} is read"))
    scorer = MeaningScorer(spec, "i", nothing, lambda texts: embed(texts, folder), tmp_path)
    alive = ["How does a frog breathe?", "What is the largest bone of a human?"]
    counted = ["Add 21 and 34.", "What is 5 * (3 + 1)?"]
    values = fill(scorer, [*alive, *counted]).values
    assert values[:2].min() > 0 > values[2:].max()
    longer = fill(scorer, [*alive, *counted, "word " * 2_000]).values
    np.testing.assert_allclose(longer[:4], values, atol=2e-5)


def test_tokens_of_the_demo_s_model(tmp_path: Path) -> None:
    registry = load_registry()
    model = as_model(registry.model("smollm2-135m-instruct"))
    model = model.model_copy(
        update={"weights": weights_folder(registry.model("smollm2-135m-instruct"), Home(tmp_path))}
    )
    teacher = a_teacher("small", "smollm2-135m-instruct", sampling={"max_tokens": 24, "temperature": 0})
    spec = AnswerLength(kind="answer_length", teacher="small", unit="tokens")
    with ResponseStore(f"sqlite:///{tmp_path / 'r.sqlite'}") as store:
        scorer = AskedScorer(
            spec, teacher, model, lambda requests, total: ask(store, lambda: open_engine(model), requests), "i"
        )
        values = fill(scorer, ["Say yes.", "Tell a very long story about a king."]).values
    assert 1 <= values[0] <= 24
    assert values[1] == 24, "cut at max_tokens it has the length that it got to"
