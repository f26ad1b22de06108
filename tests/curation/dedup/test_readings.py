"""Earlier readings: what is read is the same whatever the folder holds, and only what is new is read."""

from __future__ import annotations

import random
import signal
import subprocess
import sys
import textwrap
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest

from ot_assets.curation import digests
from ot_assets.curation.dedup import numbers, readings, readings_file
from ot_assets.curation.dedup.numbers import Reading
from ot_assets.curation.dedup.readings import Readings

ROOT = Path(__file__).parents[3]
TEXTS = [
    f'The {"total" * (place % 3)} of {place} "apples" - and {place * 7} pears, é{place % 5}?' for place in range(300)
]
TEXTS += ["", "  ", "???", "word " * 40_000, "café", *TEXTS[:50]]

Said = list[tuple[str, str, tuple[bytes, ...]]]


def read(some: Readings, texts: list[str]) -> tuple[readings.Ints, readings_file.Records]:
    return some.read(digests.of_texts(texts), lambda places: [texts[place] for place in places])


def said(texts: list[str], folder: Path | None, reader: Callable[[str], Reading] = numbers.read) -> Said:
    """All that the readings tell of the texts."""
    with Readings(reader, folder) as some:
        places, records = read(some, texts)
        faces = [
            tuple(record[name].tobytes() for name in ("normal", "strict", "soft", "characters")) for record in records
        ]
        return list(zip(some.texts(places), some.soft(places), faces, strict=True))


def files(folder: Path) -> list[Path]:
    return sorted(folder.iterdir())


class Counted:
    def __init__(self) -> None:
        self.texts: list[str] = []

    def __call__(self, text: str) -> Reading:
        self.texts.append(text)
        return numbers.read(text)


def test_they_are_what_the_reader_gives(tmp_path: Path) -> None:
    for folder in (None, tmp_path, tmp_path):
        found = said(TEXTS, folder)
        assert [(normal, soft) for normal, soft, _ in found] == [numbers.read(text)[::2] for text in TEXTS]
        groups: dict[str, bytes] = {}
        for text, (_, _, faces) in zip(TEXTS, found, strict=True):
            assert groups.setdefault(numbers.read(text).strict, faces[1]) == faces[1]
        assert len(set(groups.values())) == len(groups)
        lengths = [int.from_bytes(faces[3], "little") for _, _, faces in found]
        assert lengths == [len(normal) for normal, _, _ in found]


def test_equal_texts_have_one_number() -> None:
    with Readings(numbers.read, None) as some:
        places, _ = read(some, TEXTS)
        again, _ = read(some, TEXTS[::-1])
    assert np.array_equal(places, again[::-1])
    assert len(np.unique(places)) == len(set(TEXTS))


def test_only_what_is_new_is_read(tmp_path: Path) -> None:
    first, more, none = Counted(), Counted(), Counted()
    said(TEXTS[:200], tmp_path, first)
    assert said(TEXTS, tmp_path, more) == said(TEXTS, None)
    said(TEXTS[::-1], tmp_path, none)
    assert sorted(first.texts) == sorted(set(TEXTS[:200]))
    assert sorted(more.texts) == sorted(set(TEXTS) - set(TEXTS[:200]))
    assert none.texts == []


@pytest.mark.parametrize("spoil", ["empty", "torn", "longer", "head", "record", "text", "foreign", "folder", "closed"])
def test_a_file_that_does_not_hold_costs_time_only(tmp_path: Path, spoil: str) -> None:
    said(TEXTS[:250], tmp_path)
    (file,) = files(tmp_path)
    data = bytearray(file.read_bytes())
    at = {"head": 3, "record": 100, "text": len(data) - 9}.get(spoil)
    if at is not None:
        data[at] ^= 1
        file.write_bytes(data)
    elif spoil in ("empty", "torn", "longer"):
        file.write_bytes({"empty": b"", "torn": data[: len(data) // 2], "longer": data + b"x"}[spoil])
    elif spoil == "foreign":
        file.write_text("not ours, but as long as it takes to be read as numbers of eight bytes")
    elif spoil == "closed":
        file.unlink()
        file.symlink_to(tmp_path / "nothing")
    else:
        file.unlink()
        file.mkdir()
    again = Counted()
    assert said(TEXTS, tmp_path, again) == said(TEXTS, None)
    assert len(again.texts) == len(set(TEXTS))
    if spoil not in ("folder", "closed"):
        assert file not in files(tmp_path)
    last = Counted()
    assert said(TEXTS, tmp_path, last) == said(TEXTS, None)
    assert last.texts == []


def test_other_rules_read_anew(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    said(TEXTS, tmp_path)
    monkeypatch.setattr(readings, "_PREFIX", f"readings-{numbers.VERSION + 1}-")

    def other(text: str) -> Reading:
        return Reading(text[::-1], "", "")

    assert [normal for normal, _, _ in said(TEXTS, tmp_path, other)] == [text[::-1] for text in TEXTS]


def test_a_folder_that_cannot_be_written_changes_nothing(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("in the way")
    assert said(TEXTS, tmp_path / "file" / "readings") == said(TEXTS, None)


def test_many_small_files_become_one_and_a_large_one_stays(tmp_path: Path) -> None:
    said(TEXTS[:250], tmp_path)
    (large,) = files(tmp_path)
    for start in range(250, 300, 2):
        said([*TEXTS[:250], *TEXTS[start : start + 2]], tmp_path)
        assert len(files(tmp_path)) <= 2 * readings_file.FEW
    assert large in files(tmp_path) and len(files(tmp_path)) < readings_file.FEW + 2
    again = Counted()
    assert said(TEXTS[:300], tmp_path, again) == said(TEXTS[:300], None)
    assert again.texts == []


def test_what_was_read_twice_is_kept_once_when_files_are_joined(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    with monkeypatch.context() as patch:
        patch.setattr(readings, "opened", lambda *_: ())  # runs that know nothing of each other
        for _ in range(6):
            said(TEXTS, tmp_path)
    assert len(files(tmp_path)) == 6
    assert said(TEXTS, tmp_path) == said(TEXTS, None)
    (joined,) = files(tmp_path)
    (shelf,) = readings_file.opened(tmp_path, readings._PREFIX)
    assert shelf.path == joined and len(shelf.records) == len(set(TEXTS))
    shelf.close()


def test_texts_far_apart_are_read_piece_by_piece(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(readings_file, "_AT_ONCE", 100)
    monkeypatch.setattr(readings_file, "_GAP", 10)
    for folder in (None, tmp_path, tmp_path):
        assert said(TEXTS, folder) == said(TEXTS[::-1], folder)[::-1]


READ = """
    import sys; sys.path.insert(0, {root!r})
    from pathlib import Path
    from ot_assets.curation import digests
    from ot_assets.curation.dedup import numbers, readings
    texts = [f"The sum of {{place}} and {{place * {factor}}} apples" for place in range(4_000)]
    print("ready", flush=True)
    for _ in range({times}):
        with readings.Readings(numbers.read, Path({folder!r})) as some:
            for start in range(0, 4_000, 100):
                mine = texts[start:start + 100]
                places, _ = some.read(digests.of_texts(mine), lambda at: [mine[place] for place in at])
                assert some.texts(places)[5] == numbers.read(texts[start + 5]).normal
    print("done")
"""


def started(folder: Path, factor: int, times: int = 1) -> subprocess.Popen[str]:
    code = textwrap.dedent(READ).format(root=str(ROOT), folder=str(folder), factor=factor, times=times)
    return subprocess.Popen([sys.executable, "-c", code], stdout=subprocess.PIPE, text=True, cwd=ROOT)


def test_processes_that_write_and_join_at_once_do_no_harm(tmp_path: Path) -> None:
    processes = [started(tmp_path, factor, 3) for factor in (2, 2, 3)]
    assert [process.communicate()[0].split() for process in processes] == [["ready", "done"]] * 3
    texts = [f"The sum of {place} and {place * 3} apples" for place in range(4_000)]
    assert said(texts, tmp_path) == said(texts, None)


def test_a_run_that_is_killed_leaves_whole_files(tmp_path: Path) -> None:
    process = started(tmp_path, 2, 50)
    assert process.stdout is not None
    process.stdout.readline()
    while len(list(tmp_path.iterdir())) < 3:
        assert process.poll() is None
    process.send_signal(signal.SIGKILL)
    process.communicate()
    texts = [f"The sum of {place} and {place * 2} apples" for place in range(4_000)]
    draw = random.Random(1)
    draw.shuffle(texts)
    assert said(texts, tmp_path) == said(texts, None)
