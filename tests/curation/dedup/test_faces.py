"""What is remembered of a part of the pool is what reading it gives, and nothing that is wrong is believed."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path

import hypothesis.strategies as st
import numpy as np
import polars as pl
import pytest
from hypothesis import given

from ot_assets.curation import digests
from ot_assets.curation.dedup import archives, faces, numbers
from ot_assets.curation.dedup.faces import FACE, stretches
from ot_assets.curation.dedup.material import gather
from ot_assets.curation.dedup.readings import Readings
from ot_assets.registry.specs.dedup import Dedup

ROWS = 60
POOL = pl.DataFrame(
    {
        "question": [f"What is {n}{'é' * (n % 5)}?" if n % 7 else "" for n in range(ROWS)],
        "gold": [None if n % 3 == 0 else " " if n % 5 == 0 else str(n) for n in range(ROWS)],
        "row": range(ROWS),
    }
)


class Parts:
    """A pool in parts of twenty rows, which counts what is read of it."""

    def __init__(self, names: Sequence[str] = ("a", "b", "c")) -> None:
        self.names = names
        self.read_rows: list[int] = []

    def read(self, frame: pl.DataFrame, columns: Sequence[str]) -> pl.DataFrame:
        rows = frame.get_column("row").to_list()
        self.read_rows += rows
        return POOL[rows].select(columns)

    def parts(self) -> list[tuple[str, int]]:
        return [(name, 20) for name in self.names]

    def is_whole(self, part: int) -> bool:
        return self.names[part] != "damaged"


Said = list[tuple[object, ...]]


def told(rows: Sequence[int], folder: Path | None, texts: Parts | None = None) -> Said:
    """All that is told of each row, in order."""
    frame, found = POOL.select("row")[list(rows)], []
    with Readings(numbers.read, folder) as readings:
        for some in stretches(frame, texts or Parts(), readings):
            assert some.faces.dtype == FACE and len(some.faces) == len(some.rows)
            for row, face in zip(some.rows["row"], some.faces, strict=True):
                digest = tuple(face[name].tobytes() for name in ("key", "strict", "normal", "soft"))
                found.append((row, digest, int(face["characters"]), int(face["length"]), bool(face["gold"])))
    return found


def wanted(rows: Sequence[int]) -> Said:
    found: Said = []
    for row, text, gold in POOL[list(rows)].select("row", "question", "gold").rows():
        reading = numbers.read(text)
        words = (text, reading.strict, reading.normal, reading.soft)
        digest = tuple(digests.of_texts([word])[0].tobytes() for word in words)
        found.append((row, digest, len(reading.normal), len(text), bool((gold or "").strip())))
    return found


def known(folder: Path) -> list[str]:
    """The parts that are remembered."""
    return sorted(path.stem[-1] for path in folder.glob("faces-*.npz"))


@given(
    st.lists(st.sets(st.integers(0, ROWS - 1), min_size=1).map(sorted) | st.just(list(range(ROWS))), max_size=4),
    st.integers(1, 30),
)
def test_faces_are_those_of_the_texts(
    tmp_path_factory: pytest.TempPathFactory, asked: list[list[int]], piece: int
) -> None:
    folder = tmp_path_factory.mktemp("faces")
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(faces, "PIECE", piece)
        for rows in asked:
            assert told(rows, folder) == told(rows, None) == wanted(rows)


def test_a_part_that_is_known_is_not_read(tmp_path: Path) -> None:
    again, more = Parts(), Parts(("a", "b", "d"))
    for texts in (Parts(), again, more):
        assert told(range(ROWS), tmp_path, texts) == wanted(range(ROWS))
    assert again.read_rows == [] and more.read_rows == list(range(40, 60))
    some = Parts()
    assert told([3, 25, 26], tmp_path, some) == wanted([3, 25, 26]) and some.read_rows == []


def test_a_part_of_which_some_rows_are_asked_for_is_not_remembered(tmp_path: Path) -> None:
    told([*range(20), *range(21, 40)], tmp_path)
    assert known(tmp_path) == ["a"]


def test_a_part_that_is_not_as_it_was_published_is_not_remembered(tmp_path: Path) -> None:
    assert told(range(ROWS), tmp_path, Parts(("a", "damaged", "c"))) == wanted(range(ROWS))
    assert known(tmp_path) == ["a", "c"]


def test_rows_must_ascend(tmp_path: Path) -> None:
    for rows in ([0, 0, 2], [3, 2]):
        with pytest.raises(ValueError, match="do not ascend"):
            told(rows, tmp_path)


def test_a_pool_of_more_parts_than_are_kept_finds_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "KEPT", 1)
    texts = Parts()
    for _ in range(2):
        told(range(ROWS), tmp_path, texts)
    assert len(texts.read_rows) == ROWS


def test_texts_of_known_parts_are_had_where_their_readings_are_lost(tmp_path: Path) -> None:
    step = Dedup(kind="dedup", method="numbers")
    frame = POOL.select("row", source=pl.lit("s"))
    for lost in (False, True, True):
        texts = Parts()
        if lost:
            for path in tmp_path.glob("readings-*"):
                path.unlink()
        with Readings(numbers.read, tmp_path) as readings:
            material = gather(step, frame, texts, readings, lambda done, total: None)
            assert (texts.read_rows == []) == lost
            said = [numbers.read(text) for text in dict.fromkeys(POOL["question"])]
            assert material.texts() == [reading.normal for reading in said]
            assert material.soft(np.array([4, 1])) == [said[4].soft, said[1].soft]


@pytest.mark.parametrize("damage", ["torn", "another", "short", "flipped"])
def test_what_is_not_as_it_was_is_read_anew(tmp_path: Path, damage: str) -> None:
    told(range(ROWS), tmp_path)
    (path,) = tmp_path.glob("faces-*-b.npz")
    data = bytearray(path.read_bytes())
    if damage == "torn":
        path.write_bytes(data[:300])
    elif damage == "flipped":
        data[900] ^= 1
        path.write_bytes(data)
    else:
        archives.keep(path, faces=np.zeros(20) if damage == "another" else np.zeros(19, FACE))
    texts = Parts()
    assert told(range(ROWS), tmp_path, texts) == wanted(range(ROWS))
    assert set(texts.read_rows) >= set(range(20, 40))
    assert told(range(ROWS), tmp_path) == wanted(range(ROWS))


def test_a_folder_that_cannot_be_written_is_done_without(tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    assert told(range(ROWS), tmp_path / "file") == wanted(range(ROWS))


def test_the_parts_that_were_used_last_stay(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(faces, "KEPT", 3)
    told(range(ROWS), tmp_path)
    told(range(20), tmp_path)  # uses `a` again
    told(range(ROWS), tmp_path, Parts(("a", "d", "c")))
    assert known(tmp_path) == ["a", "c", "d"]


def test_rows_past_the_end_are_refused(tmp_path: Path) -> None:
    with pytest.raises(ValueError, match="row 45 was asked for, but the artifact has 40 rows"):
        told([3, 45], tmp_path, Parts(("a", "b")))
