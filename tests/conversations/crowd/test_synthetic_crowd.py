"""The script of the synthetic crowd: fifty made-up people at the page's desk, then fold and exports as a user makes them."""

from __future__ import annotations

import gzip
import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

import polars as pl
import pytest

from resources.contributions.log import EventLog

pytestmark = pytest.mark.slow
SCRIPT = Path(__file__).parents[3] / "benchmarks" / "synthetic_crowd.py"


def test_from_the_first_prompt_to_files_that_datasets_loads(tmp_path: Path) -> None:
    command = [sys.executable, str(SCRIPT), str(tmp_path / "home"), "--people", "50", "--trees", "20"]
    done = subprocess.run(command, text=True, capture_output=True, timeout=600)
    assert done.returncode == 0, done.stdout + done.stderr
    with EventLog(f"sqlite:///{tmp_path / 'home' / 'crowd' / 'events.sqlite'}") as log:
        events = [line for _, line in log.read("en")]
    assert 15 < len({event["user_id"] for event in events}) <= 50
    assert {"prompt_submitted", "reply_submitted", "labels_submitted", "ranking_submitted"} <= {
        e["kind"] for e in events
    }

    with gzip.open(tmp_path / "home" / "trees.jsonl.gz", "rt") as file:
        trees = [json.loads(line) for line in file]
    messages = pl.read_parquet(tmp_path / "home" / "messages.parquet")
    assert len(trees) >= 20 and {tree["tree_state"] for tree in trees} == {"ready_for_export"}
    assert sorted(tree["message_tree_id"] for tree in trees) == sorted(messages.get_column("message_tree_id").unique())
    sizes = Counter(messages.get_column("message_tree_id"))
    assert max(sizes.values()) <= 12  # the goal of the shipped rules
    with gzip.open(tmp_path / "home" / "messages.jsonl.gz", "rt") as file:
        assert sum(1 for _ in file) == len(messages)
    for name in ("trees.jsonl.gz", "messages.jsonl.gz", "messages.parquet"):
        assert f"{name}: " in done.stderr

    ballots = Counter(e["parent_id"] for e in events if e["kind"] == "ranking_submitted")
    ranked = messages.filter(pl.col("rank").is_not_null()).get_column("parent_id").unique().to_list()
    assert ranked and all(ballots[parent] >= 3 for parent in ranked)
