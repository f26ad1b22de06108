"""What screening finds of planted copies, and what it takes by mistake: the bars, and how they are counted."""

from __future__ import annotations

import importlib.util
import random
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from types import ModuleType

import polars as pl
import pytest

from ot_assets.curation import recall
from ot_assets.curation.recall import AS_SET, CLEAN, Found, measure, measured, wilson
from ot_assets.curation.recall_copies import FORMAT, KINDS, copy_of
from ot_assets.curation.screening import BenchmarkItems
from schemas.ids import question_id

ROOT = Path(__file__).parents[2]


@pytest.fixture(scope="module")
def made() -> ModuleType:
    """The generator of synthetic questions that the benchmarks use."""
    spec = importlib.util.spec_from_file_location("questions_made", ROOT / "benchmarks" / "questions_made.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def bench(texts: list[str], **rules: float | None) -> BenchmarkItems:
    frame = pl.DataFrame({"question_id": [question_id(text) for text in texts], "question": texts})
    return BenchmarkItems("bench", frame, **rules)  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def table(made: ModuleType) -> list[Found]:
    items = list(made.questions(220, 7, copies=0))
    return measure([bench(items)], sample=100, clean=list(made.questions(400, 99, copies=0)), workers=2)


def share(table: list[Found], kind: str, method: str = AS_SET, threshold: float | None = None) -> float:
    (one,) = [row for row in table if (row.kind, row.method, row.threshold) == (kind, method, threshold)]
    assert one.tried >= 20
    assert one.low <= one.share <= one.high
    return one.share


@pytest.mark.parametrize("kind", FORMAT)
def test_what_is_only_set_otherwise_is_found(table: list[Found], kind: str) -> None:
    assert share(table, kind) >= 0.99


@pytest.mark.parametrize("kind", ["embedded", "numbers changed", "numbers changed, embedded", "typo", "paraphrased"])
def test_changed_and_embedded_copies_are_found(table: list[Found], kind: str) -> None:
    assert share(table, kind) >= 0.95


def test_clean_questions_stay(table: list[Found]) -> None:
    assert share(table, CLEAN) <= 0.015


def test_no_rule_would_do_alone(table: list[Found]) -> None:
    """Why there are three: each misses what another finds."""
    assert share(table, "embedded", "indel", 75.0) < 0.5
    assert share(table, "paraphrased", "ngram", 13) < share(table, "paraphrased", "indel", 75.0)
    assert share(table, "verbatim", "containment", 80.0) == 0


def test_a_rule_that_is_off_finds_nothing(made: ModuleType) -> None:
    items = list(made.questions(60, 7, copies=0))
    weak = measure([bench(items, ngram=None, similarity=95, containment=None)], sample=40, clean=["x"], workers=1)
    assert [row.found for row in weak if (row.kind, row.method) == ("embedded", AS_SET)] == [0]


def test_negatives_are_taken_out_of_what_is_screened_against(made: ModuleType) -> None:
    """Held-out items are no items: were they left in, all would be found."""
    table = measure([bench(list(made.questions(90, 5, copies=0)))], sample=30, workers=1)
    (one,) = [row for row in table if (row.kind, row.method) == (CLEAN, AS_SET)]
    assert (one.tried, one.found) == (30, 0)


def test_negatives_are_in_no_benchmark(made: ModuleType) -> None:
    """Benchmarks overlap: a text that goes out of one goes out of all, and is drawn once."""
    texts = list(made.questions(90, 5, copies=0))
    other = replace(bench([text.upper() for text in texts]), key="other")
    equal = replace(bench(texts[:60], ngram=None, similarity=None, containment=None), key="equal")
    table = measure([bench(texts), other, equal], sample=30, workers=1)
    (one,) = [row for row in table if (row.kind, row.method) == (CLEAN, AS_SET)]
    assert (one.tried, one.found) == (30, 0)


def test_benchmarks_of_equal_texts_only_are_not_measured(made: ModuleType) -> None:
    texts = list(made.questions(30, 5, copies=0))
    assert measure([bench(texts, ngram=None, similarity=None, containment=None)]) == []
    assert measure([bench(["1 + 1"])]) == []


def test_copies_are_the_same_for_the_same_draw() -> None:
    text = "Let $x = \\frac{1}{2}$. Tom has 12 apples, and Ann has 30 more. How many do they have in all?"
    for kind in KINDS:
        made = copy_of(text, kind, random.Random(3))
        assert made is not None, kind
        assert made == copy_of(text, kind, random.Random(3))
        assert (made == text) == (kind == "verbatim")


def test_wilson_s_interval() -> None:
    assert wilson(0, 0) == (0.0, 1.0)
    assert wilson(50, 100) == (0.4038, 0.5962)
    assert wilson(100, 100)[1] == 1.0
    assert wilson(0, 100) == (0.0, 0.037)


def test_it_is_measured_once_for_the_same_items(
    made: ModuleType, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    texts = list(made.questions(12, 5, copies=0))
    first = measured([bench(texts)], tmp_path)
    assert {row["method"] for row in first} == {AS_SET, "ngram", "containment", "indel"}
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(recall, "measure", None)
        assert measured([bench(texts)], tmp_path) == first
        with pytest.raises(TypeError):
            measured([bench(texts, ngram=8)], tmp_path)
    (kept,) = tmp_path.iterdir()
    kept.write_text("{torn")
    assert measured([bench(texts)], tmp_path) == first


@pytest.fixture
def _unwritable(tmp_path: Path) -> Iterator[Path]:
    (tmp_path / "file").write_text("")
    yield tmp_path / "file" / "recall"


def test_a_folder_that_cannot_be_written_costs_time_only(made: ModuleType, _unwritable: Path) -> None:
    assert measured([bench(list(made.questions(12, 5, copies=0)))], _unwritable)
