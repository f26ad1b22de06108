"""Memory does not grow with the table."""

import subprocess
import sys
from pathlib import Path

SCRIPT = """
import resource, sys
import polars as pl
from resources.artifacts import ArtifactStore, Partition

root, rows = sys.argv[1], int(sys.argv[2])
store, step = ArtifactStore(root), 1000
text = "x" * 1000
with store.publication("traces", Partition(), code_version="1") as out:
    for start in range(0, rows, step):
        number = pl.int_range(start, start + step, eager=True)
        out.write(pl.DataFrame({"id": number, "text": number.hash(1).cast(pl.String) + text}))
    out.publish()
found = store.current("traces", Partition())
assert sum(len(frame) for frame in found.batches()) == rows
assert found.verify() == []
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


def peak(folder: Path, rows: int) -> int:
    """Peak memory in MiB of a process that publishes and reads that many rows of 1 kB."""
    done = subprocess.run(
        [sys.executable, "-c", SCRIPT, str(folder), str(rows)],
        cwd=Path(__file__).resolve().parents[3],
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return int(done.stdout)


def test_memory_is_bounded(tmp_path: Path) -> None:
    small, large = peak(tmp_path / "small", 80_000), peak(tmp_path / "large", 320_000)
    assert large - small < 150, f"{small} MiB for 80 MB, {large} MiB for 320 MB"
