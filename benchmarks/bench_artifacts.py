"""Publishing an artifact against plain `pl.DataFrame.write_parquet`, in one run: seconds of both and their ratio.

    python benchmarks/bench_artifacts.py [--rows 200000] [--batch 10000] [--repeats 3]

The rows are traces of about 0.5 kB: random words, which compress as text does. The plain way writes one zstd file from
one frame in memory, unchecked. Publishing takes the same rows in batches, checks every row group against the schema and the
key over all rows, hashes and syncs every file, and moves the pointer; reading is the artifact's batches against
`pl.read_parquet`. The two ways take turns, and the medians are compared.
"""

from __future__ import annotations

import argparse
import hashlib
import random
import shutil
import statistics
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import polars as pl
from figures import figure, note

from resources.artifacts import ArtifactStore, Partition
from schemas import Traces

PARTITION = Partition({"source": "bench", "teacher": "r1"})


def traces(rows: int) -> pl.DataFrame:
    """Valid rows of the traces schema."""
    draw = random.Random(7)
    words = [hashlib.sha256(str(n).encode()).hexdigest()[: 3 + n % 8] for n in range(5000)]
    texts = [" ".join(draw.choices(words, k=60)) for _ in range(20_000)]
    number = pl.int_range(rows, dtype=pl.Int64)
    hexes = pl.Series([hashlib.sha256(str(n).encode()).hexdigest()[:31] for n in range(rows)])
    frame = pl.select(
        trace_id="t" + hexes,
        question_id="q" + hexes,
        source_row=pl.format("train:{}", number),
        sample_index=number % 4,
        response_key=hexes,
        reasoning=pl.lit(pl.Series(texts)).gather(number % len(texts)) + number.cast(pl.String),
        answer=number.cast(pl.String),
        prompt_tokens=number % 100,
        completion_tokens=number % 1000,
    )
    same = {
        "source": "bench",
        "teacher": "r1",
        "finish_reason": "stop",
        "model": "m",
        "revision": "r",
        "licence": "MIT",
    }
    frame = frame.with_columns(
        *(pl.lit(value).alias(name) for name, value in same.items()),
        reasoning_closed=pl.lit(True),
        cost=pl.lit(0.001),
    )
    return frame.select(*Traces.dtypes())


def timed(act: Callable[[], object]) -> float:
    """Seconds of one call."""
    start = time.perf_counter()
    act()
    return time.perf_counter() - start


def publish(store: ArtifactStore, rows: pl.DataFrame, batch: int) -> None:
    """One publication, as an asset makes it."""
    with store.publication("traces", PARTITION, code_version="1", schemas={"": Traces}) as out:
        for start in range(0, len(rows), batch):
            out.write(rows.slice(start, batch))
        out.publish()


def read(store: ArtifactStore) -> int:
    """Reads the current artifact in batches."""
    found = store.current("traces", PARTITION)
    assert found is not None
    return sum(len(frame) for frame in found.batches())


def main() -> None:
    """Measures and prints two figures."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--rows", type=int, default=200_000)
    parser.add_argument("--batch", type=int, default=10_000)
    parser.add_argument("--repeats", type=int, default=3)
    options = parser.parse_args()
    rows = traces(options.rows)
    note(f"{len(rows):,} rows, {rows.estimated_size() / 2**20:.0f} MiB in memory")
    folder = Path(tempfile.mkdtemp(prefix="bench-artifacts-"))
    try:
        publish(ArtifactStore(folder / "warm"), rows.head(1000), options.batch)
        seconds: dict[str, list[float]] = {"write_parquet": [], "publish": [], "read_parquet": [], "batches": []}
        plain = folder / "plain.parquet"
        for turn in range(options.repeats):
            store = ArtifactStore(folder / str(turn))
            seconds["write_parquet"].append(timed(lambda: rows.write_parquet(plain, compression="zstd")))
            seconds["publish"].append(timed(lambda store=store: publish(store, rows, options.batch)))
            seconds["read_parquet"].append(timed(lambda: pl.read_parquet(plain)))
            seconds["batches"].append(timed(lambda store=store: read(store)))
        found = store.current("traces", PARTITION)
        assert found is not None and found.read().equals(rows)
        size = sum(file.bytes for file in found.manifest.all_files())
    finally:
        shutil.rmtree(folder)
    median = {name: statistics.median(values) for name, values in seconds.items()}
    note(f"published: {size / 2**20:.1f} MiB, checked, hashed and synced")
    rate = {name: len(rows) / value for name, value in median.items()}
    figure("artifacts: publishing", rate["publish"], "rows/s", alternative="write_parquet", other=rate["write_parquet"])
    figure("artifacts: reading", rate["batches"], "rows/s", alternative="read_parquet", other=rate["read_parquet"])


if __name__ == "__main__":
    main()
