"""Provenance, secrets, locks and sizes: the small parts."""

import json
import os
import socket
import subprocess
import sys
import threading
from pathlib import Path

import pytest

from resources.artifacts import disk, locks, provenance
from resources.artifacts.locks import hold, try_hold
from resources.artifacts.record import as_json
from resources.artifacts.secrets import refuse_secrets
from resources.errors import UserError


def git(folder: Path, *args: str) -> None:
    name = ["-c", "user.name=a", "-c", "user.email=a@b", "-c", "commit.gpgsign=false"]
    subprocess.run(["git", "-C", str(folder), *name, *args], check=True, capture_output=True)


def test_commit_of_tracked_code(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "resources").mkdir()
    code = tmp_path / "resources" / "code.py"
    code.write_text("1")
    assert provenance.commit_of(tmp_path) == (None, None)
    git(tmp_path, "init")
    assert provenance.commit_of(tmp_path) == (None, None)  # nothing is tracked
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    found = provenance.commit_of(tmp_path)
    assert found.commit is not None and len(found.commit) == 40 and found.dirty is False
    (tmp_path / "notes.txt").write_text("not code")
    assert provenance.commit_of(tmp_path).dirty is False
    monkeypatch.setenv("GIT_DIR", "/nowhere")  # as git sets it for hooks
    code.write_text("2")
    assert provenance.commit_of(tmp_path) == (found.commit, True)


def test_commit_never_fails(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    assert provenance.commit_of(tmp_path / "nowhere") == (None, None)
    monkeypatch.setenv("PATH", str(tmp_path))
    assert provenance.commit_of(tmp_path) == (None, None)


def test_a_copy_inside_another_repository_has_no_commit(tmp_path: Path) -> None:
    git(tmp_path, "init")
    (tmp_path / "theirs").write_text("x")
    git(tmp_path, "add", ".")
    git(tmp_path, "commit", "-m", "x")
    (tmp_path / "venv" / "resources").mkdir(parents=True)
    (tmp_path / "venv" / "resources" / "code.py").write_text("1")
    assert provenance.commit_of(tmp_path / "venv") == (None, None)


def test_versions_are_found_without_imports() -> None:
    code = "import sys; from resources.artifacts.provenance import versions; assert versions()['torch']"
    code += "; print('torch' in sys.modules, 'transformers' in sys.modules)"
    home = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", code], cwd=home, capture_output=True, text=True, check=True)
    assert done.stdout.split() == ["False", "False"]
    assert {"python", "polars", "pyarrow", "dagster"} <= provenance.versions().keys()


def test_secrets_are_found_by_their_variables() -> None:
    environ = {"HF_TOKEN": "hf_abcdefghijklmn", "TOKENIZERS_PARALLELISM": "a-long-enough-value", "DB_PASSWORD": "short"}
    refuse_secrets("a-long-enough-value short", "it", environ)
    with pytest.raises(UserError, match="HF_TOKEN"):
        refuse_secrets('{"x": "hf_abcdefghijklmn"}', "it", environ)


def test_json_of_figures() -> None:
    assert as_json("x", {"a": (1, float("inf")), "b": {"c": None}}) == {"a": [1, None], "b": {"c": None}}
    with pytest.raises(TypeError, match=r"x\.a: the key 1"):
        as_json("x", {"a": {1: 2}})
    with pytest.raises(TypeError, match=r"x\.a: set"):
        as_json("x", {"a": {1}})


def test_locks_exclude_and_share(tmp_path: Path) -> None:
    path = tmp_path / "deep" / "lock"
    with hold(path, "it", shared=True), try_hold(path, "it") as taken:
        assert not taken
    with hold(path, "it"):
        assert f"pid {os.getpid()} on " in locks.holder(path)
        with try_hold(path, "it") as taken:
            assert not taken
    with try_hold(path, "it") as taken:
        assert taken
    assert locks.holder(path) == "another process"
    with pytest.raises(RuntimeError, match="waiting for itself"), hold(path, "it"), hold(path, "it"):
        pass
    with hold(path, "it"):
        pass


def test_a_holder_that_has_ended_is_told(tmp_path: Path) -> None:
    path = tmp_path / "lock"
    name = {"pid": 2**30, "host": socket.gethostname(), "since": "then"}
    path.write_text(json.dumps(name))
    assert "which has ended: a process that it started still holds it" in locks.holder(path)
    path.write_text(json.dumps({**name, "host": "elsewhere"}))
    assert locks.holder(path) == f"pid {2**30} on elsewhere since then"


def test_shared_holders_do_not_wait_for_each_other(tmp_path: Path) -> None:
    path, both = tmp_path / "lock", threading.Barrier(2, timeout=20)

    def share() -> None:
        with hold(path, "it", shared=True):
            both.wait()

    threads = [threading.Thread(target=share) for _ in range(2)]
    [thread.start() for thread in threads]  # type: ignore[func-returns-value]
    [thread.join() for thread in threads]  # type: ignore[func-returns-value]
    assert not both.broken


def test_a_file_system_without_locks(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    def none(handle: int, mode: int) -> None:
        raise OSError(37, "No locks available")

    monkeypatch.setattr(locks.fcntl, "flock", none)
    with hold(tmp_path / "lock", "it"):
        assert "has no file locks" in caplog.text


def test_sizes_as_people_read_them() -> None:
    assert [disk.size(n) for n in (0, 1023, 1536, 5 * 2**20, 3 * 2**30, 2**42)] == [
        "0 bytes",
        "1023 bytes",
        "1.5 KiB",
        "5.0 MiB",
        "3.0 GiB",
        "4.0 TiB",
    ]
