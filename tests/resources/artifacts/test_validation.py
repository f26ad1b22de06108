import polars as pl
import pytest

from resources.artifacts.validation import UniqueKey, problems
from schemas import Questions, QuestionScores, TraceRequests, TrainingSet, Verdicts
from schemas.base import DataSchema
from tests.resources.artifacts.making import requests, verdicts

QUESTION = {
    "question_id": f"q{0:031x}",
    "question": "?",
    "verifier": "math",
    "domain": "math",
    "language": "en",
    "licence": "MIT",
    "source": "aime",
    "source_row": "train:0",
}


@pytest.mark.parametrize(
    ("schema", "frame", "words"),
    [
        (TraceRequests, requests(3, answers=0), ["answers: ", "(1)", "3 row(s)", "row 10 (question_id="]),
        (
            Verdicts,
            verdicts(2).with_columns(extracted=pl.lit(None, pl.String), reason=pl.lit(None, pl.String)),
            ["null"],
        ),
        (TraceRequests, requests(2).drop("teacher"), ["teacher", "column_in_dataframe"]),
        (TraceRequests, requests(2).with_columns(more=1), ["more", "column_in_schema"]),
        (TraceRequests, requests(2).cast({"answers": pl.Int32}), ["answers: dtype('Int64'): 'Int32'"]),
        (TraceRequests, pl.concat([requests(2)] * 2), ["question_id, teacher: must be unique", "2 times"]),
        (QuestionScores, requests(1)[["question_id"]].with_columns(x=pl.lit("a")), ["scores_are_floats"]),
        (
            TrainingSet,
            TrainingSet.frame([{"example_id": "bad", "prompt": [{"role": "user", "content": "x" * 999}]}]),
            ["example_id='bad'", "completion: "],
        ),
        (Questions, Questions.frame([{**QUESTION, "question": "x" * 1_000_001}]), ["'xxxxxx", "…", "str_length"]),
    ],
)
def test_reports_name_what_is_wrong_and_stay_small(
    schema: type[DataSchema], frame: pl.DataFrame, words: list[str]
) -> None:
    found = problems(schema, frame, first_row=10)
    assert found and all(word in "\n".join(found) for word in words)
    assert all(len(line) < 700 for line in found)


def test_good_rows_have_no_problems() -> None:
    assert problems(TraceRequests, requests(3)) == []
    assert problems(TraceRequests, TraceRequests.empty()) == []


def test_at_most_five_examples_of_many() -> None:
    (line,) = problems(TraceRequests, requests(10_000, answers=-5))
    assert "10000 row(s)" in line and line.count("row ") == 5 and len(line) < 900


def test_equal_hashes_of_different_keys_are_no_repeat(tmp_path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(UniqueKey, "_hash", staticmethod(lambda keys: pl.Series([7] * len(keys), dtype=pl.UInt64)))
    parts = []
    key = UniqueKey(["a", "b"])
    for n, rows in enumerate(({"a": [1, 2], "b": ["x", "y"]}, {"a": [1, 2], "b": ["y", "y"]})):
        frame = pl.DataFrame(rows)
        frame.write_parquet(tmp_path / f"{n}.parquet")
        parts.append(tmp_path / f"{n}.parquet")
        key.add(frame)
    assert key.repeated(parts) == ["a, b: must be unique: 1 value(s) are not: (2, 'y') 2 times"]


def test_hashes_are_the_same_in_memory_and_read_again(tmp_path) -> None:
    frame = requests(1000)
    frame.write_parquet(tmp_path / "x.parquet")
    again = pl.read_parquet(tmp_path / "x.parquet")
    assert UniqueKey._hash(frame).equals(UniqueKey._hash(again))
