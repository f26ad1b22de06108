"""Ctrl-C and kill -9 in the middle of `ot run`: what came is kept, nothing stored is asked for again, nothing breaks."""

from __future__ import annotations

import json
import os
import random
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import dagster as dg
import pytest

from resources.artifacts.locks import hold
from resources.responses.store import ResponseStore
from tests.endtoend.house import House, Said
from tests.endtoend.server import Endpoint
from tests.endtoend.steps import instance_of, make

STOPPED = "stopped; what was done is kept, run the same again to go on"


@pytest.fixture
def running(house: House) -> Iterator[Callable[[], subprocess.Popen[str]]]:
    """Starts `ot run sums`; whatever is left of it at the end of the test is ended."""
    started: list[subprocess.Popen[str]] = []

    def start() -> subprocess.Popen[str]:
        started.append(house.start("run", "sums"))
        return started[-1]

    yield start
    for process in started:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()


def until(condition: Callable[[], bool], process: subprocess.Popen[str]) -> None:
    while not condition():
        assert process.poll() is None, process.communicate()
        time.sleep(0.01)


def stop(process: subprocess.Popen[str], number: int = signal.SIGINT) -> Said:
    """What Ctrl-C in a terminal does: every process of the group gets the signal."""
    os.killpg(process.pid, number)
    out, err = process.communicate(timeout=60)
    return Said(process.returncode, out, err)


def group_is_gone(process: subprocess.Popen[str]) -> bool:
    for _ in range(200):
        try:
            os.killpg(process.pid, 0)
        except ProcessLookupError:
            return True
        time.sleep(0.05)
    return False


def stored(house: House) -> set[tuple[str, int]]:
    """Question and sent seed of every stored reply of the teacher."""
    file = house.home / "responses.sqlite"
    with ResponseStore(f"sqlite:///{file}", create=False) as store:
        rows = [json.loads(row.request) | {"at": row.sample_index} for row in store.rows(purpose="traces")]
    return {(r["messages"][-1]["content"], r["sampling"]["seed"] + r["at"]) for r in rows
            if r["sampling"]["temperature"] == 0.2}  # fmt: skip


def asked(server: Endpoint) -> list[tuple[str, int]]:
    with server.lock:
        return [(body["messages"][-1]["content"], body["seed"]) for body in server.bodies if "seed" in body]


def ask_anew(house: House) -> None:
    house.edit("teachers/solver", {"sampling": {"temperature": 0.2}})


def assert_stopped_well(said: Said) -> None:
    assert said.code == 130, said.text
    assert STOPPED in said.err
    assert "Traceback" not in said.text
    assert "Error" not in said.text


def test_ctrl_c_while_a_teacher_is_asked(house: House, server: Endpoint, running):
    ask_anew(house)
    server.seconds = 0.3
    process = running()
    until(lambda: len(server.answered) >= 5, process)
    time.sleep(0.1)
    assert_stopped_well(stop(process))
    assert group_is_gone(process)
    kept = stored(house)
    assert len(kept) >= 5, "what was answered before is stored"
    with house.entered(), instance_of(house) as instance:
        assert not instance.get_runs(dg.RunsFilter(statuses=[dg.DagsterRunStatus.STARTED]))
    server.forget()
    server.seconds = 0
    with house.entered():
        for source in ("made", "mine"):
            assert make(house, "traces", source=source, teacher="solver") is None
    assert not set(asked(server)) & kept
    assert len(asked(server)) == 24 - len(kept)
    assert house.problems() == []


def test_ctrl_c_while_another_one_makes_the_same(house: House, running):
    ask_anew(house)
    lock = house.home / "artifacts/.locks/traces/source=made/teacher=solver/lock"
    with hold(lock, "traces for made|solver"):
        process = running()
        runs = house.home / "dagster/history/runs"
        before = len(list(runs.iterdir()))
        until(lambda: len(list(runs.iterdir())) > before, process)
        time.sleep(1.0)
        said = stop(process)
    assert said.code == 130, said.text
    assert STOPPED in said.err
    assert "Traceback" not in said.text


BETWEEN = """
import signal, sys
from dagster._core.executor.in_process import InProcessExecutor
execute = InProcessExecutor.execute
def interrupted(self, *arguments):
    signal.raise_signal(signal.SIGINT)
    yield from execute(self, *arguments)
InProcessExecutor.execute = interrupted
from ot_assets.cli import main
sys.argv = ["ot", "run", "sums"]
main()
"""


def test_ctrl_c_where_dagster_only_notes_it(house: House):
    """Before and after a step it takes the signal itself, and may forget it."""
    ask_anew(house)
    ran = subprocess.run(
        [sys.executable, "-c", BETWEEN],
        env=house.environment,
        cwd=house.path,
        capture_output=True,
        text=True,
        timeout=120,
    )
    assert_stopped_well(Said(ran.returncode, ran.stdout, ran.stderr))


def test_ctrl_c_while_a_student_is_trained_and_kill_9_too(house: House, running):
    """Neither leaves a training behind; the next run trains to the end."""
    house.edit("recipes/sums", {"student": {"training": {"learning_rate": 0.002}}})
    work = house.home / "work/student_model/recipe=sums,teacher=solver"
    before = house.artifacts()

    def trains() -> bool:
        return len(list(work.glob("*/config.json"))) > 1 or _child_of(process.pid, "resources.training")

    process = running()
    until(trains, process)
    time.sleep(1.0)
    assert_stopped_well(stop(process))
    assert group_is_gone(process)
    process = running()
    until(lambda: _child_of(process.pid, "resources.training"), process)
    process.kill()
    process.wait()
    assert group_is_gone(process), "a training does not outlive who started it"
    assert house.artifacts() == before
    said = house.ot("run", "sums", "--json").json
    assert said["failed"] == 0
    assert house.artifacts()["student_model[sums|solver]"] != before["student_model[sums|solver]"]
    assert house.problems() == []


def _child_of(pid: int, words: str) -> bool:
    """Whether a process of the group runs a command with these words."""
    for entry in Path("/proc").glob("[0-9]*"):
        try:
            if os.getpgid(int(entry.name)) == pid and words in (entry / "cmdline").read_text():
                return True
        except (OSError, ValueError):
            continue
    return False


@pytest.mark.slow
def test_kill_9_at_random_moments(house: House, server: Endpoint, running):
    ask_anew(house)
    server.seconds = 0.05
    draw = random.Random(11)
    for count in (1, 9, 17):
        before = stored(house)
        server.forget()
        process = running()
        wanted = min(count, 24 - len(before))
        until(lambda wanted=wanted: len(server.answered) >= wanted, process)
        time.sleep(draw.uniform(0, 0.4))
        os.killpg(process.pid, signal.SIGKILL)
        process.wait()
        assert not set(asked(server)) & before, "what was stored is not asked for again"
        assert house.problems() == []
    before = stored(house)
    server.forget()
    report = house.ot("run", "sums", "--json").json
    assert report["failed"] == 0
    assert not set(asked(server)) & before
    assert len(stored(house)) == 24
    assert house.problems() == []
    assert house.ot("run", "sums", "--json").json["made"] == 0
    with house.entered(), instance_of(house) as instance:
        left = [dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.NOT_STARTED]
        assert instance.get_runs(dg.RunsFilter(statuses=left)) == [], "killed runs do not run for ever in the UI"
    house.ot("gc", "--delete", "--grace-hours", "0")
    assert not list((house.home / "artifacts").rglob(".tmp-*"))
