"""Against pip itself, with a folder as its index."""

import hashlib
import subprocess
import sys
import zipfile

import pytest

from resources.wheels import Wheel, WheelError, fetch_wheel

NAME = "ot_tiny-1.0-py3-none-any.whl"


def build_wheel(folder, name=NAME, data=b'{"question": "1 + 1"}\n'):
    """A wheel that pip accepts, with one data file."""
    folder.mkdir(parents=True, exist_ok=True)
    package, version = name.split("-")[:2]
    info = f"{package}-{version}.dist-info"
    path = folder / name
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr(f"{package}/data/rows.jsonl", data)
        archive.writestr(f"{package}/data/more.jsonl", b"")
        archive.writestr(f"{info}/METADATA", f"Metadata-Version: 2.1\nName: {package}\nVersion: {version}\n")
        archive.writestr(
            f"{info}/WHEEL", "Wheel-Version: 1.0\nGenerator: t\nRoot-Is-Purelib: true\nTag: py3-none-any\n"
        )
        archive.writestr(f"{info}/RECORD", "")
    return path


def sha(path):
    return hashlib.sha256(path.read_bytes()).hexdigest()


@pytest.fixture
def index(tmp_path, monkeypatch):
    """A folder of wheels that pip takes for its index."""
    monkeypatch.setenv("PIP_NO_INDEX", "1")
    monkeypatch.setenv("PIP_FIND_LINKS", str(tmp_path / "index"))
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    return build_wheel(tmp_path / "index")


def test_a_wheel_is_fetched_once_and_then_read_without_pip(index, tmp_path, monkeypatch):
    said = []
    path = fetch_wheel("ot-tiny", "1.0", sha(index), tmp_path / "cache", log=said.append)
    assert sha(path) == sha(index) and said == ["fetching ot-tiny 1.0"]
    monkeypatch.setattr(subprocess, "run", lambda *a, **k: pytest.fail("pip was asked again"))
    assert fetch_wheel("ot_tiny", "1.0", sha(index), tmp_path / "cache") == path
    assert [p.name for p in path.parent.iterdir() if not p.name.startswith(".lock")] == [NAME]


def test_members_are_read_without_importing_anything(index):
    wheel = Wheel(index)
    assert wheel.members(["*/data/*.jsonl", "*rows*"]) == ["ot_tiny/data/more.jsonl", "ot_tiny/data/rows.jsonl"]
    assert wheel.text("ot_tiny/data/rows.jsonl") == '{"question": "1 + 1"}\n'
    assert wheel.member("*rows.jsonl") == "ot_tiny/data/rows.jsonl"
    assert "ot_tiny" not in sys.modules


def test_a_glob_without_a_hit_names_what_is_there(index):
    with pytest.raises(WheelError, match=r"no file inside matches '\*/row.jsonl'") as caught:
        Wheel(index).members(["*/row.jsonl"])
    assert "ot_tiny/data/rows.jsonl" in caught.value.fix
    with pytest.raises(WheelError, match="2 files inside match"):
        Wheel(index).member("*.jsonl")


def test_an_extracted_member_is_checked(index, tmp_path):
    name = "ot_tiny/data/rows.jsonl"
    right = hashlib.sha256(Wheel(index).text(name).encode()).hexdigest()
    assert Wheel(index).extract(name, tmp_path / "rows", right).read_text() == '{"question": "1 + 1"}\n'
    with pytest.raises(WheelError, match="has sha256"):
        Wheel(index).extract(name, tmp_path / "rows2", "0" * 64)
    assert not (tmp_path / "rows2").exists()


def test_a_damaged_file_is_fetched_again(index, tmp_path):
    path = fetch_wheel("ot-tiny", "1.0", sha(index), tmp_path / "cache")
    path.write_bytes(b"rotten")
    said = []
    assert sha(fetch_wheel("ot-tiny", "1.0", sha(index), tmp_path / "cache", log=said.append)) == sha(index)
    assert "sha256 differs" in said[0]


def test_a_wheel_put_there_by_hand_is_used(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    path = build_wheel(tmp_path / "cache" / "ot-tiny-1.0")
    assert fetch_wheel("ot-tiny", "1.0", sha(path), tmp_path / "cache") == path


def test_another_hash_is_refused_and_named(index, tmp_path):
    with pytest.raises(WheelError, match=f"is not the stated one, sha256 {'0' * 64} .it has {sha(index)}"):
        fetch_wheel("ot-tiny", "1.0", "0" * 64, tmp_path / "cache")
    assert not list((tmp_path / "cache").rglob("*.whl"))


def test_a_version_that_is_not_there_is_said(index, tmp_path):
    with pytest.raises(WheelError, match=r"ot-tiny 9\.0: the index has no wheel of this version for Python 3"):
        fetch_wheel("ot-tiny", "9.0", sha(index), tmp_path / "cache")


def test_no_connection_is_said_with_a_way_out(tmp_path, monkeypatch):
    monkeypatch.setenv("PIP_INDEX_URL", "http://127.0.0.1:9/simple")
    monkeypatch.setenv("PIP_CONFIG_FILE", "/dev/null")
    monkeypatch.delenv("PIP_FIND_LINKS", raising=False)
    with pytest.raises(WheelError, match="the package index cannot be reached") as caught:
        fetch_wheel("ot-tiny", "1.0", "0" * 64, tmp_path / "cache")
    assert str(tmp_path / "cache" / "ot-tiny-1.0") in caught.value.fix


def test_two_processes_at_once_get_the_same_whole_file(index, tmp_path):
    code = (
        "import sys; from pathlib import Path; from resources.wheels import fetch_wheel;"
        "print(fetch_wheel('ot-tiny', '1.0', sys.argv[1], Path(sys.argv[2])))"
    )
    command = [sys.executable, "-c", code, sha(index), str(tmp_path / "cache")]
    running = [subprocess.Popen(command, stdout=subprocess.PIPE, text=True) for _ in range(3)]
    paths = {process.communicate()[0].strip() for process in running}
    assert [process.returncode for process in running] == [0, 0, 0]
    assert len(paths) == 1


def test_a_file_that_is_no_zip_is_said(tmp_path):
    path = tmp_path / "x.whl"
    path.write_text("no")
    with pytest.raises(WheelError, match="not a wheel"):
        Wheel(path).members(["*"])
