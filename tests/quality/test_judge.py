"""The process that judges says what judging here says, and whatever becomes of it, there is an answer."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import textwrap
import time
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest

from ot_assets.quality import judge
from ot_assets.quality.judging import Held, Profile
from ot_assets.quality.judging import judge as judge_here
from resources.errors import UserError

ROOT = Path(__file__).parents[2]
FIGURES = (
    Held("inside", 0.5, 0.0, 1.0, "between 0 and 1"),
    Held("below", -1.0, 0.0, None, "at least 0"),
    Held("above", 3e12, None, 5.0, "at most 5 &lt; 6"),
    Held("edge", 5.0, 5.0, 5.0, "é 5"),
    Held("endless", float("inf"), 0.0, None, "at least 0"),
)
SAID = {"inside": True, "below": False, "above": False, "edge": True, "endless": True}


@pytest.fixture(autouse=True)
def fresh(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    judge.stop()
    monkeypatch.setattr(judge, "_done_without", False)
    yield
    judge.stop()


@pytest.fixture
def not_here(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is judged in this process."""

    def refuse(profile: Profile) -> dict[str, bool]:
        raise AssertionError("judged in this process")

    monkeypatch.setattr(judge, "judge", refuse)


def child() -> psutil.Process:
    assert judge._judge is not None
    return psutil.Process(judge._judge._child.pid)


@pytest.mark.usefixtures("not_here")
def test_it_says_what_judging_here_says(tmp_path: Path) -> None:
    for home in (None, str(tmp_path)):
        profile = Profile("questions", "mixed_pool recipe=r", FIGURES, home)
        assert judge.verdicts(profile) == judge_here(profile) == SAID
    kept = list((tmp_path / "gx" / "uncommitted" / "validations" / "questions").rglob("*.json"))
    assert len(kept) == 2  # one of each process


@pytest.mark.usefixtures("not_here")
def test_there_is_one_process_and_it_is_asked_again() -> None:
    judge.warm()
    first = child().pid
    judge.warm()
    for value in (1.0, 2.0, 3.0):
        profile = Profile("questions", "x", (Held("n", value, None, 2.0, "at most 2"),))
        assert judge.verdicts(profile) == {"n": value <= 2}
    assert child().pid == first


@pytest.mark.parametrize("how", ["killed", "stopped", "killed before it is ready"])
def test_without_it_there_is_an_answer(monkeypatch: pytest.MonkeyPatch, how: str) -> None:
    profile = Profile("questions", "x", FIGURES)
    judge.warm()
    if how != "killed before it is ready":
        assert judge.verdicts(profile) == SAID
    process = child()
    if how == "stopped":
        monkeypatch.setattr(judge, "PATIENCE_SECONDS", 0.3)
        process.suspend()
    else:
        process.kill()
    assert judge.verdicts(profile) == SAID
    assert not process.is_running() and judge._judge is None
    judge.warm()
    assert judge._judge is None  # what it would import is here now


def test_a_process_that_cannot_start_is_done_without(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    broken = tmp_path / "python"
    for text in ("#!/bin/sh\nexit 3\n", "#!/bin/sh\necho what\ncat\n", "#!/bin/sh\necho 3\ncat\n", None):
        if text is None:
            broken.unlink()
        else:
            broken.write_text(text)
            broken.chmod(0o755)
        monkeypatch.setattr(judge, "_done_without", False)
        monkeypatch.setattr(sys, "executable", str(broken))
        assert judge.verdicts(Profile("questions", "x", FIGURES)) == SAID


def test_a_folder_that_cannot_be_written_is_told_as_before(tmp_path: Path) -> None:
    (tmp_path / "gx").write_text("")
    with pytest.raises(UserError, match="gx"):
        judge.verdicts(Profile("questions", "x", FIGURES, str(tmp_path)))
    assert judge.verdicts(Profile("questions", "x", FIGURES)) == SAID


def test_it_ends_with_the_process_that_asked() -> None:
    code = """
        import time
        from ot_assets.quality import judge
        from ot_assets.quality.judging import Held, Profile
        assert judge.verdicts(Profile("questions", "x", (Held("n", 1.0, 0.0, None, "at least 0"),))) == {"n": True}
        print(judge._judge._child.pid, flush=True)
        time.sleep(600)
    """
    with subprocess.Popen(
        [sys.executable, "-c", textwrap.dedent(code)], stdout=subprocess.PIPE, text=True, cwd=ROOT
    ) as asking:
        assert asking.stdout is not None
        process = psutil.Process(int(asking.stdout.readline()))
        asking.send_signal(signal.SIGKILL)
    until = time.monotonic() + 60
    while process.is_running() and process.status() != psutil.STATUS_ZOMBIE:
        assert time.monotonic() < until
        time.sleep(0.1)


@pytest.mark.usefixtures("not_here")
def test_a_fork_has_its_own(tmp_path: Path) -> None:
    assert judge.verdicts(Profile("questions", "x", FIGURES)) == SAID
    mine = child().pid
    pid = os.fork()
    if pid == 0:
        try:
            said = judge.verdicts(Profile("questions", "x", FIGURES))
            (tmp_path / "said").write_text(f"{said == SAID} {child().pid != mine}")
            judge.stop()
        finally:
            os._exit(0)
    os.waitpid(pid, 0)
    assert (tmp_path / "said").read_text() == "True True"
    assert judge.verdicts(Profile("questions", "x", FIGURES)) == SAID and child().pid == mine
