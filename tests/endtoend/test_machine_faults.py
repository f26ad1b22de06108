"""Disks that are full or refuse, databases that are locked or damaged, artifacts that were broken: one message each."""

from __future__ import annotations

import random
import shutil
import sqlite3
import string
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

from resources.responses.store import ResponseStore
from tests.endtoend.failing import check_failed, failed_run
from tests.endtoend.house import House, Said
from tests.endtoend.server import Endpoint
from tests.endtoend.steps import make

TRACES = ("traces[made|solver]", "traces[mine|solver]")


@pytest.fixture
def small_disk(house: House) -> Iterator[Path]:
    """The house's state on a disk of 12 MiB, where this user may mount one."""
    folder = house.path / "disk"
    folder.mkdir()
    mount = ["mount", "-t", "tmpfs", "-o", "size=12m", "tmpfs", str(folder)]
    if shutil.which("mount") is None or subprocess.run(mount, capture_output=True, check=False).returncode:
        pytest.skip("this user may not mount a file system")
    shutil.copytree(house.home, folder / "home")
    house.env["OT_HOME"] = str(folder / "home")
    yield folder
    subprocess.run(["umount", "-l", str(folder)], check=True)


def refused(said: Said, *told: str) -> None:
    """One message on standard error, exit code 1."""
    assert said.code == 1, said.text
    assert "Traceback" not in said.text
    assert said.err.count("→") == 1, said.err
    assert len(said.err) < 600, said.err
    for text in told:
        assert text in said.err


def ask_anew(house: House) -> None:
    """Traces have to be asked for again, and nothing above them has to be made."""
    house.edit("teachers/solver", {"sampling": {"temperature": 0.2}})


def test_a_disk_that_fills_up_while_publishing(house: House, small_disk: Path):
    draw = random.Random(0)
    text = ["".join(draw.choices(string.printable, k=900_000)) for _ in range(14)]
    good = (house.registry / "sources/mine.jsonl").read_text()
    house.rows("mine.jsonl", [{"problem": t, "answer": "1", "worked": "1"} for t in text])
    house.edit("sources/mine", {"language": "de"})
    message = failed_run(house, "sourced_questions[mine]")
    assert "no room is left on the disk" in message
    assert str(small_disk) in message
    assert "still current" in message
    assert "ot gc" in message
    assert not list(small_disk.rglob(".tmp-*")), "what was half written is gone"
    (house.registry / "sources/mine.jsonl").write_text(good)
    with house.entered():
        assert make(house, "sourced_questions", source="mine") is None


def test_a_disk_without_any_room(house: House, small_disk: Path, server: Endpoint):
    ask_anew(house)
    with (small_disk / "ballast").open("wb", buffering=0) as file, pytest.raises(OSError, match="No space"):
        while True:
            file.write(bytes(4096))
    refused(house.ot("run", "sums"), "no room is left on the disk", str(small_disk))
    assert server.bodies == []
    (small_disk / "ballast").unlink()
    with house.entered():
        assert make(house, "traces", source="mine", teacher="solver") is None


def test_a_state_folder_that_cannot_be_written(house: House, small_disk: Path):
    ask_anew(house)
    subprocess.run(["mount", "-o", "remount,ro", str(small_disk)], check=True)
    refused(house.ot("run", "sums"), str(small_disk / "home"), "Read-only file system", "right to write")
    assert "sums × solver" in house.ot("leaderboard").out, "reading needs no right to write"
    assert house.ot("status", "sums").code == 0
    refused(house.ot("gc", "--delete"), "Read-only file system")


@pytest.mark.parametrize("command", [["run", "sums"], ["status"], ["leaderboard"], ["responses", "stats"], ["gc"]])
@pytest.mark.parametrize("below", ["", "/home"])
def test_a_file_where_the_state_folder_should_be(house: House, command: list[str], below: str):
    (house.path / "afile").write_text("")
    house.env["OT_HOME"] = f"{house.path}/afile{below}"
    refused(house.ot(*command), "OT_HOME", "afile is a file")


def test_a_response_store_that_another_process_holds(house: House, server: Endpoint, monkeypatch: pytest.MonkeyPatch):
    monkeypatch.setitem(ResponseStore.__init__.__kwdefaults__, "patience", 0.5)
    ask_anew(house)
    holder = sqlite3.connect(house.home / "responses.sqlite", isolation_level=None)
    holder.execute("BEGIN IMMEDIATE")
    message = failed_run(house, *TRACES)
    holder.execute("ROLLBACK")
    holder.close()
    assert "held by another process" in message
    assert "fuser -v" in message
    assert server.bodies == [], "nothing is bought that could not be stored"
    with house.entered():
        assert make(house, "traces", source="mine", teacher="solver") is None


def test_a_response_store_that_is_damaged(house: House, server: Endpoint):
    ask_anew(house)
    file = house.home / "responses.sqlite"
    whole = file.read_bytes()
    file.write_bytes(b"junk" * 100 + whole[400:])
    message = failed_run(house, *TRACES)
    assert "damaged" in message
    assert ".recover" in message
    assert server.bodies == []
    refused(house.ot("responses", "stats"), "damaged", ".recover")
    assert file.read_bytes()[:4] == b"junk", "nobody touches it"
    file.write_bytes(whole)
    assert house.problems() == []


def test_records_of_dagster_that_are_damaged(house: House, server: Endpoint):
    """They are only a record: moved away, everything goes on, and the instance is told of the specs anew."""
    ask_anew(house)
    (house.home / "dagster/history/runs.db").write_bytes(b"junk" * 1000)
    refused(house.ot("run", "sums"), "Dagster's records in", "file is not a database", "move that folder away")
    (house.home / "dagster").rename(house.path / "away")
    house.edit("teachers/solver", {"sampling": {"temperature": 0.5}})
    report = house.ot("run", "sums", "--json").json
    assert (report["made"], report["fresh"]) == (0, 20)
    assert (house.home / "dagster/observed_specs.json").exists()
    assert server.bodies == []


def test_a_damaged_artifact_is_shown_and_made_again(house: House):
    before = house.artifacts()
    there = Path(house.current("screened_questions", source="mine").path)
    (there / "manifest.json").write_text('{"half')
    part = next(Path(house.current("trace_requests", source="mine").path).glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:50])
    states = {(s["asset"], *s["partition"].values()): s for s in house.ot("status", "--json").json}
    assert "damaged" in states["screened_questions", "mine"]["reasons"][0]
    assert "has 50 bytes" in states["trace_requests", "mine"]["reasons"][0]
    assert states["sourced_questions", "mine"]["state"] == "fresh"
    report = house.ot("run", "sums", "--json").json
    made = [step["asset"] for step in report["steps"] if step["outcome"] == "made"]
    assert made == ["screened_questions", "trace_requests"]
    assert house.artifacts() == before
    assert house.problems() == []


def test_damage_that_only_reading_finds_names_the_file_and_a_way_out(house: House):
    there = Path(house.current("screened_questions", source="mine").path)
    part = next(there.glob("part-*.parquet"))
    part.write_bytes(part.read_bytes()[:40] + bytes(100) + part.read_bytes()[140:])
    house.edit("recipes/sums", {"seed": 3})
    message = failed_run(house, "mixed_pool[sums]")
    assert str(there) in message
    assert "damaged" in message
    assert "remove that version's folder and run again" in message
    shutil.rmtree(there)
    with house.entered():
        assert make(house, "screened_questions", source="mine") is None
        assert make(house, "mixed_pool", recipe="sums") is None


def test_a_limit_on_file_sizes_is_a_full_disk_too(house: House):
    """Where nothing can be mounted: the child may write no file over 4 MiB."""
    draw = random.Random(0)
    text = ["".join(draw.choices(string.printable, k=900_000)) for _ in range(14)]
    house.rows("mine.jsonl", [{"problem": t, "answer": "1", "worked": "1"} for t in text])
    house.edit("sources/mine", {"language": "de"})

    def limit() -> None:
        import resource

        resource.setrlimit(resource.RLIMIT_FSIZE, (4 * 2**20, 4 * 2**20))

    message = check_failed(house.process("run", "sums", preexec_fn=limit), "sourced_questions[mine]")
    assert "larger than this process or disk allows" in message
