"""Sources whose answers a judge, a majority or a pattern judges, from YAML to verdicts, through Dagster in this process."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from ot_assets.graph import World
from ot_assets.status import StatusReader
from resources.artifacts import Partition
from tests.endtoend.house import FILES_SOURCE, House
from tests.endtoend.steps import make

VOTES = [json.dumps({"thoughts": "it adds up", "verdict": said}) for said in ("correct", "correct", "wrong")]


def scripted(*table: dict[str, Any]) -> dict[str, Any]:
    return {"engine": "scripted", "model": "said", "licence": "MIT", "options": {"table": list(table)}}


def source(name: str, **fields: Any) -> dict[str, Any]:
    columns = {"question": "problem", "gold": "answer"}
    return {**FILES_SOURCE, "origin": {"kind": "files", "paths": [f"{name}.jsonl"]}, "columns": columns, **fields}


@pytest.fixture
def told(tmp_path: Path) -> House:
    """Three sources, a teacher who answers each question three times, and a judge."""
    house = House(tmp_path)
    for name in ("proofs", "counts", "years"):
        answers = {"answer": "1984"} if name == "years" else {"answer": None}
        house.rows(f"{name}.jsonl", [{"problem": f"{name} {n}?", **answers} for n in range(3)])
    house.write("sources/proofs", source("proofs", verifier="judge", judge={"teacher": "judge", "votes": 3}))
    house.write("sources/counts", source("counts", verifier="majority"))
    house.write("sources/years", source("years", verifier="regex", verifier_args={"pattern": "(?P<answer>[0-9]{4})"}))
    house.write(
        "models/says", scripted({"match": ".", "replies": ["The answer is 1984", "The answer is 1984", "So 2001"]})
    )
    house.write("models/votes", scripted({"match": ".", "replies": VOTES}))
    for teacher, model in (("tutor", "says"), ("judge", "votes")):
        spec = {"description": "x", "model": model, "sampling": {"max_tokens": 64}, "reasoning": None}
        house.write(f"teachers/{teacher}", spec)
    house.rows("exam.jsonl", [{"problem": "Something else?", "answer": "5"}], folder="benchmarks")
    house.write("benchmarks/exam", source("exam", verifier="math") | {"role": "dev", "repeats": 1})
    part = {"domain": "math", "sources": [{"source": name} for name in ("proofs", "counts", "years")], "rows": "all"}
    house.write("models/tiny", {"engine": "transformers", "model": "nowhere", "licence": "MIT"})
    recipe = {"description": "x", "parts": {"math": part}, "answers_per_question": 3, "teachers": ["tutor"]}
    house.write(
        "recipes/all", {**recipe, "student": {"base": "tiny"}, "benchmarks": ["exam"], "screen_against": ["exam"]}
    )
    return house


@pytest.mark.slow
def test_from_yaml_to_verdicts(told: House) -> None:
    names = ("proofs", "counts", "years")
    with told.entered():
        assert make(told, "benchmark_questions", benchmark="exam") is None
        for name in names:
            assert make(told, "sourced_questions", source=name) is None
            assert make(told, "screened_questions", source=name) is None
        assert make(told, "mixed_pool", recipe="all") is None
        assert make(told, "filtered_set", recipe="all") is None
        for name in names:
            assert make(told, "trace_requests", source=name) is None
            assert make(told, "traces", source=name, teacher="tutor") is None
            assert make(told, "verdicts", source=name, teacher="tutor") is None
    frames = {name: told.current("verdicts", source=name, teacher="tutor").read() for name in names}
    counts = {name: dict(frame.group_by("verdict").len().iter_rows()) for name, frame in frames.items()}
    assert counts == {
        "proofs": {"correct": 9},
        "counts": {"correct": 6, "wrong": 3},
        "years": {"correct": 6, "wrong": 3},
    }
    evidence = json.loads(frames["proofs"].get_column("evidence")[0])
    assert evidence == {"judge": "judge", "votes": {"correct": 2, "wrong": 1, "cannot_tell": 0}}
    asked = told.current("verdicts", source="proofs", teacher="tutor").manifest.stats["asked"]
    assert (asked["new"], asked["failed"]) == (18, 0), (
        "two distinct answers to each of three questions, three votes each"
    )
    assert (told.home / "verdicts.sqlite").exists()

    def stale(name: str) -> bool:
        from ot_assets.registry import registry

        registry.cache_clear()
        at = Partition({"source": name, "teacher": "tutor"})
        return StatusReader(World(registry(), told.store)).own_reasons("verdicts", at).state == "stale"

    with told.entered():
        assert not stale("proofs")
        told.edit("teachers/judge", {"system_prompt": "Be strict."})
        assert stale("proofs"), "an edited judge judges anew"
        assert not stale("counts")
        told.edit("sources/proofs", {"judge": {"votes": 1}})
        told.edit("teachers/judge", {"system_prompt": None})
        assert make(told, "verdicts", source="proofs", teacher="tutor") is None
        artifact = told.current("verdicts", source="proofs", teacher="tutor")
    assert artifact.manifest.stats["asked"]["new"] == 0, "one of the three votes that are stored"
    assert artifact.read().get_column("verdict").to_list() == ["correct"] * 9
