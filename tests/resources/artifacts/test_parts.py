"""Parts of the version before are shared where they are the same, and the files are those that writing makes."""

from __future__ import annotations

import errno
import os
from pathlib import Path

import hypothesis.strategies as st
import polars as pl
import pytest
from hypothesis import given

from resources.artifacts import Artifact, ArtifactStore, Partition, chunks, parts

AT = Partition({"recipe": "r"})


@pytest.fixture(autouse=True)
def small() -> object:
    with pytest.MonkeyPatch.context() as patch:
        patch.setattr(chunks, "ROW_GROUP_ROWS", 5)
        patch.setattr(parts, "PART_ROWS", 10)
        yield


def frame(numbers: list[int]) -> pl.DataFrame:
    return pl.DataFrame(
        {
            "id": numbers,
            "text": [None if n % 4 == 0 else f"text {n} {'é' * n}" for n in numbers],
            "list": [[str(n)] * (n % 3) for n in numbers],
        },
        schema={"id": pl.Int64, "text": pl.String, "list": pl.List(pl.String)},
    )


def made(store: ArtifactStore, rows: pl.DataFrame, step: int = 7, code: str = "1") -> Artifact:
    with store.publication("mixed_pool", AT, code_version=code) as out:
        for piece in rows.iter_slices(step) if len(rows) else [rows]:
            out.write(piece)
        manifest = out.publish(allow_empty=True)
    found = store.current("mixed_pool", AT)
    assert found is not None and found.artifact_id == manifest.artifact_id
    return found


def shared(one: Artifact, other: Artifact) -> list[str]:
    """The parts of one that are files of the other."""
    theirs = {path.stat().st_ino for path in other.parts()}
    return [path.name for path in one.parts() if path.stat().st_ino in theirs]


BLOCKS = st.lists(
    st.sampled_from([range(10), range(10, 20), range(20, 30), range(3), range(40, 47), range(50, 95)]), max_size=6
)


@given(
    st.lists(BLOCKS.map(lambda some: [n for block in some for n in block]), min_size=2, max_size=4), st.integers(1, 30)
)
def test_files_are_those_that_writing_makes(
    tmp_path_factory: pytest.TempPathFactory, versions: list[list[int]], step: int
) -> None:
    root = tmp_path_factory.mktemp("stores")
    store = ArtifactStore(root / "one")
    for number, rows in enumerate(versions):
        found = made(store, frame(rows), step)
        alone = made(ArtifactStore(root / f"alone{number}"), frame(rows))
        assert found.manifest.content_hash == alone.manifest.content_hash
        assert [p.read_bytes() for p in found.parts()] == [p.read_bytes() for p in alone.parts()]
        assert found.verify() == [] and found.read().equals(frame(rows))


VALUES = {
    "whole": (pl.Int64, st.none() | st.integers(0, 3)),
    "real": (pl.Float64, st.none() | st.sampled_from([0.0, 1.5])),
    "text": (pl.String, st.none() | st.sampled_from(["", "x", "é"])),
    "flag": (pl.Boolean, st.none() | st.booleans()),
    "list": (pl.List(pl.String), st.none() | st.lists(st.none() | st.sampled_from(["", "a"]), max_size=3)),
    "pair": (
        pl.Struct({"x": pl.Int32, "y": pl.List(pl.String)}),
        st.none()
        | st.fixed_dictionaries({"x": st.none() | st.just(3), "y": st.none() | st.lists(st.none() | st.just("q"))}),
    ),
}
SCHEMA = {name: kind for name, (kind, _) in VALUES.items()}
ROWS = st.lists(st.fixed_dictionaries({name: values for name, (_, values) in VALUES.items()}), max_size=20)


@given(ROWS, ROWS, st.integers(0, 20))
def test_a_fingerprint_is_of_the_values(
    rows: list[dict[str, object]], others: list[dict[str, object]], cut: int
) -> None:
    plain, other = pl.DataFrame(rows, schema=SCHEMA), pl.DataFrame(others, schema=SCHEMA)
    ways = [
        plain,
        pl.concat([other, plain, other]).slice(len(other), len(plain)),
        pl.concat([plain.head(cut), plain.slice(cut)], rechunk=False),
        pl.concat([plain.head(cut), plain.slice(cut)], rechunk=True),
        pl.DataFrame(parts.plain_arrow(plain)),
    ]
    (mark,) = {parts.fingerprint(parts.plain_arrow(way)) for way in ways}
    assert (parts.fingerprint(parts.plain_arrow(other)) == mark) == (rows == others)


def test_a_version_with_more_rows_shares_all_full_parts(local: ArtifactStore) -> None:
    first = made(local, frame(list(range(35))))
    more = made(local, frame(list(range(48))))
    assert shared(more, first) == ["part-00000.parquet", "part-00001.parquet", "part-00002.parquet"]
    again = made(local, frame(list(range(48))), code="2")  # another version with the same rows: the last part as well
    assert again.artifact_id != more.artifact_id and len(shared(again, more)) == 5


def test_parts_are_shared_wherever_they_come_to_lie(local: ArtifactStore) -> None:
    first = made(local, frame(list(range(30))))
    more = made(local, frame([*range(100, 110), *range(30)]))
    assert shared(more, first) == ["part-00001.parquet", "part-00002.parquet", "part-00003.parquet"]
    assert more.read()["id"].to_list() == [*range(100, 110), *range(30)]


def test_a_part_that_begins_the_same_is_written(local: ArtifactStore) -> None:
    first = made(local, frame(list(range(20))))
    other = made(local, frame([*range(5), *range(60, 75)]))
    assert shared(other, first) == [] and other.read()["id"].to_list() == [*range(5), *range(60, 75)]


def test_another_part_size_shares_nothing(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(local, frame(list(range(40))))
    monkeypatch.setattr(parts, "PART_ROWS", 20)
    other = made(local, frame(list(range(40))))
    assert shared(other, first) == [] and [f.rows for f in other.manifest.tables[""].files] == [20, 20]


def test_a_damaged_part_is_written_anew(local: ArtifactStore) -> None:
    first = made(local, frame(list(range(30))))
    broken = first.parts()[1]
    data = bytearray(broken.read_bytes())
    data[30] ^= 255
    broken.write_bytes(data)
    more = made(local, frame(list(range(40))))
    assert more.verify() == [] and "part-00001.parquet" not in shared(more, first)
    # The same content again is the damaged artifact itself: it gets whole files.
    assert first.verify() != []
    healed = made(local, frame(list(range(30))))
    assert healed.artifact_id == first.artifact_id and healed.verify() == []


@pytest.mark.parametrize("refused", [errno.EPERM, errno.EMLINK, errno.EXDEV])
def test_a_disk_without_links(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch, refused: int) -> None:
    first = made(local, frame(list(range(33))))

    def refuse(*_: object) -> None:
        raise OSError(refused, os.strerror(refused))

    monkeypatch.setattr(os, "link", refuse)
    more = made(local, frame(list(range(50))))
    assert shared(more, first) == [] and more.verify() == [] and more.read().equals(frame(list(range(50))))


def test_a_version_that_shares_outlives_those_before(local: ArtifactStore) -> None:
    first = made(local, frame(list(range(30))))
    second = made(local, frame(list(range(45))))
    more = made(local, frame([*range(30), *range(60, 85)]))
    files = [path for one in (first, second) for path in Path(one.path).rglob("*") if path.is_file()]
    theirs = {path.stat().st_ino for path in Path(more.path).rglob("*")}
    freed = {path.stat().st_ino: path.stat().st_size for path in files if path.stat().st_ino not in theirs}
    free = sum(freed.values())
    assert shared(more, second) == shared(more, first) == [f"part-0000{n}.parquet" for n in range(3)]
    assert local.gc(grace_hours=0).bytes == local.gc(grace_hours=0, delete=True).bytes == free > 0
    assert not Path(first.path).exists() and not Path(second.path).exists()
    assert more.verify() == [] and len(more.read()) == 55


def test_what_versions_share_is_counted_once(local: ArtifactStore) -> None:
    for rows in (30, 45, 60):
        made(local, frame(list(range(rows))))
    made(local, frame([1, 2, 3]))
    taken = {p.stat().st_ino: p.stat().st_size for p in Path(local.root).rglob("*") if p.is_file()}
    report = local.gc(grace_hours=0, delete=True)
    left = {p.stat().st_ino: p.stat().st_size for p in Path(local.root).rglob("*") if p.is_file()}
    assert len(report.items) == 3
    assert abs(report.bytes - (sum(taken.values()) - sum(left.values()))) < 100  # locks


def test_a_part_that_cannot_be_read_is_written_anew(local: ArtifactStore, monkeypatch: pytest.MonkeyPatch) -> None:
    first = made(local, frame(list(range(30))))

    def unreadable(path: Path, expected: object) -> str:
        raise OSError(errno.EIO, os.strerror(errno.EIO), str(path))

    monkeypatch.setattr(parts, "file_problem", unreadable)
    more = made(local, frame(list(range(40))))
    assert shared(more, first) == [] and more.verify() == []


def test_object_stores_take_whole_files() -> None:
    store = ArtifactStore("memory://parts/store")
    assert all(file.groups is None for file in made(store, frame(list(range(30)))).manifest.all_files())
    assert made(store, frame(list(range(41)))).read().equals(frame(list(range(41))))
