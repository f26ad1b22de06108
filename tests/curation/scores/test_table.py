"""The table of scores: what is known is taken over, the rest is scored, and the outcome is the same either way."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from pathlib import Path

import numpy as np
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ot_assets.curation.scores.column import Column, Scorer, Todo
from ot_assets.curation.scores.known import SEEN, Known, Rows, current_or_none
from ot_assets.curation.scores.table import Table, score_table
from ot_assets.registry.specs.score import Combined, RandomScore, SingleScore
from resources.artifacts import Artifact, ArtifactStore, Partition
from schemas import SCHEMAS
from tests.curation.rows import questions

AT = Partition({"source": "src"})
ONE, TWO = RandomScore(kind="random", seed=1), RandomScore(kind="random", seed=2)
BOTH = Combined(kind="combined", of=(ONE, TWO))


class Counting:
    """Scores a text by its length; questions with `?` in them get nothing. Remembers what it was handed."""

    def __init__(self, identity: str = "one", *, keeps_nulls: bool = True) -> None:
        self.identity, self.keeps_nulls = identity, keeps_nulls
        self.seen: list[str] = []

    def score(self, todo: Todo, column: Column) -> None:
        for places, batch in todo.batches("question"):
            for place, text in zip(places.tolist(), batch.get_column("question"), strict=True):
                self.seen.append(text)
                if "?" in text:
                    column.lacks("asks")
                else:
                    column.values[place] = len(text)


def rows_of(frame: pl.DataFrame, batch: int = 3) -> Rows:
    def read(columns: Sequence[str]) -> Iterator[pl.DataFrame]:
        return (frame.select(columns).slice(start, batch) for start in range(0, len(frame), batch))

    return Rows.of(read)


def publish(store: ArtifactStore, table: Table, code_version: str = "2") -> Artifact:
    with store.publication("question_scores", AT, code_version=code_version, schemas=SCHEMAS["question_scores"]) as out:
        for frame in table.frames():
            out.write(frame)
        for frame in table.seen():
            out.write(frame, SEEN)
        out.stat(scorers={name: one.figures for name, one in table.columns.items()})
        out.publish(allow_empty=True)
    found = store.current("question_scores", AT)
    assert found is not None
    return found


def table_of(
    frame: pl.DataFrame, scorer: Scorer, previous: Artifact | None = None, wanted: Sequence[SingleScore] = (ONE,)
) -> Table:
    rows = rows_of(frame)
    return score_table(wanted, lambda score: scorer, rows, Known.of(previous, "2", rows))


def values(table: Table, score: SingleScore = ONE) -> list[float | None]:
    return pl.concat(list(table.frames())).get_column(score.column).to_list()


@pytest.fixture
def store(tmp_path: Path) -> ArtifactStore:
    return ArtifactStore(tmp_path)


def test_one_value_a_row_in_order(store: ArtifactStore) -> None:
    frame = questions(["aa", "b", "what?", "cccc"])
    table = table_of(frame, Counting())
    (made,) = table.frames()
    assert made.columns == ["question_id", "random.1"]
    assert made.get_column("question_id").equals(frame.get_column("question_id"))
    assert made.get_column("random.1").to_list() == [2, 1, None, 4]
    assert table.unscored == {"random.1": {"asks": 1}}
    assert publish(store, table).manifest.rows_out == 4


def test_known_rows_are_not_scored(store: ArtifactStore) -> None:
    previous = publish(store, table_of(questions(["aa", "b", "what?"]), Counting()))
    scorer = Counting()
    table = table_of(questions(["new", "b", "what?", "aa"]), scorer, previous)
    assert scorer.seen == ["new"]
    assert values(table) == [3, 1, None, 2]
    assert table.columns["random.1"].figures == {"identity": "one", "scored": 1, "reused": 3}
    assert table.unscored == {"random.1": {"none before either": 1}}


def test_nulls_are_tried_again_where_they_may_end(store: ArtifactStore) -> None:
    previous = publish(store, table_of(questions(["aa", "what?"]), Counting()))
    scorer = Counting(keeps_nulls=False)
    table_of(questions(["aa", "what?"]), scorer, previous)
    assert scorer.seen == ["what?"]


def test_another_identity_scores_all_anew(store: ArtifactStore) -> None:
    previous = publish(store, table_of(questions(["aa", "b"]), Counting()))
    scorer = Counting("other")
    table_of(questions(["aa", "b"]), scorer, previous)
    assert scorer.seen == ["aa", "b"]


def test_a_version_of_older_code_answers_nothing(store: ArtifactStore) -> None:
    previous = publish(store, table_of(questions(["aa"]), Counting()), code_version="1")
    scorer = Counting()
    table_of(questions(["aa"]), scorer, previous)
    assert scorer.seen == ["aa"]


def test_a_text_or_verifier_that_changed_under_the_same_id_is_scored(store: ArtifactStore) -> None:
    previous = publish(store, table_of(questions(["a b", "c d", "e f"]), Counting()))
    scorer = Counting()
    changed = questions(["a  b", "c d", "e f"]).with_columns(verifier=pl.Series(["math", "none", "math"]))
    assert changed.get_column("question_id").equals(questions(["a b", "c d", "e f"]).get_column("question_id"))
    table_of(changed, scorer, previous)
    assert scorer.seen == ["a  b", "c d"]


def test_a_score_that_is_new_leaves_the_other_alone(store: ArtifactStore) -> None:
    previous = publish(store, table_of(questions(["aa", "b"]), Counting()))
    scorer = Counting()
    table = table_of(questions(["aa", "b"]), scorer, previous, [ONE, TWO])
    assert scorer.seen == ["aa", "b"], "once, for the second"
    assert values(table, TWO) == [2, 1]


def test_a_damaged_version_is_none(store: ArtifactStore) -> None:
    previous = publish(store, table_of(questions(["aa"]), Counting()))
    Path(previous.parts()[0]).unlink()
    scorer = Counting()
    table_of(questions(["aa"]), scorer, current_or_none(store, "question_scores", AT))
    assert scorer.seen == ["aa"]


def test_no_rows(store: ArtifactStore) -> None:
    table = table_of(questions([]), Counting())
    assert publish(store, table).read().columns == ["question_id", "random.1"]
    assert values(table_of(questions(["aa"]), Counting(), store.current("question_scores", AT))) == [2]


@settings(max_examples=30, deadline=None)
@given(before=st.lists(st.integers(0, 30), unique=True), after=st.lists(st.integers(0, 30), unique=True, min_size=1))
def test_scoring_what_is_new_is_scoring_all(
    tmp_path_factory: pytest.TempPathFactory, before: list[int], after: list[int]
) -> None:
    store = ArtifactStore(tmp_path_factory.mktemp("store"))
    text = {n: f"{'x' * n}{'?' if n % 7 == 3 else ''}!" for n in range(31)}
    if all("?" in text[n] for n in after) or (before and all("?" in text[n] for n in before)):
        return
    previous = publish(store, table_of(questions([text[n] for n in before]), Counting()))
    scorer = Counting()
    table = table_of(questions([text[n] for n in after]), scorer, previous)
    assert values(table) == values(table_of(questions([text[n] for n in after]), Counting()))
    assert set(scorer.seen) == {text[n] for n in after if n not in before}


@pytest.mark.parametrize(("by", "expected"), [("mean", [3.0, None]), ("min", [2.0, None]), ("max", [4.0, None])])
def test_combined_scores(by: str, expected: list[float | None]) -> None:
    class Half(Counting):
        def score(self, todo: Todo, column: Column) -> None:
            super().score(todo, column)
            column.values *= 2 if self.identity == "two" else 1

    frame = questions(["aa", "what?"])
    spec = Combined(kind="combined", by=by, of=(ONE, TWO))  # type: ignore[arg-type]
    rows = rows_of(frame)
    scorers = {ONE: Half("one"), TWO: Half("two")}
    table = score_table([ONE, TWO, spec], scorers.__getitem__, rows, Known.of(None, "2", rows))
    assert pl.concat(list(table.frames())).get_column(spec.column).to_list() == expected
    assert table.unscored[spec.column] == {"a part is missing": 1}


def test_a_scorer_that_gives_nothing_stops_the_step() -> None:
    with pytest.raises(Exception, match=r"score random.1: not one of 2 questions got a figure \(asks: 2\)"):
        table_of(questions(["a?", "b?"]), Counting())


def test_many_rows_come_in_slices_of_one_order() -> None:
    frame = pl.concat([questions([f"q{n}" for n in range(20_010)])])
    rows = rows_of(frame, 5_000)
    table = score_table([ONE], lambda score: Counting(), rows, Known.of(None, "2", rows))
    slices = list(table.frames())
    assert [len(one) for one in slices] == [20_000, 10]
    assert pl.concat(slices).get_column("question_id").equals(frame.get_column("question_id"))
    assert np.isfinite(pl.concat(slices).get_column("random.1").to_numpy()).all()
