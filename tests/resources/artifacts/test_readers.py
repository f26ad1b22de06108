"""The data as it lies, by readers that know nothing of the store."""

from pathlib import Path

import polars as pl
import pyarrow as pa
import pyarrow.dataset
import pyarrow.parquet as pq
import pytest

from resources.artifacts import ArtifactStore, chunks, parts
from resources.artifacts.parts import plain_arrow
from schemas import SCHEMAS, TrainingSet
from tests.resources.artifacts.making import R1

MESSAGE = [{"role": "user", "content": "2 + 2 = ?"}]


def examples(rows: int) -> pl.DataFrame:
    base = {
        "prompt": MESSAGE,
        "completion": [{"role": "assistant", "content": "<think>é</think>4"}],
        "source": "aime",
        "source_row": "train:0",
        "teacher": "r1",
        "domain": "math",
        "licence": "MIT",
        "prompt_tokens": 5,
        "completion_tokens": 9,
    }
    ids = [{k: f"{k[0]}{n:031x}" for k in ("example_id", "trace_id", "question_id")} for n in range(rows)]
    return TrainingSet.frame([{**base, **each} for each in ids])


@pytest.fixture
def lying(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> Path:
    """Two parts, each of one row group."""
    monkeypatch.setattr(chunks, "ROW_GROUP_ROWS", 10)
    monkeypatch.setattr(parts, "PART_ROWS", 10)
    with local.publication("training_set", R1, code_version="1", schemas=SCHEMAS["training_set"]) as out:
        out.write(examples(20))
        out.drop(pl.DataFrame({"row_id": ["x"], "rule": ["long"]}))
        out.annotate("README.md", "---\nlicense: mit\n---\n")
        out.publish()
    found = local.current("training_set", R1)
    assert found is not None and len(found.manifest.tables[""].files) == 2
    return found.folder()


def test_polars(lying: Path) -> None:
    assert pl.read_parquet(lying / "part-*.parquet").equals(examples(20))
    assert pl.scan_parquet(lying / "part-*.parquet").filter(pl.col("domain") == "math").collect().height == 20


def test_pyarrow(lying: Path) -> None:
    parts = sorted(str(path) for path in lying.glob("part-*.parquet"))
    table = pyarrow.dataset.dataset(parts).to_table()
    assert table.num_rows == 20 and table.schema.field("example_id").type == pa.string()
    assert pa.types.is_list(table.schema.field("prompt").type)
    assert table.column("prompt")[0].as_py() == MESSAGE
    meta = pq.ParquetFile(parts[0]).metadata
    assert meta.row_group(0).column(0).compression == "ZSTD"


def test_datasets(lying: Path, tmp_path: Path) -> None:
    import datasets

    files = sorted(str(path) for path in lying.glob("part-*.parquet"))
    found = datasets.load_dataset("parquet", data_files=files, split="train", cache_dir=str(tmp_path / "cache"))
    assert found.num_rows == 20 and found[3]["prompt"] == MESSAGE
    assert found.features["example_id"] == datasets.Value("string")


def test_types_are_plain_at_every_depth() -> None:
    frame = pl.DataFrame(
        {
            "text": ["a"],
            "bytes": [b"b"],
            "kind": pl.Series(["x"], dtype=pl.Categorical),
            "deep": [[{"a": ["b"], "c": {"d": b"e"}}]],
        }
    )
    text = str(plain_arrow(frame).schema)
    assert "large" not in text and "view" not in text and "dictionary" not in text
    assert pl.DataFrame(plain_arrow(frame)).rows() == frame.rows()
